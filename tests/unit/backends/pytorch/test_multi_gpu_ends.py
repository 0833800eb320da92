"""Processes that share tiles and come to an end: killed, broken off, or unable to begin."""

from __future__ import annotations

import time

import pytest
import torch
import torch.distributed as dist

from nst_core.backends.interface import Tiling
from nst_core.backends.pytorch.multi_gpu import SHUTDOWN_SECONDS, DistributedBackend
from nst_core.errors import ErrorCode, NstError
from tests.unit.backends.tiling.test_evaluator import LAYER_SETS, make_objective, picture


class BrokenOff(BaseException):
    """As a second Ctrl-C."""


@pytest.mark.parametrize("way", ["killed", "broken off"])
def test_an_end_in_the_middle_keeps_nobody_waiting(models, way):
    backend = DistributedBackend(models.resolve("vgg16"), devices=["cpu", "cpu"], dtype=torch.float64)
    folder, (process,) = backend._folder, backend._processes

    def between(done):
        if done > 0.5 and way == "killed":
            process.kill()
        elif done > 0.5:
            raise BrokenOff

    objective = make_objective(backend.local, 90, 130, LAYER_SETS[1])
    evaluate = backend.evaluator(objective, 90, 130, Tiling(64, between))
    with pytest.raises((NstError, BrokenOff)) as caught:
        evaluate(backend.upload(picture(2, 90, 130)))
    if way == "killed":
        assert caught.value.code is ErrorCode.NO_ENGINE
        assert caught.value.hint
    began = time.monotonic()
    backend.end()
    assert time.monotonic() - began < SHUTDOWN_SECONDS / 2
    assert not process.is_alive()
    assert not folder.exists()
    assert not dist.is_initialized()


def test_a_process_that_cannot_begin_is_told(models):
    with pytest.raises(NstError, match="meta") as caught:
        DistributedBackend(models.resolve("vgg16"), devices=["cpu", "meta:x"])
    assert caught.value.code is ErrorCode.NO_DEVICE
    assert not dist.is_initialized()
