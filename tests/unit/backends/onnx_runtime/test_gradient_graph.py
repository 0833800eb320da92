"""The ONNX gradient graph compared with torch and float64 finite differences, with real VGG-16 weights."""

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
from nst_core.loss.structure import make_structure

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
RANDOM_SIZES = [tuple(int(side) for side in rng.integers(16, 112, size=2)) for _ in range(6)]


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(params=["planes", "rows"])
def deep_layers(request, monkeypatch):
    """Set how blocks from the third on are computed; without it, the picture's size decides."""
    smallest = 0 if request.param == "rows" else 10**9
    monkeypatch.setattr(backend, "SMALLEST_PICTURE", smallest)
    return request.param


def picture(seed, height, width):
    """Return a smooth random picture, partly outside 0..1; noise alone hardly activates the deep layers."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(size=(3, height // 4 + 2, width // 4 + 2)).repeat(4, axis=1).repeat(4, axis=2)
    grain = random.normal(scale=0.05, size=(3, height, width))
    return (coarse[:, :height, :width] + grain).astype(np.float32)


def make_objective(backend, height, width, *, style=STYLE, content=CONTENT, priors=(), masked=False):
    """Return an objective whose terms are all about 1 at a random picture."""
    random = np.random.default_rng(5)
    features = backend.features(picture(1, height, width), list(dict.fromkeys((*style, *content))))
    masks = {
        layer: random.uniform(size=at_layer.shape[1:]).astype(np.float32) if masked else None
        for layer, at_layer in features.items()
    }
    contents, styles = [], []
    for layer in content:
        target = features[layer]
        contents.append(ContentTerm(layer, float(2 / np.square(target).sum()), target, masks[layer]))
    for layer in style:
        flat = features[layer].reshape(len(features[layer]), -1)
        gram = flat @ flat.T / flat.shape[1]
        weight = float(4 * len(gram) ** 2 / np.square(gram).sum())
        styles.append(StyleTerm(layer, weight, gram, guide=masks[layer]))
    return Objective(tuple(contents), tuple(styles), tuple(priors))


def relative_error(gradient, expected):
    length = float(np.linalg.norm(expected.numpy()))
    return np.linalg.norm(gradient - expected.numpy()) / max(length, 1e-30)


def assert_parity(network, objective, at, *, pooling="max", padding="edge", reference=torch.float32):
    _, height, width = at.shape
    torch_backend = TorchBackend(network, pooling=pooling, padding=padding, dtype=reference)
    evaluate = torch_backend.evaluator(objective, height, width)
    expected = evaluate(torch_backend.upload(at))
    onnx_backend = OnnxBackend(network, device="cpu", pooling=pooling, padding=padding)
    # Transforming kernels would be half of a small test's time.
    onnx_backend._kernels = KERNELS.setdefault(network.path, onnx_backend._kernels)
    evaluation = onnx_backend.evaluator(objective, height, width)(at)
    assert float(evaluation.loss) == pytest.approx(float(expected.loss), rel=LOSS_TOLERANCE)
    assert evaluation.terms.shape == (len(objective.terms),)
    np.testing.assert_allclose(evaluation.terms, expected.terms, rtol=1e-4, atol=1e-7 * float(expected.loss))
    assert evaluation.gradient.shape == at.shape
    error = relative_error(evaluation.gradient, expected.gradient)
    random = np.random.default_rng(1)
    for _ in range(KINK_TRIES):
        if error <= GRADIENT_TOLERANCE:
            break
        # A ReLU or a maximum may be so close to its kink that rounding decides its side. Then the gradient
        # must equal that of torch for a picture that float32 can hardly distinguish from this one.
        near = at + random.normal(scale=2e-7, size=at.shape)
        error = relative_error(evaluation.gradient, evaluate(torch_backend.upload(near)).gradient)
    assert error <= GRADIENT_TOLERANCE


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=pytest.mark.long if number > 2 else ())
        for number, size in enumerate(RANDOM_SIZES)
    ],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
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
        pytest.param(("relu1_2",), ("relu1_2",), marks=pytest.mark.long),
        (("conv1_2", "relu1_2", "pool1"), ()),
        pytest.param(("pool1",), ("pool2",), marks=pytest.mark.long),
        pytest.param(("conv2_2", "relu3_3"), ("conv4_2",), marks=pytest.mark.long),
        (("relu1_1", "relu1_1", "conv2_1"), ("relu2_1", "conv2_1")),
        (("pool4",), ("relu4_3", "conv4_3")),
        ((), ("relu5_3", "pool5")),
        (("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), ("conv4_2",)),
    ],
    ids=lambda layers: "+".join(layers) or "none",
)
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_parity_with_torch_for_all_kinds_of_layers(network, deep_layers, style, content, pooling):
    height, width = 37, 46
    backend = TorchBackend(network, pooling=pooling)
    objective = make_objective(backend, height, width, style=style, content=content, masked=len(style) == 2)
    assert_parity(network, objective, picture(3, height, width), pooling=pooling)


@pytest.mark.parametrize("value", [0.0, 0.4, pytest.param(1.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("padding", ["edge", "zero"])
def test_first_of_equal_maxima_gets_the_gradient_as_in_torch(network, deep_layers, value, padding):
    """In a flat picture nearly all pooling windows hold four equal values."""
    height, width = 49, 64
    backend = TorchBackend(network, padding=padding)
    objective = make_objective(backend, height, width, priors=PRIORS)
    flat = np.full((3, height, width), value, dtype=np.float32)
    assert_parity(network, objective, flat, padding=padding)


@pytest.mark.slow
def test_half_flat_picture_equals_torch(network, deep_layers):
    backend = TorchBackend(network)
    objective = make_objective(backend, 48, 80)
    at = picture(8, 48, 80)
    at[:, :, 30:] = np.array([0.9, 0.7, 0.1], dtype=np.float32)[:, None, None]
    assert_parity(network, objective, at)


@pytest.mark.slow
def test_sums_of_millions_stay_exact(network):
    """The picture is large enough that adding one number after the other would lose 1e-5."""
    height, width = 130, 400
    exact = TorchBackend(network, padding="edge", dtype=torch.float64)
    objective = make_objective(
        exact, height, width, style=("relu1_1", "relu2_2"), content=("relu1_1",), priors=PRIORS
    )
    at = picture(6, height, width)
    evaluation = OnnxBackend(network, device="cpu", padding="edge").evaluator(objective, height, width)(at)
    expected = exact.evaluator(objective, height, width)(torch.tensor(at, dtype=torch.float64))
    np.testing.assert_allclose(evaluation.terms, expected.terms, rtol=2e-6)


def repeating_pictures():
    height, width = 64, 72
    plain = picture(9, height, width)
    partly = plain.copy()
    partly[:, 10:62, 15:70] = 0.25
    return {
        "light from above": np.repeat(plain[:, :, :1], width, axis=2),
        "light from the side": np.repeat(plain[:, :1], height, axis=1),
        "stripes": np.tile(plain[:, :, :8], (1, 1, 9)),
        "tiles": np.tile(plain[:, :4, :4], (1, 16, 18)),
        "partly flat": partly,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "light from above",
        pytest.param("light from the side", marks=pytest.mark.long),
        pytest.param("stripes", marks=pytest.mark.long),
        pytest.param("tiles", marks=pytest.mark.long),
        "partly flat",
    ],
)
def test_repeating_pictures_are_not_computed_on_rows(network, monkeypatch, name):
    """Convolutions on rows round equal maxima apart."""
    monkeypatch.setattr(backend, "SMALLEST_PICTURE", 0)
    at = repeating_pictures()[name]
    objective = make_objective(TorchBackend(network), *at.shape[1:])
    evaluator = OnnxBackend(network, device="cpu").evaluator(objective, *at.shape[1:])
    assert evaluator.shape_for(picture(9, *at.shape[1:])).on_rows
    assert not evaluator.shape_for(at).on_rows
    assert_parity(network, objective, at)


def structure(height, width, pool, *, masked=False):
    """Return a structure prior of about 1 at a random picture."""
    content = picture(3, height, width)
    mask = np.random.default_rng(4).uniform(size=(height, width)).astype(np.float32) if masked else None
    return make_structure(content, mask, 1.0, pool.bit_length() - 1)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("size", "pool"), [((33, 50), 2), ((38, 43), 4), ((16, 16), 8), ((2, 9), 2), ((4, 7), 4), ((5, 3), 1)]
)
def test_structure_equals_torch(network, size, pool, masked):
    """Sizes that cells do not divide, single rows and single cells."""
    prior = structure(*size, pool, masked=masked)
    assert_parity(network, Objective(priors=(prior,)), picture(4, *size), reference=torch.float64)


def test_structure_beside_all_other_terms_equals_torch(network, deep_layers):
    size = (51, 70)
    priors = (*PRIORS, structure(*size, 2), structure(*size, 4, masked=True))
    objective = make_objective(TorchBackend(network), *size, priors=priors, masked=True)
    assert_parity(network, objective, picture(4, *size))


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: f"{prior}")
@pytest.mark.parametrize("size", [(16, 21), (1, 5), (4, 1), (1, 1)])
def test_priors_alone_equal_torch(network, prior, size):
    assert_parity(network, Objective(priors=(prior,)), picture(4, *size))


def test_alpha_norms_with_all_kinds_of_exponents_equal_torch(network):
    priors = tuple(AlphaNorm(0.5, exponent) for exponent in (1.0, 2.0, 3.0, 5.0, 2.5, 12.0))
    assert_parity(network, Objective(priors=priors), picture(4, 19, 22))


def test_picture_of_one_row_equals_torch(network):
    backend = TorchBackend(network)
    objective = make_objective(backend, 1, 9, style=("relu1_1",), content=("conv1_2",), priors=PRIORS)
    assert_parity(network, objective, picture(4, 1, 9))


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_gradient_equals_finite_differences(network, deep_layers, pooling):
    """Compare slopes along random directions with central differences of torch in float64."""
    height, width = 35, 50
    exact = TorchBackend(network, pooling=pooling, dtype=torch.float64)
    priors = (*PRIORS, structure(height, width, 2, masked=True))
    objective = make_objective(exact, height, width, priors=priors, masked=True)
    at = picture(2, height, width)
    evaluation = OnnxBackend(network, device="cpu", pooling=pooling).evaluator(objective, height, width)(at)
    losses = exact.evaluator(objective, height, width)
    random = np.random.default_rng(3)
    for _ in range(3):
        direction = random.normal(size=at.shape)
        ahead, behind = (float(losses(torch.tensor(at + step * direction)).loss) for step in (1e-8, -1e-8))
        slope = float((evaluation.gradient * direction).sum())
        scale = float(np.linalg.norm(evaluation.gradient))  # the slope itself may be near 0
        assert slope == pytest.approx((ahead - behind) / 2e-8, abs=1e-4 * scale)


def test_network_with_blue_first_and_values_to_255_equals_torch(network, tmp_path):
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
