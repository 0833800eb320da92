"""WebGPU computes what the processor computes, and everything on the card. The card is SwiftShader's.

Its shaders take longer to compile than all evaluations here, and are kept as long as a session is open.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from nst_core.backends import choose
from nst_core.backends.card_check import measure_half
from nst_core.backends.interface import Tiling
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.onnx_runtime.gradient_graph import Form, gradient_graph
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm, TotalVariation
from nst_core.loss.statistics.gram import GRAM
from nst_core.loss.statistics.moments import MOMENTS
from nst_core.loss.structure import make_structure
from nst_core.settings import make_settings
from nst_core.vgg import graphics_cards, sessions
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.graphics_cards import find_cards
from nst_core.vgg.layers import LAYERS
from tests import software_card

pytest.importorskip(graphics_cards.PACKAGE)
pytestmark = pytest.mark.slow

LONG_ONLY = pytest.mark.skipif(
    not os.environ.get("NST_TEST_LONG"), reason="some ten seconds; NST_TEST_LONG=1 runs it"
)

STYLE = ("relu1_1", "relu2_1")
CONTENT = ("relu2_1",)
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(scope="module")
def card(swiftshader, network):
    """An open backend, which keeps the compiled shaders for the tests of this file."""
    backend = OnnxBackend(network, device="webgpu")
    assert backend.runtime_device.kind == "webgpu"
    yield backend
    backend.end()


def open_card(network, **options) -> OnnxBackend:
    backend = OnnxBackend(network, device="webgpu", **options)
    assert backend.runtime_device.kind == "webgpu"
    return backend


def picture(seed: int, height: int, width: int):
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(3, height // 4 + 1, width // 4 + 1)).repeat(4, axis=1).repeat(4, axis=2)
    grain = random.normal(scale=0.05, size=(3, height, width))
    return (coarse[:, :height, :width] + grain).astype(np.float32)


def make_objective(network, size, statistic, *, masked, style=STYLE, content=CONTENT, priors=()):
    """Return an objective whose targets are random, and whose terms are all of some weight."""
    random = np.random.default_rng(5)
    table = {layer.name: layer for layer in LAYERS[network.architecture]}

    def mask(layer):
        stride = table[layer].stride
        return random.uniform(size=(size[0] // stride, size[1] // stride)).astype(np.float32)

    def target(layer):
        stride, channels = table[layer].stride, table[layer].channels
        return random.uniform(size=(channels, size[0] // stride, size[1] // stride)).astype(np.float32)

    contents = tuple(
        ContentTerm(layer, 1e-3, target(layer), mask(layer) if masked else None) for layer in content
    )
    styles = []
    for layer in style:
        flat = target(layer).reshape(table[layer].channels, -1)
        styles.append(
            StyleTerm(
                layer,
                1.0,
                flat @ flat.T / flat.shape[1],
                mean=flat.mean(axis=1),
                guide=mask(layer) if masked else None,
                statistic=statistic,
            )
        )
    return Objective(contents, tuple(styles), tuple(priors))


def assert_parity(found, expected):
    assert float(found.loss) == pytest.approx(float(expected.loss), rel=LOSS_TOLERANCE)
    np.testing.assert_allclose(found.terms, expected.terms, rtol=1e-4, atol=1e-7 * float(expected.loss))
    difference = np.linalg.norm(found.gradient - expected.gradient)
    assert difference <= GRADIENT_TOLERANCE * np.linalg.norm(expected.gradient)


@pytest.mark.parametrize(
    ("statistic", "pooling", "masked"),
    [
        (GRAM, "max", False),
        (MOMENTS, "max", True),
        (MOMENTS, "average", False),
        pytest.param(GRAM, "average", True, marks=LONG_ONLY),
    ],
    ids=["gram", "moments with masks and guides", "moments, average", "gram, average, masks and guides"],
)
def test_gradients_are_those_of_the_processor(card, network, statistic, pooling, masked):
    size = 18, 21
    priors = (TotalVariation(0.5), RangePenalty(9.0), make_structure(picture(3, *size), None, 2.0, 1))
    objective = make_objective(network, size, statistic, masked=masked, priors=priors)
    at = picture(1, *size)
    found = open_card(network, pooling=pooling).evaluator(objective, *size)(at)
    cpu = OnnxBackend(network, device="cpu", pooling=pooling)
    assert_parity(found, cpu.evaluator(objective, *size)(at))


@pytest.mark.parametrize("statistic", [GRAM, pytest.param(MOMENTS, marks=LONG_ONLY)], ids=["gram", "moments"])
def test_tiles_have_the_gradient_of_the_whole(card, network, statistic):
    size = 16, 26
    objective = make_objective(network, size, statistic, masked=True, priors=(TotalVariation(0.5),))
    at = picture(2, *size)
    found = card.evaluator(objective, *size, Tiling(20))(at)
    assert_parity(found, OnnxBackend(network, device="cpu").evaluator(objective, *size)(at))


def test_target_features_are_those_of_the_processor(card, network):
    at = picture(4, 16, 20)
    layers = ["relu1_1", "relu2_1"]
    found = OnnxFeatures(network, "webgpu").features(at, layers)
    expected = OnnxFeatures(network, "cpu").features(at, layers)
    for layer in layers:
        np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-4, atol=1e-4)


@LONG_ONLY
def test_the_whole_network_has_the_gradient_of_the_processor(card, network):
    names = [f"relu{block}_1" for block in range(1, 6)]
    objective = make_objective(network, (32, 32), GRAM, masked=False, style=names, content=("relu4_2",))
    at = picture(5, 32, 32)
    found = card.evaluator(objective, 32, 32)(at)
    assert_parity(found, OnnxBackend(network, device="cpu").evaluator(objective, 32, 32)(at))


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("statistic", [GRAM, MOMENTS], ids=["gram", "moments"])
def test_no_node_of_the_whole_network_is_computed_by_the_processor(card, network, statistic, pooling):
    """Nor is there a copy between the two, or a transposition: the layout of features never changes."""
    names = [f"relu{block}_1" for block in range(1, 6)]
    objective = make_objective(network, (64, 64), statistic, masked=True, style=names, content=("relu4_2",))
    backend = open_card(network, pooling=pooling)
    graph, shared = gradient_graph(backend.shape(Form.of(objective), 64, 64), backend._kernels)
    assert shared == {}

    def configure(options: onnxruntime.SessionOptions) -> None:
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")

    session = sessions.open_session(graph, backend.runtime_device, configure=configure)
    assert session.device.kind == "webgpu"  # it would be the processor if a node needed it
    parts = session.runtime.get_provider_graph_assignment_info()
    assert {part.ep_name for part in parts} == {graphics_cards.PROVIDER}
    operators = {node.op_type for part in parts for node in part.get_nodes()}
    assert {"Conv", "Gemm"} <= operators
    assert not {operator for operator in operators if operator.startswith(("Memcpy", "Transpose"))}


def test_a_card_without_half_precision_computes_in_single(card, network):
    """SwiftShader has none, which shows as soon as a graph is opened."""
    half = OnnxBackend(network, device="webgpu", half=True)
    assert half.half
    assert measure_half(half, OnnxBackend(network, device="cpu"), 48) == (math.inf, math.inf)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_no_node_in_half_precision_is_computed_by_the_processor(card, network, pooling):
    """Weights stay as they are until a run, because SwiftShader cannot prepare those of half precision."""
    names = [f"relu{block}_1" for block in range(1, 6)]
    objective = make_objective(network, (64, 64), MOMENTS, masked=True, style=names, content=("relu4_2",))
    backend = OnnxBackend(network, device="webgpu", pooling=pooling, half=True)
    graph, _ = gradient_graph(backend.shape(Form.of(objective), 64, 64), backend._kernels)

    def configure(options: onnxruntime.SessionOptions) -> None:
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")

    session = sessions.open_session(graph, backend.runtime_device, configure=configure)
    assert session.device.kind == "webgpu"
    parts = session.runtime.get_provider_graph_assignment_info()
    assert {part.ep_name for part in parts} == {graphics_cards.PROVIDER}


class CountingBinding:
    """An IO binding that notes what is copied."""

    copies: tuple[str, ...] = ()

    def __init__(self, real: onnxruntime.IOBinding) -> None:
        self.real = real

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def bind_cpu_input(self, name, array):
        CountingBinding.copies += (f"to the card: {name}",)
        self.real.bind_cpu_input(name, array)

    def copy_outputs_to_cpu(self):
        CountingBinding.copies += tuple(
            f"from the card: {value.shape()}" for value in self.real.get_outputs()
        )
        return self.real.copy_outputs_to_cpu()


def test_only_the_picture_and_the_results_are_copied_in_an_evaluation(card, network, monkeypatch):
    size = 18, 21
    objective = make_objective(network, size, GRAM, masked=False)
    evaluator = card.evaluator(objective, *size)
    evaluator(picture(1, *size))
    session, binding = evaluator._bound
    counting = CountingBinding(binding)
    evaluator._bound = session, counting
    run = session.runtime.run_with_iobinding
    monkeypatch.setattr(session.runtime, "run_with_iobinding", lambda bound: run(bound.real))
    evaluator(picture(2, *size))
    results = 3 * size[0] * size[1] + len(objective.terms)
    assert CountingBinding.copies == ("to the card: image", f"from the card: [{results}]")


def test_the_card_is_described_and_not_taken_unasked(card, network, models, monkeypatch):
    (found,) = find_cards().cards
    assert found.software
    assert "SwiftShader" in found.name
    assert found.largest_buffer == 2**30
    assert card.device == f"{found.name} (webgpu:0)"
    assert card.limits.most_pixels == found.largest_buffer / 256
    assert not card.limits.own_memory
    monkeypatch.setattr(choose, "torch_gpu", lambda *_arguments: None)
    engine = choose.open_engine(make_settings({"model": "vgg16"}), models, lambda _notice: None)
    assert engine.backend.device == "CPU"


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0 or not shutil.which("unshare"),
    reason="a kernel with another card needs root and unshare",
)
def test_a_card_that_the_kernel_lists_is_found_and_computes(swiftshader):
    """ONNX Runtime's own discovery sees the card; WebGPU then takes the only device there is."""
    program = (
        "import numpy as np, onnxruntime\n"
        "from nst_core.backends.onnx_runtime.backend import _smallest_graph\n"
        "from nst_core.vgg import graphics_cards\n"
        "from nst_core.vgg.sessions import find_device, open_session\n"
        "print(*(card.name for card in graphics_cards.find_cards().cards))\n"
        "for device in graphics_cards._plugin_devices():\n"
        "    print(device.device.type.name, hex(device.device.vendor_id), hex(device.device.device_id))\n"
        "session = open_session(_smallest_graph(), find_device('webgpu'))\n"
        "print(session.device.words, session.runtime.run(None, {'x': np.ones((1, 1, 1, 1), np.float32)}))\n"
    )
    command = software_card.command_with_a_card(
        [sys.executable, "-c", program], (0x1002, 0x73BF), (0x8086, 0x56A0)
    )
    variables = {**os.environ, **software_card.environment(software_card.provide())}
    variables.pop(graphics_cards.ALLOW_SOFTWARE, None)
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, *devices, computed = done.stdout.splitlines()
    assert "SwiftShader" in name
    assert devices == ["GPU 0x1002 0x73bf", "GPU 0x8086 0x56a0"]
    assert computed.startswith("webgpu:0 [array([[[[1.]]]]")
