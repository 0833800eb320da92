"""Ends of processes that share tiles: killed, interrupted, or unable to start."""

from __future__ import annotations

import time

import pytest
import torch
import torch.distributed as dist

from nst_core.backends.interface import Tiling
from nst_core.backends.pytorch.multi_gpu import SHUTDOWN_SECONDS, DistributedBackend
from nst_core.errors import ErrorCode, NstError
from tests.unit.backends.tiling.test_evaluator import LAYER_SETS, make_objective, picture


class Interrupted(BaseException):
    """Stands for a second Ctrl-C."""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["killed", pytest.param("interrupted", marks=pytest.mark.long)])
def test_an_end_within_an_evaluation_keeps_no_process_waiting(models, way):
    backend = DistributedBackend(models.resolve("vgg16"), devices=["cpu", "cpu"], dtype=torch.float64)
    folder, (process,) = backend._folder, backend._processes

    def on_tile(done):
        if done > 0.5 and way == "killed":
            process.kill()
        elif done > 0.5:
            raise Interrupted

    objective = make_objective(backend.local, 90, 130, LAYER_SETS[1])
    evaluate = backend.evaluator(objective, 90, 130, Tiling(64, on_tile))
    with pytest.raises((NstError, Interrupted)) as caught:
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


@pytest.mark.slow
def test_a_process_that_cannot_start_raises_an_error(models):
    with pytest.raises(NstError, match="meta") as caught:
        DistributedBackend(models.resolve("vgg16"), devices=["cpu", "meta:x"])
    assert caught.value.code is ErrorCode.NO_DEVICE
    assert not dist.is_initialized()
