"""Tiles shared by two CPU processes: the same loss and gradient, also after a stop."""

from __future__ import annotations

import pytest
import torch

from nst_core.backends.choose import check_torch_devices, choose
from nst_core.backends.interface import Tiling
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.pytorch.multi_gpu import DistributedBackend
from nst_core.errors import ErrorCode, NstError
from nst_core.painting.memory import choose_memory_layout
from nst_core.painting.memory_budget import MemoryBudget
from nst_core.settings import make_settings
from tests.unit.backends.tiling.test_evaluator import LAYER_SETS, assert_same, make_objective, picture


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(scope="module")
def shared(network):
    backend = DistributedBackend(network, devices=["cpu", "cpu"], pooling="average", dtype=torch.float64)
    yield backend
    processes = list(backend._processes)
    folder = backend._folder
    backend.end()
    assert [process.exitcode for process in processes] == [0]
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "window"), [((90, 130), 64), ((61, 47), 300)], ids=["tiles", "one tile"])
def test_two_processes_give_the_result_of_one(network, shared, size, window):
    """With a single tile the second process has nothing to compute, and still takes part."""
    alone = TorchBackend(network, pooling="average", dtype=torch.float64)
    for statistic in ("gram", "wasserstein"):
        objective = make_objective(alone, *size, LAYER_SETS[1], statistic=statistic, masked=True)
        at = alone.upload(picture(2, *size))
        whole = alone.evaluator(objective, *size)(at)
        evaluator = shared.evaluator(objective, *size, Tiling(window))
        assert_same(evaluator(at), whole, 1e-9)
        assert_same(evaluator(at), whole, 1e-9)


@pytest.mark.slow
def test_processes_evaluate_again_after_a_stop_between_tiles(network, shared):
    alone = TorchBackend(network, pooling="average", dtype=torch.float64)
    objective = make_objective(alone, 90, 130, LAYER_SETS[1])
    at = alone.upload(picture(2, 90, 130))
    stop = True

    def on_tile(done):
        if stop and done > 0.5:
            raise InterruptedError("stop")

    evaluator = shared.evaluator(objective, 90, 130, Tiling(64, on_tile))
    with pytest.raises(InterruptedError, match="stop"):
        evaluator(at)
    stop = False
    assert_same(evaluator(at), alone.evaluator(objective, 90, 130)(at), 1e-9)


@pytest.mark.slow
def test_large_pictures_are_shared_and_small_ones_are_not(shared):
    budget = MemoryBudget(1e12, None)
    small = choose_memory_layout(shared, make_settings({}), 800, 1000, budget)
    large = choose_memory_layout(shared, make_settings({}), 2000, 3000, budget)
    assert small.tiles == 1
    assert large.tiles > 1
    assert large.work < 1.3  # half of three passes for two, and the margins


def test_several_devices_need_torch():
    assert choose("auto", "cuda:0,cuda:1", "cuda") == ("torch", "cuda:0,cuda:1")
    assert choose("torch", "cuda:all", "cuda") == ("torch", "cuda:all")
    for engine, device in (("onnx", "cpu,cpu"), ("torch", "cuda:0,gpu")):
        with pytest.raises(NstError) as caught:
            choose(engine, device, "cuda")
        assert caught.value.code is ErrorCode.BAD_SETTING


def test_missing_devices_are_refused():
    check_torch_devices(["cpu", "cpu"])
    for names, code in (
        (["cuda:77"], ErrorCode.NO_DEVICE),
        (["cpu", "cuda:77"], ErrorCode.NO_DEVICE),
        (["cuda:x"], ErrorCode.BAD_SETTING),
        (["cuda", ""], ErrorCode.BAD_SETTING if torch.cuda.is_available() else ErrorCode.NO_DEVICE),
    ):
        with pytest.raises(NstError) as caught:
            check_torch_devices(names)
        assert caught.value.code is code
        assert caught.value.hint


def test_repeated_devices_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_torch_devices(["cuda:0", "cuda:1"])
    with pytest.raises(NstError, match="twice"):
        check_torch_devices(["cuda", "cuda:0"])
