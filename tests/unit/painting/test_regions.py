"""Regions, local strength and blends in the objective, with features that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.events import Notice
from nst_core.loss.objective import RangePenalty
from nst_core.loss.weights import STYLE_SHARE, strength_maps, style_share
from nst_core.painting.regions import PreparedImage, StyleRegion, coverage, region_weights
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import Settings, make_settings
from nst_core.vgg.layers import layer_names
from tests.unit.painting.test_targets import Blocks, image, objective_of

RNG = np.random.default_rng(31)
STATISTICS = ["gram", "moments", "wasserstein"]


class Named(Blocks):
    """Features of :class:`Blocks`, with the layer names that guides through a network need."""

    layers = layer_names("vgg16")


def halves(height=48, width=64):
    left = np.zeros((height, width), np.float32)
    left[:, : width // 2] = 1.0
    return left, 1.0 - left


def objective_of_regions(content, regions, settings=None, **options):
    subject = Subject(content=content, styles=(), regions=tuple(regions))
    return make_objective(Named(), subject, settings or Settings(), **options)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_blend_of_two_equal_styles_is_that_style_for_every_statistic(statistic):
    settings, style, content = make_settings({"style_loss": statistic}), image(), image()
    one = objective_of(content, [style], settings)
    copies = [PreparedImage(style.pixels, weight=weight) for weight in (0.5, 2.0, 0.0)]
    blend = objective_of(content, copies, settings)
    assert len(one.style) == len(blend.style) == 5  # one target a layer
    for a, b in zip(one.style, blend.style, strict=True):
        np.testing.assert_array_equal(a.target, b.target)
        assert a.weight == b.weight
        assert (a.mean is None) == (statistic == "gram")
        if a.mean is not None:
            np.testing.assert_array_equal(a.mean, b.mean)


def test_blend_averages_the_features_of_all_styles_by_weight():
    styles = [image(48, 64, weight=3.0), image(96, 32, weight=1.0)]
    objective = objective_of(image(), styles, make_settings({"style_loss": "moments"}))
    for term in objective.style:
        second, mean = 0.0, 0.0
        for style in styles:
            flat = Blocks().features(style.pixels, [term.layer])[term.layer].reshape(4, -1).astype(np.float64)
            second = second + style.weight / 4 * flat @ flat.T / flat.shape[1]
            mean = mean + style.weight / 4 * flat.mean(axis=1)
        np.testing.assert_allclose(term.target, second, rtol=1e-4)
        np.testing.assert_allclose(term.mean, mean, rtol=1e-4)


def test_each_region_has_its_style_and_a_weight_by_area():
    left = np.zeros((48, 64), np.float32)
    left[:, :16] = 1.0
    first, second, content = image(), image(), image()
    objective = objective_of_regions(
        content, [StyleRegion((first,), left, "a"), StyleRegion((second,), 1.0 - left, "b")]
    )
    assert [term.name for term in objective.style[:2]] == ["style relu1_1 (a)", "style relu2_1 (a)"]
    for style, name, share in ((first, "a", 0.25), (second, "b", 0.75)):
        alone = objective_of(content, [style], Settings())
        for a, b in zip(alone.style, [term for term in objective.style if term.region == name], strict=True):
            np.testing.assert_array_equal(a.target, b.target)
            assert b.weight == pytest.approx(share * a.weight, rel=1e-6)
            assert b.guide.mean() == pytest.approx(share)


def test_region_that_covers_everything_changes_nothing():
    style, content = image(), image()
    plain = objective_of(content, [style], Settings())
    whole = objective_of_regions(content, [StyleRegion((style,), np.ones((48, 64), np.float32))])
    for a, b in zip((*plain.content, *plain.style), (*whole.content, *whole.style), strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-6)
        assert a.weight == pytest.approx(b.weight, rel=1e-6)
    assert plain.priors == whole.priors


def test_uncovered_area_leaves_the_content_loss_and_raises_the_priors():
    left, _ = halves()
    objective = objective_of_regions(image(), [StyleRegion((image(),), left)])
    term = objective.content[0]
    assert term.mask[:, : term.mask.shape[1] // 2].min() == 1.0
    assert term.mask[:, term.mask.shape[1] // 2 :].max() == 0.0
    plain = objective_of(image(), [image()], Settings())
    (half,) = (prior for prior in objective.priors if isinstance(prior, RangePenalty))
    (whole,) = (prior for prior in plain.priors if isinstance(prior, RangePenalty))
    assert half.weight == pytest.approx(2 * whole.weight)


def test_region_too_small_for_a_layer_is_reported_and_left_out_there():
    small = np.zeros((48, 64), np.float32)
    small[20:28, 20:28] = 1.0
    notices: list[Notice] = []
    style = image()
    objective = objective_of_regions(image(), [StyleRegion((style,), small, "eye")], on_notice=notices.append)
    assert [term.layer for term in objective.style] == ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
    (notice,) = notices
    assert notice.code == "empty-region"
    assert "eye" in notice.message
    assert "relu5_1" in notice.message
    # The remaining layers take over its weight.
    whole = objective_of(image(), [style], Settings()).style
    for term, full in zip(objective.style, whole, strict=False):
        assert term.weight == pytest.approx(9 / 8 * full.weight, rel=1e-6)  # weights 4 2 1 1 1
    inside_notices: list[Notice] = []
    objective_of_regions(
        image(),
        [StyleRegion((image(),), small)],
        make_settings({"guides": "inside"}),
        on_notice=inside_notices.append,
    )
    assert "relu3_1, relu4_1, relu5_1" in inside_notices[0].message


def test_masked_style_equals_the_cropped_style():
    left, _ = halves(64, 128)
    wide = RNG.uniform(size=(3, 64, 128)).astype(np.float32)
    content = image()
    masked = objective_of(content, [PreparedImage(wide, mask=left)], Settings())
    cropped = objective_of(content, [PreparedImage(np.ascontiguousarray(wide[:, :, :64]))], Settings())
    for a, b in zip(masked.style, cropped.style, strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-4)


def test_strength_mask_scales_guides_and_weights():
    content, style = image(), image()
    plain = objective_of(content, [style], Settings())
    half = np.full((48, 64), 0.5, np.float32)
    faint = objective_of(content, [style], Settings(), strength=half)
    for a, b in zip(plain.style, faint.style, strict=True):
        assert b.weight == pytest.approx(0.5 * a.weight, rel=1e-6)
        np.testing.assert_allclose(b.guide, 0.5)
    assert faint.content[0].weight == plain.content[0].weight


def test_half_of_a_strength_mask_halves_the_strength():
    settings = Settings(strength=60)
    mask = np.array([[0.0, 0.1, 0.5, 1.0]], np.float32)
    scale, change = strength_maps(mask, settings)
    expected = [style_share(60.0 * value) / style_share(60.0) for value in mask[0]]
    np.testing.assert_allclose(scale[0], expected, rtol=0.02)
    assert scale[0, 3] == 1.0
    assert change[0, 0] == 0.0
    assert 0 < change[0, 1] < 1
    np.testing.assert_array_equal(change[0, 2:], 1.0)
    paper, _ = strength_maps(mask, make_settings({"loss": "paper"}))
    np.testing.assert_array_equal(paper, mask)
    assert list(STYLE_SHARE) == sorted(STYLE_SHARE)


def test_coverage_and_weights_of_overlapping_regions():
    left, right = halves(4, 8)
    both = [StyleRegion((), left), StyleRegion((), np.full((4, 8), 0.75, np.float32))]
    np.testing.assert_allclose(coverage(both)[:, [0, 7]], [[1.0, 0.75]] * 4)
    assert coverage([StyleRegion(()), StyleRegion((), left)]) is None
    assert region_weights(both, None, None) == pytest.approx([0.4, 0.6])
    assert region_weights([StyleRegion((), right)], None, 0.5 * right) == pytest.approx([0.5])
