"""The ONNX graphs, run by ONNX Runtime, compared with VGG written in torch."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.vgg import sessions
from nst_core.vgg.features import MAX_SESSIONS, OnnxFeatures
from nst_core.vgg.graph import embed_constants, forward_graph
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore

RNG = np.random.default_rng(7)


def picture(height: int, width: int) -> np.ndarray:
    """Return coarse random colours with fine noise, so that every layer responds."""
    coarse = RNG.random((3, height // 8 + 1, width // 8 + 1))
    large = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, :height, :width]
    return np.clip(large + 0.1 * RNG.standard_normal(large.shape), 0, 1).astype(np.float32)


def worst_difference(features: np.ndarray, expected: np.ndarray) -> float:
    assert features.shape == expected.shape
    assert features.dtype == np.float32
    return float(np.abs(features - expected).max() / np.abs(expected).max())


@pytest.fixture(scope="session")
def vgg16(models: ModelStore) -> Network:
    return models.resolve("vgg16")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("padding", ["zero", "edge"])
@pytest.mark.parametrize("size", [(64, 96), (67, 93)], ids=["even", "odd"])
def test_every_layer_of_vgg16_matches_torch(vgg16, pooling, padding, size):
    reference = pytest.importorskip("tests.unit.vgg.reference")
    image = picture(*size)
    expected = reference.torch_features(vgg16, image, pooling, padding)
    features = OnnxFeatures(vgg16, "cpu", pooling, padding).features(image, vgg16.layers)
    assert tuple(features) == vgg16.layers
    for name in vgg16.layers:
        assert worst_difference(features[name], expected[name]) < 1e-4, name


@pytest.mark.slow
def test_vgg19_with_caffe_normalisation_matches_torch(network19):
    reference = pytest.importorskip("tests.unit.vgg.reference")
    image = picture(41, 50)
    for pooling, padding in [("max", "zero"), ("average", "edge")]:
        expected = reference.torch_features(network19, image, pooling, padding)
        features = OnnxFeatures(network19, "cpu", pooling, padding).features(image, network19.layers)
        for name in network19.layers:
            assert worst_difference(features[name], expected[name]) < 1e-4, name


def test_real_weights_respond_to_edges(vgg16):
    """A trained first layer responds much more to a striped picture than to a flat one."""
    flat = np.full((3, 32, 32), 0.5, dtype=np.float32)
    striped = flat.copy()
    striped[:, :, ::4] = 0.0
    features = OnnxFeatures(vgg16, "cpu", padding="edge")
    deviation = [
        float(features.features(image, ["relu1_1"])["relu1_1"].std(axis=(1, 2)).mean())
        for image in (flat, striped)
    ]
    assert deviation[0] < 1e-5
    assert deviation[1] > 0.1


def test_edge_padding_keeps_a_flat_picture_flat(vgg16):
    flat = np.full((3, 24, 24), 0.8, dtype=np.float32)
    edge = OnnxFeatures(vgg16, "cpu", padding="edge").features(flat, ["conv1_1"])["conv1_1"]
    zero = OnnxFeatures(vgg16, "cpu", padding="zero").features(flat, ["conv1_1"])["conv1_1"]
    assert float(np.ptp(edge, axis=(1, 2)).max()) < 1e-5
    assert float(np.ptp(zero, axis=(1, 2)).max()) > 0.1


@pytest.mark.slow
def test_average_pooling_keeps_the_magnitude_of_activations(vgg16):
    image = picture(160, 160)
    layers = ("relu2_1", "relu3_1", "relu4_1", "relu5_1")
    max_rms, average_rms = [
        {name: float(np.sqrt(np.mean(value**2))) for name, value in features.features(image, layers).items()}
        for features in (OnnxFeatures(vgg16, "cpu", pooling) for pooling in ("max", "average"))
    ]
    for name in layers:
        assert 0.6 < average_rms[name] / max_rms[name] < 1.6, name


def test_graph_ends_at_the_deepest_requested_layer(vgg16):
    graph = embed_constants(forward_graph(vgg16, ["relu2_1", "conv1_2"]))
    onnx.checker.check_model(graph)
    assert [output.name for output in graph.graph.output] == ["relu2_1", "conv1_2"]
    assert [node.output[0] for node in graph.graph.node][-1] == "relu2_1"
    assert graph.graph.input[0].type.tensor_type.shape.dim[2].dim_param == "height"
    assert sum(node.op_type == "Conv" for node in graph.graph.node) == 3


def test_only_the_requested_layers_are_returned_in_order(vgg16):
    features = OnnxFeatures(vgg16, "cpu").features(picture(32, 32), ["relu3_1", "relu1_1", "relu3_1"])
    assert list(features) == ["relu3_1", "relu1_1"]
    assert features["relu3_1"].shape == (256, 8, 8)


def test_no_layers_give_no_features(vgg16):
    assert OnnxFeatures(vgg16, "cpu").features(picture(8, 8), []) == {}


def test_sessions_are_reused_up_to_a_limit(vgg16):
    features = OnnxFeatures(vgg16, "cpu")
    image = picture(16, 16)
    features.features(image, ["relu1_1", "relu1_2"])
    session = features.session(["relu1_2", "relu1_1"])
    assert features.session(["relu1_1", "relu1_2"]) is session
    for name in ("conv1_1", "relu1_1", "conv1_2", "relu1_2"):
        features.features(image, [name])
    assert len(features.sessions) == MAX_SESSIONS
    features.close()
    assert not features.sessions


def test_unknown_layer_is_refused(vgg16):
    with pytest.raises(NstError) as caught:
        OnnxFeatures(vgg16, "cpu").features(picture(32, 32), ["relu4_4"])
    assert caught.value.code is ErrorCode.UNKNOWN_LAYER


def test_picture_too_small_for_the_layer_is_refused(vgg16):
    features = OnnxFeatures(vgg16, "cpu")
    with pytest.raises(NstError) as caught:
        features.features(picture(40, 15), ["relu1_1", "relu5_1"])
    assert caught.value.code is ErrorCode.TOO_SMALL
    assert "15 x 40" in caught.value.message
    assert "16 x 16" in caught.value.message
    assert features.features(picture(16, 16), ["relu5_1"])["relu5_1"].shape == (512, 1, 1)


def test_missing_device_falls_back_to_the_cpu_with_a_notice(vgg16, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    notices: list[Notice] = []
    features = OnnxFeatures(vgg16, "cuda:1", on_notice=notices.append)
    image = picture(16, 16)
    features.features(image, ["relu1_1"])
    features.features(image, ["relu1_2"])
    assert features.device_words == "CPU"
    assert [notice.code for notice in notices] == ["no-device"]
    assert "requested device cuda:1" in notices[0].message


def test_provider_that_fails_to_start_falls_back_with_a_notice(vgg16, monkeypatch, capsys):
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    inference_session = onnxruntime.InferenceSession

    def broken_cuda(content, options, providers, enable_fallback):
        assert enable_fallback == 0
        if providers[0][0] == "CUDAExecutionProvider":
            raise RuntimeError("libcudnn.so.9: cannot open shared object file\nand more")
        return inference_session(content, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", broken_cuda)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda **_options: print("noise"), raising=False)
    notices: list[Notice] = []
    features = OnnxFeatures(vgg16, "auto", on_notice=notices.append)
    assert features.device_words == "cuda:0"
    assert features.features(picture(16, 16), ["relu1_1"])["relu1_1"].shape == (64, 16, 16)
    assert features.device_words == "CPU"
    assert len(notices) == 1
    assert "libcudnn.so.9" in notices[0].message
    assert "and more" not in notices[0].message
    assert capsys.readouterr().out == ""


def test_silent_fallback_to_the_cpu_is_reported(vgg16, monkeypatch):
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    inference_session = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda **_options: None, raising=False)
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda content, options, providers, enable_fallback: inference_session(
            content, options, providers=["CPUExecutionProvider"]
        ),
    )
    notices: list[Notice] = []
    OnnxFeatures(vgg16, "auto", on_notice=notices.append).features(picture(16, 16), ["relu1_1"])
    assert len(notices) == 1
    assert "did not start" in notices[0].message


@pytest.mark.parametrize("name", ["gpu", "cpu:1", "auto:0", "cuda:", "CUDA", "cuda:-1", ""])
def test_unknown_device_names_are_refused(name):
    with pytest.raises(NstError) as caught:
        sessions.find_device(name)
    assert caught.value.code is ErrorCode.NO_DEVICE


def test_device_names_are_parsed():
    assert sessions.find_device("cuda:2") == sessions.Device("cuda", 2, requested=True)
    assert sessions.find_device("cpu").words == "CPU"


def test_running_out_of_memory_is_reported(vgg16, monkeypatch):
    features = OnnxFeatures(vgg16, "cpu")

    class FullRuntime:
        def run(self, *_arguments):
            raise RuntimeError("Failed to allocate memory for requested buffer of size 123")

    monkeypatch.setattr(
        features, "session", lambda _layers: sessions.Session(FullRuntime(), sessions.Device("cpu"))
    )
    with pytest.raises(NstError) as caught:
        features.features(picture(16, 20), ["relu1_1"])
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert "20 x 16" in caught.value.message
