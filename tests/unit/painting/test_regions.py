"""Regions, strength by place and blends in the objective, with features that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.events import Notice
from nst_core.loss.objective import RangePenalty
from nst_core.loss.weights import STYLE_SHARE, strength_by_place, style_share
from nst_core.painting.regions import PreparedImage, StyleRegion, coverage, region_weights
from nst_core.painting.targets import make_objective
from nst_core.settings import Settings, make_settings
from nst_core.vgg.layers import layer_names
from tests.unit.painting.test_targets import Blocks, seen

RNG = np.random.default_rng(31)
STATISTICS = ["gram", "moments", "wasserstein"]


class Named(Blocks):
    """The features of :class:`Blocks`, for guides that go through a network's layers."""

    layers = layer_names("vgg16")


def halves(height=48, width=64):
    left = np.zeros((height, width), np.float32)
    left[:, : width // 2] = 1.0
    return left, 1.0 - left


def make(content, regions, settings=None, **more):
    return make_objective(Named(), content, (), settings or Settings(), regions=regions, **more)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_blend_of_two_equal_styles_is_one_style_whatever_the_statistic(statistic):
    settings, style, content = make_settings({"style_loss": statistic}), seen(), seen()
    one = make_objective(Blocks(), content, [style], settings)
    parts = [PreparedImage(style.pixels, None, weight) for weight in (0.5, 2.0, 0.0)]
    blend = make_objective(Blocks(), content, parts, settings)
    assert len(one.style) == len(blend.style) == 5  # one target a layer
    for a, b in zip(one.style, blend.style, strict=True):
        np.testing.assert_array_equal(a.target, b.target)
        assert a.weight == b.weight
        assert (a.mean is None) == (statistic == "gram")
        if a.mean is not None:
            np.testing.assert_array_equal(a.mean, b.mean)


def test_a_blend_is_the_features_of_all_thrown_together_with_their_shares():
    styles = [seen(48, 64, weight=3.0), seen(96, 32, weight=1.0)]
    objective = make_objective(Blocks(), seen(), styles, make_settings({"style_loss": "moments"}))
    for term in objective.style:
        second, mean = 0.0, 0.0
        for style in styles:
            flat = Blocks().features(style.pixels, [term.layer])[term.layer].reshape(4, -1).astype(np.float64)
            second = second + style.weight / 4 * flat @ flat.T / flat.shape[1]
            mean = mean + style.weight / 4 * flat.mean(axis=1)
        np.testing.assert_allclose(term.target, second, rtol=1e-4)
        np.testing.assert_allclose(term.mean, mean, rtol=1e-4)


def test_each_region_has_its_own_style_and_weighs_its_share_of_the_area():
    left = np.zeros((48, 64), np.float32)
    left[:, :16] = 1.0
    one, other, content = seen(), seen(), seen()
    objective = make(content, [StyleRegion((one,), left, "a"), StyleRegion((other,), 1.0 - left, "b")])
    assert [term.name for term in objective.style[:2]] == ["style relu1_1 (a)", "style relu2_1 (a)"]
    for style, name, share in ((one, "a", 0.25), (other, "b", 0.75)):
        alone = make_objective(Blocks(), content, [style], Settings())
        for a, b in zip(alone.style, [t for t in objective.style if t.region == name], strict=True):
            np.testing.assert_array_equal(a.target, b.target)
            assert b.weight == pytest.approx(share * a.weight, rel=1e-6)
            assert b.guide.mean() == pytest.approx(share)


def test_one_region_all_over_is_no_region_at_all():
    style, content = seen(), seen()
    plain = make_objective(Blocks(), content, [style], Settings())
    whole = make(content, [StyleRegion((style,), np.ones((48, 64), np.float32))])
    for a, b in zip((*plain.content, *plain.style), (*whole.content, *whole.style), strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-6)
        assert a.weight == pytest.approx(b.weight, rel=1e-6)
    assert plain.priors == whole.priors


def test_what_no_region_covers_has_no_part_in_the_content_loss_and_priors_make_up_for_it():
    left, _ = halves()
    objective = make(seen(), [StyleRegion((seen(),), left)])
    (term,) = objective.content
    assert term.mask[:, : term.mask.shape[1] // 2].min() == 1.0
    assert term.mask[:, term.mask.shape[1] // 2 :].max() == 0.0
    plain = make_objective(Blocks(), seen(), [seen()], Settings())
    (here,) = (p for p in objective.priors if isinstance(p, RangePenalty))
    (there,) = (p for p in plain.priors if isinstance(p, RangePenalty))
    assert here.weight == pytest.approx(2 * there.weight)


def test_a_region_empty_at_a_deep_layer_is_said_and_left_out_there():
    small = np.zeros((48, 64), np.float32)
    small[20:28, 20:28] = 1.0
    told: list[Notice] = []
    style = seen()
    objective = make(seen(), [StyleRegion((style,), small, "eye")], on_notice=told.append)
    assert [term.layer for term in objective.style] == ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
    (notice,) = told
    assert notice.code == "empty-region"
    assert "eye" in notice.message
    assert "relu5_1" in notice.message
    # The layers that are left take over the weight of the one that is not.
    whole = make_objective(Blocks(), seen(), [style], Settings()).style
    for term, other in zip(objective.style, whole, strict=False):
        assert term.weight == pytest.approx(5 / 4 * other.weight, rel=1e-6)
    inside: list[Notice] = []
    make(
        seen(), [StyleRegion((seen(),), small)], make_settings({"guides": "inside"}), on_notice=inside.append
    )
    assert "relu3_1, relu4_1, relu5_1" in inside[0].message


def test_a_part_of_a_style_is_that_part_alone():
    left, _ = halves(64, 128)
    wide = RNG.uniform(size=(3, 64, 128)).astype(np.float32)
    content = seen()
    part = make_objective(Blocks(), content, [PreparedImage(wide, None, 1.0, left)], Settings())
    cut = make_objective(
        Blocks(), content, [PreparedImage(np.ascontiguousarray(wide[:, :, :64]))], Settings()
    )
    for a, b in zip(part.style, cut.style, strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-4)


def test_strength_scales_guides_and_weights_together():
    content, style = seen(), seen()
    plain = make_objective(Blocks(), content, [style], Settings())
    half = np.full((48, 64), 0.5, np.float32)
    faint = make_objective(Blocks(), content, [style], Settings(), strength=half)
    for a, b in zip(plain.style, faint.style, strict=True):
        assert b.weight == pytest.approx(0.5 * a.weight, rel=1e-6)
        np.testing.assert_allclose(b.guide, 0.5)
    assert faint.content[0].weight == plain.content[0].weight


def test_half_of_a_strength_mask_is_half_of_the_strength():
    settings = Settings(strength=60)
    mask = np.array([[0.0, 0.1, 0.5, 1.0]], np.float32)
    scale, change = strength_by_place(mask, settings)
    wanted = [style_share(60.0 * value) / style_share(60.0) for value in mask[0]]
    np.testing.assert_allclose(scale[0], wanted, rtol=0.02)
    assert scale[0, 3] == 1.0
    assert change[0, 0] == 0.0
    assert 0 < change[0, 1] < 1
    np.testing.assert_array_equal(change[0, 2:], 1.0)
    paper, _ = strength_by_place(mask, make_settings({"loss": "paper"}))
    np.testing.assert_array_equal(paper, mask)
    assert list(STYLE_SHARE) == sorted(STYLE_SHARE)


def test_coverage_and_weights_of_overlapping_regions():
    left, right = halves(4, 8)
    both = [StyleRegion((), left), StyleRegion((), np.full((4, 8), 0.75, np.float32))]
    np.testing.assert_allclose(coverage(both)[:, [0, 7]], [[1.0, 0.75]] * 4)
    assert coverage([StyleRegion(()), StyleRegion((), left)]) is None
    assert region_weights(both, None, None) == pytest.approx([0.4, 0.6])
    assert region_weights([StyleRegion((), right)], None, 0.5 * right) == pytest.approx([0.5])
