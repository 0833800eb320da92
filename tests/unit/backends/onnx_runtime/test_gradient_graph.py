"""The ONNX gradient graph against torch, and against float64 finite differences, on real VGG-16 weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.backends.onnx_runtime import backend
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.objective import (
    AlphaNorm,
    ContentTerm,
    Objective,
    RangePenalty,
    StyleTerm,
    TotalVariation,
)

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT = ("relu4_2",)
PRIORS = (
    TotalVariation(0.5),
    TotalVariation(0.2, 1.5),
    AlphaNorm(0.3),
    AlphaNorm(0.1, 3.5),
    RangePenalty(9.0),
)

LOSS_TOLERANCE = 1e-5
GRADIENT_TOLERANCE = 1e-3
KINK_TRIES = 16
KERNELS: dict = {}

rng = np.random.default_rng(2016)
RANDOM_SIZES = [tuple(int(side) for side in rng.integers(16, 112, size=2)) for _ in range(20)]


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(params=["planes", "rows"])
def deep_layers(request, monkeypatch):
    """How the blocks from the third on are computed; left alone, the picture's size decides."""
    smallest = 0 if request.param == "rows" else 10**9
    monkeypatch.setattr(backend, "SMALLEST_PICTURE", smallest)
    return request.param


def picture(seed, height, width):
    """Smooth random pictures, partly outside of 0..1; noise alone leaves the deep layers nearly dead."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(3, height // 4 + 2, width // 4 + 2)).repeat(4, axis=1).repeat(4, axis=2)
    grain = random.normal(scale=0.05, size=(3, height, width))
    return (coarse[:, :height, :width] + grain).astype(np.float32)


def make_objective(backend, height, width, *, style=STYLE, content=CONTENT, priors=(), masked=False):
    """An objective whose terms are all about 1 at a random picture."""
    random = np.random.default_rng(5)
    features = backend.features(picture(1, height, width), list(dict.fromkeys((*style, *content))))
    masks = {
        layer: random.uniform(size=found.shape[1:]).astype(np.float32) if masked else None
        for layer, found in features.items()
    }
    contents, styles = [], []
    for layer in content:
        found = features[layer]
        contents.append(ContentTerm(layer, float(2 / np.square(found).sum()), found, masks[layer]))
    for layer in style:
        flat = features[layer].reshape(len(features[layer]), -1)
        gram = flat @ flat.T / flat.shape[1]
        weight = float(4 * len(gram) ** 2 / np.square(gram).sum())
        styles.append(StyleTerm(layer, weight, gram, guide=masks[layer]))
    return Objective(tuple(contents), tuple(styles), tuple(priors))


def relative_error(found, wanted):
    return np.linalg.norm(found - wanted.numpy()) / max(float(np.linalg.norm(wanted.numpy())), 1e-30)


def assert_parity(network, objective, at, *, pooling="max", padding="edge", reference=torch.float32):
    _, height, width = at.shape
    expected = TorchBackend(network, pooling=pooling, padding=padding, dtype=reference)
    wanted = expected.evaluator(objective, height, width)(expected.upload(at))
    backend = OnnxBackend(network, device="cpu", pooling=pooling, padding=padding)
    backend._kernels = KERNELS.setdefault(network.path, backend._kernels)  # half of a small test's time
    found = backend.evaluator(objective, height, width)(at)
    assert float(found.loss) == pytest.approx(float(wanted.loss), rel=LOSS_TOLERANCE)
    assert found.terms.shape == (len(objective.terms),)
    np.testing.assert_allclose(found.terms, wanted.terms, rtol=1e-4, atol=1e-7 * float(wanted.loss))
    assert found.gradient.shape == at.shape
    evaluate = expected.evaluator(objective, height, width)
    error = relative_error(found.gradient, wanted.gradient)
    random = np.random.default_rng(1)
    for _ in range(KINK_TRIES):
        if error <= GRADIENT_TOLERANCE:
            break
        # A ReLU or a maximum may be so close to turning that rounding decides, here or there: then the
        # gradient must be that of torch for a picture that float32 can hardly tell from this one.
        near = at + random.normal(scale=2e-7, size=at.shape)
        error = relative_error(found.gradient, evaluate(expected.upload(near)).gradient)
    assert error <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("size", RANDOM_SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_parity_with_torch_at_random_sizes(network, deep_layers, size):
    index = RANDOM_SIZES.index(size)
    pooling, padding = ("max", "average")[index % 2], ("edge", "zero")[index // 2 % 2]
    backend = TorchBackend(network, pooling=pooling, padding=padding)
    objective = make_objective(backend, *size, priors=PRIORS[index % 5 :], masked=index % 3 == 0)
    assert_parity(network, objective, picture(index + 7, *size), pooling=pooling, padding=padding)


@pytest.mark.parametrize(
    ("style", "content"),
    [
        (("relu1_1",), ()),
        ((), ("conv1_1",)),
        (("relu1_2",), ("relu1_2",)),
        (("conv1_2", "relu1_2", "pool1"), ()),
        (("pool1",), ("pool2",)),
        (("conv2_2", "relu3_3"), ("conv4_2",)),
        (("relu1_1", "relu1_1", "conv2_1"), ("relu2_1", "conv2_1")),
        (("pool4",), ("relu4_3", "conv4_3")),
        ((), ("relu5_3", "pool5")),
        (("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), ("conv4_2",)),
    ],
    ids=lambda layers: "+".join(layers) or "none",
)
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_parity_for_all_kinds_of_layers(network, deep_layers, style, content, pooling):
    height, width = 37, 46
    backend = TorchBackend(network, pooling=pooling)
    objective = make_objective(backend, height, width, style=style, content=content, masked=len(style) == 2)
    assert_parity(network, objective, picture(3, height, width), pooling=pooling)


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("padding", ["edge", "zero"])
def test_of_equal_maxima_the_first_takes_all_as_in_torch(network, deep_layers, value, padding):
    """In a flat picture nearly all pooling windows hold four equal values."""
    height, width = 49, 64
    backend = TorchBackend(network, padding=padding)
    objective = make_objective(backend, height, width, priors=PRIORS)
    flat = np.full((3, height, width), value, dtype=np.float32)
    assert_parity(network, objective, flat, padding=padding)


def test_half_of_the_picture_flat(network, deep_layers):
    backend = TorchBackend(network)
    objective = make_objective(backend, 48, 80)
    at = picture(8, 48, 80)
    at[:, :, 30:] = np.array([0.9, 0.7, 0.1], dtype=np.float32)[:, None, None]
    assert_parity(network, objective, at)


@pytest.mark.parametrize("padding", ["edge", "zero"])
def test_sums_of_millions_lose_nothing(network, padding):
    """Terms of a picture large enough that adding one number after the other would lose 1e-5."""
    height, width = 130, 400
    exact = TorchBackend(network, padding=padding, dtype=torch.float64)
    objective = make_objective(
        exact, height, width, style=("relu1_1", "relu2_2"), content=("relu1_1",), priors=PRIORS
    )
    at = picture(6, height, width)
    found = OnnxBackend(network, device="cpu", padding=padding).evaluator(objective, height, width)(at)
    wanted = exact.evaluator(objective, height, width)(torch.tensor(at, dtype=torch.float64))
    np.testing.assert_allclose(found.terms, wanted.terms, rtol=2e-6)


def repeating_pictures():
    height, width = 64, 72
    plain = picture(9, height, width)
    partly = plain.copy()
    partly[:, 10:62, 15:70] = 0.25
    return {
        "light falling from above": np.repeat(plain[:, :, :1], width, axis=2),
        "light from the side": np.repeat(plain[:, :1], height, axis=1),
        "stripes": np.tile(plain[:, :, :8], (1, 1, 9)),
        "tiles": np.tile(plain[:, :4, :4], (1, 16, 18)),
        "partly flat": partly,
    }


@pytest.mark.parametrize("name", repeating_pictures())
def test_pictures_that_repeat_themselves_are_not_computed_on_rows(network, monkeypatch, name):
    """Rows round equal maxima apart."""
    monkeypatch.setattr(backend, "SMALLEST_PICTURE", 0)
    at = repeating_pictures()[name]
    objective = make_objective(TorchBackend(network), *at.shape[1:])
    evaluator = OnnxBackend(network, device="cpu").evaluator(objective, *at.shape[1:])
    assert evaluator.shape_for(picture(9, *at.shape[1:])).on_rows
    assert not evaluator.shape_for(at).on_rows
    assert_parity(network, objective, at)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: f"{prior}")
@pytest.mark.parametrize("size", [(16, 21), (1, 5), (4, 1), (1, 1)])
def test_priors_alone(network, prior, size):
    assert_parity(network, Objective(priors=(prior,)), picture(4, *size))


def test_alpha_norms_with_every_kind_of_exponent(network):
    priors = tuple(AlphaNorm(0.5, exponent) for exponent in (1.0, 2.0, 3.0, 5.0, 2.5, 12.0))
    assert_parity(network, Objective(priors=priors), picture(4, 19, 22))


def test_one_pixel_wide(network):
    backend = TorchBackend(network)
    objective = make_objective(backend, 1, 9, style=("relu1_1",), content=("conv1_2",), priors=PRIORS)
    assert_parity(network, objective, picture(4, 1, 9))


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradient_equals_finite_differences(network, deep_layers, pooling):
    """The slope of the loss along smooth directions, by central differences of torch in float64."""
    height, width = 35, 50
    exact = TorchBackend(network, pooling=pooling, dtype=torch.float64)
    objective = make_objective(exact, height, width, priors=PRIORS, masked=True)
    at = picture(2, height, width)
    evaluation = OnnxBackend(network, device="cpu", pooling=pooling).evaluator(objective, height, width)(at)
    losses = exact.evaluator(objective, height, width)
    random = np.random.default_rng(3)
    for _ in range(3):
        direction = random.normal(size=at.shape)
        ahead, behind = (float(losses(torch.tensor(at + step * direction)).loss) for step in (1e-8, -1e-8))
        slope = float((evaluation.gradient * direction).sum())
        scale = float(
            np.linalg.norm(evaluation.gradient)
        )  # a direction's slope may be near 0; its error is not
        assert slope == pytest.approx((ahead - behind) / 2e-8, abs=1e-4 * scale)


def test_networks_that_want_blue_first_and_bytes(network, tmp_path):
    """A Caffe normalisation: BGR, 0 to 255."""
    from nst_core.vgg.export import export_model
    from nst_core.vgg.network import NORMALISATIONS, load_network

    weights = {name: (kernel / 64, bias) for name, (kernel, bias) in network.weights().items()}
    from nst_core.vgg.network import ConvWeights

    model = export_model(
        {name: ConvWeights(*pair) for name, pair in weights.items()},
        "odd",
        NORMALISATIONS["caffe"],
        source="",
        licence="",
    )
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    turned = load_network(path, "odd")
    objective = make_objective(TorchBackend(turned), 33, 32, style=("relu1_1", "relu2_1"), content=())
    assert_parity(turned, objective, picture(5, 33, 32))
