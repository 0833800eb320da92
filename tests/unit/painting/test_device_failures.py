"""What a graphics card's driver does wrong during a run: smaller tiles, then the processor, no lost picture.

The card is the processor under another name, with faults put in between ONNX Runtime or torch and its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nst_core.backends.choose import Engine
from nst_core.backends.onnx_runtime import backend as backend_module
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch import backend as torch_backend_module
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.pytorch.devices import DeviceTraits
from nst_core.backends.pytorch.network import TorchNetwork
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.painting.pyramid import Level
from nst_core.painting.regions import PreparedImage
from nst_core.painting.run import RunCallbacks, paint
from nst_core.painting.subject import Subject
from nst_core.planning import benchmark
from nst_core.settings import make_settings
from nst_core.vgg import features as features_module
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.sessions import Device, Session, open_session

SETTINGS = make_settings(
    {"coarsest": 0, "matching": 0, "content_layers": "relu2_1", "style_layers": "relu1_1,relu2_1"}
)

LOST = "Failed to download data from buffer. wgpu::MapAsyncStatus value: 3, message: Device was lost"
FULL = "Failed to allocate memory for requested buffer of size 268435456"
SHADER = "Failed to create a WebGPU compute pipeline: error: function 'main' has 12 bindings"


class FaultyCard:
    """Opens sessions that run on the processor and say that they run on a card.

    From the run of number ``first`` on, each raises ``fault`` or, if that is "nan", returns no numbers.
    """

    def __init__(self, fault: str, first: int) -> None:
        self.fault, self.first, self.runs = fault, first, 0

    def open(
        self,
        graph: Any,
        device: Device,
        on_notice: Any = None,
        configure: Callable[[Any], None] | None = None,
    ) -> Session:
        session = open_session(graph, Device("cpu"), configure=configure or (lambda _options: None))
        return session if device.kind == "cpu" else Session(_Runtime(session.runtime, self), device)

    def run(self, compute: Callable[[], list[np.ndarray]]) -> list[np.ndarray]:
        self.runs += 1
        if self.runs < self.first:
            return compute()
        if self.fault == "nan":
            return [np.full_like(value, np.nan) for value in compute()]
        raise RuntimeError(self.fault)


class _Runtime:
    """An ONNX Runtime session with faults."""

    def __init__(self, real: Any, card: FaultyCard) -> None:
        self.real, self.card = real, card

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def run(self, *arguments: Any) -> list[np.ndarray]:
        return self.card.run(lambda: self.real.run(*arguments))

    def io_binding(self) -> Any:
        return _Binding(self.real.io_binding(), self.card)

    def run_with_iobinding(self, binding: _Binding) -> None:
        self.real.run_with_iobinding(binding.real)


class _Binding:
    def __init__(self, real: Any, card: FaultyCard) -> None:
        self.real, self.card = real, card

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def copy_outputs_to_cpu(self) -> list[np.ndarray]:
        return self.card.run(self.real.copy_outputs_to_cpu)


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def open_card(network, card: FaultyCard, monkeypatch, events: list) -> Engine:
    """Return an engine that evaluates on ``card``; target features are the processor's."""
    monkeypatch.setattr(backend_module, "open_session", card.open)
    monkeypatch.setattr(backend_module, "HOLDS_INPUTS", ())
    backend = OnnxBackend(network, device="webgpu", on_notice=events.append)
    backend.card = None
    return Engine(network, backend, OnnxFeatures(network, device="cpu", padding="edge"))


def picture(seed: int, height: int, width: int) -> PreparedImage:
    return PreparedImage(np.random.default_rng(seed).random((3, height, width), dtype=np.float32))


def paint_with(engine: Engine, events: list):
    subject = Subject(content=picture(1, 64, 80), styles=(picture(2, 48, 60),))
    levels = (Level(64, 80, 4), Level(64, 80, 2))
    return paint(subject, SETTINGS, levels, engine, RunCallbacks(on_event=events.append))


