"""Regions with real weights on both backends: independence, unpainted parts, strength masks."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.statistics import STATISTICS
from nst_core.painting.masked import MaskedEvaluator, blend_by_mask
from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.layers import LAYERS

SIZE = (40, 96)
LAYERS_USED = "relu1_1,relu2_1"


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(params=["torch", "onnx"])
def backend(request, network):
    kind = TorchBackend if request.param == "torch" else OnnxBackend
    backend = kind(network, device="cpu", pooling="average")
    yield backend
    backend.close()


def picture(seed, height=SIZE[0], width=SIZE[1]):
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(size=(3, height // 4 + 1, width // 4 + 1)).repeat(4, axis=1).repeat(4, axis=2)
    return np.clip(coarse[:, :height, :width] + rng.normal(scale=0.05, size=(3, height, width)), 0, 1).astype(
        np.float32
    )


def left_of(column):
    mask = np.zeros(SIZE, np.float32)
    mask[:, :column] = 1.0
    return mask


def gradient(network, backend, regions, settings, strength=None):
    extractor = OnnxFeatures(network, "cpu", "average", "edge")
    subject = Subject(content=PreparedImage(picture(0)), styles=(), regions=tuple(regions), strength=strength)
    objective = make_objective(extractor, subject, settings)
    evaluation = backend.evaluator(objective, *SIZE)(backend.upload(picture(9)))
    return backend.download(evaluation.gradient), objective


@pytest.mark.parametrize("guides", ["simple", "inside", "all"])
@pytest.mark.parametrize("statistic", list(STATISTICS))
def test_a_style_affects_only_the_reach_of_its_region(network, backend, statistic, guides):
    settings = make_settings(
        {
            "style_layers": LAYERS_USED,
            "content_layers": "relu2_1",
            "style_loss": statistic,
            "guides": guides,
            "matching": 0,
            "tv": 0,
        }
    )
    middle = 48
    left = StyleRegion((PreparedImage(picture(1)),), left_of(middle), "left")
    gradients = []
    for style in (2, 3):
        right = StyleRegion((PreparedImage(picture(style)),), 1.0 - left_of(middle), "right")
        gradients.append(gradient(network, backend, [left, right], settings)[0])
    change = np.abs(gradients[0] - gradients[1]).max(axis=(0, 1))
    field = {layer.name: layer.receptive_field for layer in LAYERS["vgg16"]}["relu2_1"]
    # With "all", positions that see the region's edge count, so it reaches a whole field past the edge.
    reach = field if guides == "all" else field // 2 + 1
    assert change[: middle - reach].max() == 0.0
    assert change[middle + reach :].max() > 0.0
    if guides == "inside":
        assert change[:middle].max() == 0.0


def test_backends_agree_on_regions_with_a_strength_mask(network):
    ramp = np.tile(np.linspace(0.1, 1.0, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    settings = make_settings({"style_layers": LAYERS_USED + ",relu3_1", "content_layers": "relu2_1"})
    regions = [
        StyleRegion((PreparedImage(picture(1)), PreparedImage(picture(2), None, 2.0)), left_of(40), "a"),
        StyleRegion((PreparedImage(picture(3), None, 1.0, left_of(60)),), 1.0 - left_of(40), "b"),
    ]
    gradients = []
    for kind in (TorchBackend, OnnxBackend):
        backend = kind(network, device="cpu", pooling="average")
        gradients.append(gradient(network, backend, regions, settings, ramp)[0])
        backend.close()
    assert np.linalg.norm(gradients[0] - gradients[1]) < 1e-3 * np.linalg.norm(gradients[0])


def test_unpainted_pixels_have_no_gradient_and_stay_identical(network, backend):
    settings = make_settings({"style_layers": LAYERS_USED, "content_layers": "relu2_1"})
    content, painting = picture(0), picture(9)
    region = StyleRegion((PreparedImage(picture(1)),), left_of(48))
    extractor = OnnxFeatures(network, "cpu", "average", "edge")
    subject = Subject(content=PreparedImage(content), styles=(), regions=(region,))
    objective = make_objective(extractor, subject, settings)
    plain = backend.evaluator(objective, *SIZE)
    masked = MaskedEvaluator(plain, backend, content, left_of(48))
    evaluation = masked(backend.upload(painting))
    composed = np.concatenate([painting[:, :, :48], content[:, :, 48:]], axis=2)
    np.testing.assert_array_equal(backend.download(masked.compose(backend.upload(painting))), composed)
    expected = plain(backend.upload(composed))
    assert float(evaluation.loss) == pytest.approx(float(expected.loss), rel=1e-6)
    gradients = backend.download(evaluation.gradient), backend.download(expected.gradient)
    np.testing.assert_allclose(gradients[0][:, :, :48], gradients[1][:, :, :48], rtol=1e-5, atol=1e-9)
    assert not gradients[0][:, :, 48:].any()
    assert gradients[1][:, :, 48:].any()


def test_soft_masks_mix_and_hard_masks_keep_pixels_identical():
    rng = np.random.default_rng(3)
    painted, original = rng.uniform(size=(2, 4, 6, 3)).astype(np.float32)
    changes = np.tile(np.array([0, 0.25, 0.5, 1, 1, 0], np.float32), (4, 1))
    mixed = blend_by_mask(painted, original, changes)
    np.testing.assert_array_equal(mixed[:, [0, 5]], original[:, [0, 5]])
    np.testing.assert_array_equal(mixed[:, 3:5], painted[:, 3:5])
    np.testing.assert_allclose(mixed[:, 1], 0.75 * original[:, 1] + 0.25 * painted[:, 1], rtol=1e-5)