def codes(events: list) -> list[str]:
    return [event.code for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize("fault", [LOST, FULL, SHADER, "nan"], ids=["lost", "full", "shader", "nan"])
def test_a_card_that_fails_is_replaced_by_smaller_tiles_and_the_processor(network, fault, monkeypatch):
    """The third evaluation fails, and so does everything after it on the card."""
    whole = paint_with(
        Engine(network, OnnxBackend(network, device="cpu"), OnnxFeatures(network, "cpu", padding="edge")), []
    )
    events: list = []
    engine = open_card(network, FaultyCard(fault, first=3), monkeypatch, events)
    assert engine.backend.device == "webgpu:0"
    painted = paint_with(engine, events)
    tiles = codes(events).count("smaller-tiles")
    assert codes(events) == ["smaller-tiles"] * tiles + ["device-failed"]
    assert tiles > 1 if fault == FULL else tiles == 1
    assert engine.backend.device == "CPU"
    assert not engine.backend.limits.own_memory
    # Not a step is lost: it is the picture that the processor alone would have painted.
    assert painted.loss == pytest.approx(whole.loss, rel=1e-3)
    np.testing.assert_allclose(painted.pixels, whole.pixels, atol=2e-2)


def test_memory_that_is_enough_for_smaller_tiles_stays_on_the_card(network, monkeypatch):
    card = FaultyCard(FULL, first=10**9)
    events: list = []
    engine = open_card(network, card, monkeypatch, events)
    real, sizes = engine.backend.evaluator, []

    def scarce(objective, height, width, tiling=None):
        sizes.append(tiling.window if tiling else max(height, width))
        card.first = card.runs + 1 if sizes[-1] > 60 else 10**9
        return real(objective, height, width, tiling)

    monkeypatch.setattr(engine.backend, "evaluator", scarce)
    paint_with(engine, events)
    assert codes(events) == ["smaller-tiles", "smaller-tiles"]  # at each of the two levels
    assert sizes == [80, 40, 80, 40]
    assert engine.backend.device == "webgpu:0"


def test_numbers_that_are_none_on_the_processor_either_are_an_error_of_the_run(network, monkeypatch):
    class NanEverywhere(FaultyCard):
        def open(self, graph, device, on_notice=None, configure=None):
            session = super().open(graph, Device("webgpu"), on_notice, configure)
            return Session(session.runtime, device)

    events: list = []
    engine = open_card(network, NanEverywhere("nan", first=1), monkeypatch, events)
    with pytest.raises(NstError) as raised:
        paint_with(engine, events)
    assert raised.value.code is ErrorCode.DIVERGED
    assert codes(events) == ["smaller-tiles", "device-failed"]


@pytest.mark.parametrize("fault", [LOST, FULL, "nan"], ids=["lost", "full", "nan"])
def test_target_features_go_on_with_the_processor(network, fault, monkeypatch):
    monkeypatch.setattr(features_module, "open_session", FaultyCard(fault, first=1).open)
    events: list = []
    features = OnnxFeatures(network, "webgpu", on_notice=events.append)
    at = picture(1, 32, 32).pixels
    found = features.features(at, ["relu1_1"])["relu1_1"]
    np.testing.assert_array_equal(found, OnnxFeatures(network, "cpu").features(at, ["relu1_1"])["relu1_1"])
    assert codes(events) == ["device-failed"]
    assert features.device_words == "CPU"


def open_torch_card(network, monkeypatch, events: list, fails: Callable[[str, int], bool]) -> Engine:
    """Return an engine on a card of torch's that has no memory where ``fails(step, longest side)`` says so.

    The steps are "trace" (an evaluation), "features" and "evaluator" (its construction).
    """
    monkeypatch.setattr(torch_backend_module, "free_bytes", lambda _device: 8 * 10**9)
    backend = TorchBackend(network, on_notice=events.append)
    backend.device, backend.torch_device = "cuda", torch.device("cuda", 0)
    backend.traits = DeviceTraits(own_memory=True)

    def check(step: str, side: int) -> None:
        if backend.device == "cuda" and fails(step, side):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    real_run, real_evaluator = TorchNetwork._run, backend.evaluator

    def run(self, at, outputs, trace):
        if self.weights is backend._weights:
            check("features" if trace is None else "trace", max(at.shape[1:]))
        return real_run(self, at, outputs, trace)

    def evaluator(objective, height, width, tiling=None):
        check("evaluator", tiling.window if tiling else max(height, width))
        return real_evaluator(objective, height, width, tiling)

    monkeypatch.setattr(TorchNetwork, "_run", run)
    monkeypatch.setattr(backend, "evaluator", evaluator)
    return Engine(network, backend, backend)


@pytest.mark.parametrize("step", ["trace", "features", "evaluator"])
def test_a_card_of_torchs_without_memory_is_replaced_by_the_processor(network, step, monkeypatch):
    whole = TorchBackend(network)
    expected = paint_with(Engine(network, whole, whole), [])
    events: list = []
    engine = open_torch_card(network, monkeypatch, events, lambda at, _side: at == step)
    painted = paint_with(engine, events)
    tiles = codes(events).count("smaller-tiles")
    assert codes(events) == ["smaller-tiles"] * tiles + ["device-failed"]
    assert (tiles > 0) == (step != "features")
    assert engine.backend.device == ("cuda" if step == "features" else "cpu")
    assert painted.loss == pytest.approx(expected.loss, rel=1e-3)
    np.testing.assert_allclose(painted.pixels, expected.pixels, atol=2e-2)


def test_memory_of_torchs_card_that_is_enough_for_smaller_tiles(network, monkeypatch):
    events: list = []
    engine = open_torch_card(network, monkeypatch, events, lambda step, side: step == "trace" and side > 60)
    paint_with(engine, events)
    assert codes(events) == ["smaller-tiles", "smaller-tiles"]
    assert engine.backend.device == "cuda"


def test_the_speed_of_a_card_without_memory_is_the_processors(network, monkeypatch):
    events: list = []
    monkeypatch.setattr(benchmark, "SIDES", {False: (48, 64), True: (48, 64)})
    monkeypatch.setattr(benchmark, "UPSAMPLE_TO", 64)
    engine = open_torch_card(network, monkeypatch, events, lambda _step, _side: True)
    assert benchmark.measure(engine).megapixel > 0
    assert "device-failed" in codes(events)
    assert engine.backend.device == "cpu"
