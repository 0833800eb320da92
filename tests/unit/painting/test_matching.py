"""Targets from matched positions of the style: against brute force, in regions, through levels."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.loss.weights import (
    MATCHING_LAYERS,
    SEARCH_WEIGHTS,
    loss_layers,
    normalised_weights,
    style_share,
)
from nst_core.painting import matching
from nst_core.painting.matching import LevelMatching, MatchedLevel, Matcher, whole_level
from nst_core.painting.regions import PreparedImage, StyleRegion
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.painting.windows import Window
from nst_core.settings import make_settings
from tests.unit.painting.test_regions import Named, halves
from tests.unit.painting.test_targets import STRIDES, image, loss_of, objective_of

HALF = make_settings({"matching": 50})
SEARCHED = list(SEARCH_WEIGHTS)


def matched(objective):
    return [term for term in objective.content if term.kind == "match"]


def hypercolumns(pixels):
    """Hypercolumns on cells of 4 pixels, in double precision, one cell at a time."""
    features = Named().features(pixels, SEARCHED)
    rows, columns = pixels.shape[1] // 4, pixels.shape[2] // 4
    parts = []
    for layer, weight in SEARCH_WEIGHTS.items():
        at_layer, stride = features[layer].astype(np.float64), STRIDES[layer]
        cells = np.empty((rows, columns, len(at_layer)))
        for row in range(rows):
            for column in range(columns):
                if stride <= 4:
                    down, across = (slice(n * 4 // stride, (n + 1) * 4 // stride) for n in (row, column))
                    cells[row, column] = at_layer[:, down, across].mean(axis=(1, 2))
                else:
                    cells[row, column] = at_layer[:, row * 4 // stride, column * 4 // stride]
        cells -= cells.mean(axis=(0, 1))
        parts.append(cells * weight / np.sqrt((cells**2).sum(axis=2).mean()))
    return np.concatenate(parts, axis=2)


def brute_force_cells(content, style):
    """For each cell of the content, the style's cell of the largest cosine."""
    query, candidates = hypercolumns(content), hypercolumns(style)
    cells = np.empty(query.shape[:2], dtype=object)
    for row in range(query.shape[0]):
        for column in range(query.shape[1]):
            vector = query[row, column]
            cosines = candidates @ vector / np.linalg.norm(candidates, axis=2) / np.linalg.norm(vector)
            cells[row, column] = np.unravel_index(np.argmax(cosines), cosines.shape)
    return cells


def test_targets_are_the_styles_features_at_the_nearest_positions():
    content, style = image(48, 64), image(64, 48)
    terms = matched(objective_of(content, [style], HALF))
    assert [term.layer for term in terms] == list(MATCHING_LAYERS)
    cells = brute_force_cells(content.pixels, style.pixels)
    for term in terms:
        stride, features = STRIDES[term.layer], Named().features(style.pixels, [term.layer])[term.layer]
        for row in range(term.target.shape[1]):
            for column in range(term.target.shape[2]):
                if stride <= 4:
                    factor = 4 // stride
                    cell = cells[row // factor, column // factor]
                    expected = features[
                        :, cell[0] * factor + row % factor, cell[1] * factor + column % factor
                    ]
                else:
                    factor = stride // 4
                    covered = cells[
                        row * factor : (row + 1) * factor, column * factor : (column + 1) * factor
                    ].ravel()
                    expected = np.mean([features[:, r // factor, c // factor] for r, c in covered], axis=0)
                np.testing.assert_allclose(term.target[:, row, column], expected, rtol=1e-5)


@pytest.mark.parametrize("share", [0, 20, 100])
def test_matches_and_statistics_share_the_weight_of_the_style(share):
    settings = make_settings({"matching": share})
    objective = objective_of(image(), [image()], settings)
    styled = style_share(settings.strength) / (1 + style_share(settings.strength))
    values = [loss_of(term, np.zeros_like(term.target)) for term in matched(objective)]
    assert sum(values) == pytest.approx(styled * share / 100, rel=1e-5)
    if share:
        np.testing.assert_allclose(
            np.array(values) / sum(values), normalised_weights([*MATCHING_LAYERS.values()]), rtol=1e-5
        )
    statistics = sum(loss_of(term, np.zeros((len(term.target), 2, 2))) for term in objective.style)
    assert statistics == pytest.approx(styled * (1 - share / 100), rel=1e-5)
    assert bool(objective.style) == (share < 100)


def test_without_matching_the_objective_is_that_of_the_paper():
    content, style = image(), image()
    plain = objective_of(content, [style], make_settings({"matching": 0}))
    assert not matched(plain)
    assert not matched(objective_of(content, [style], make_settings({"matching": 50, "loss": "paper"})))
    assert not matched(objective_of(None, [style], HALF))
    assert not matched(objective_of(content, [], HALF))
    assert set(MATCHING_LAYERS) <= set(loss_layers(HALF))


def test_the_painting_is_found_where_it_is_the_style():
    """The painted picture has a share in the query, beside the content."""
    style = image(64, 64)
    content = PreparedImage(np.full((3, 64, 64), 0.5, np.float32))
    level = MatchedLevel(
        content=content.pixels,
        painted=style.pixels,
        window=Window(slice(0, 64), slice(0, 64)),
        size=(64, 64),
    )
    matcher = Matcher()
    make_objective(
        Named(), Subject(content=content, styles=(style,)), HALF, matching=LevelMatching(matcher, level)
    )
    rows, columns = np.indices((16, 16))
    agreement = (matcher.maps[0].row == rows) & (matcher.maps[0].column == columns)
    assert agreement.mean() > 0.9


def test_only_the_part_of_a_style_that_counts_is_matched():
    mask, _ = halves(48, 64)
    matcher, content = Matcher(), image()
    subject = Subject(content=content, styles=(image(48, 64, mask=mask),))
    make_objective(Named(), subject, HALF, matching=LevelMatching(matcher, whole_level(content.pixels)))
    assert matcher.maps[0].column.max() < 8


def test_a_style_of_weight_0_is_not_matched():
    content, styles = image(), [image(weight=0.0), image(weight=2.0)]
    with_it = matched(objective_of(content, styles, HALF))
    without = matched(objective_of(content, styles[1:], HALF))
    for a, b in zip(with_it, without, strict=True):
        np.testing.assert_array_equal(a.target, b.target)


def in_regions(content, *regions):
    subject = Subject(content=content, styles=(), regions=tuple(StyleRegion((s,), m) for s, m in regions))
    return matched(make_objective(Named(), subject, HALF))


def test_each_region_is_matched_as_if_it_were_alone():
    """It has its own targets, and the weight of its share of the area, whatever the other one's style."""
    left, right = halves()
    content, first, second = image(), image(), image()
    both, alone = in_regions(content, (first, left), (second, right)), in_regions(content, (first, left))
    for a, b in zip(both, alone, strict=True):
        middle = a.target.shape[2] // 2
        np.testing.assert_allclose(a.target[:, :, :middle], b.target[:, :, :middle], rtol=1e-5)
        weights = a.weight * a.mask[:, :middle], b.weight * b.mask[:, :middle]
        np.testing.assert_allclose(weights[0], 0.5 * weights[1], rtol=1e-5)


def test_overlapping_regions_have_the_gradient_of_both():
    content, first, second = image(), image(), image()
    shares = [np.full((48, 64), share, np.float32) for share in (0.25, 0.75)]
    both = in_regions(content, (first, shares[0]), (second, shares[1]))
    alone = [in_regions(content, (s, m)) for s, m in zip((first, second), shares, strict=True)]
    for index, term in enumerate(both):
        picture = np.random.default_rng(index).standard_normal(term.target.shape)
        actual = term.weight * term.mask * (picture - term.target)
        expected = 0.0
        for area, terms in zip((0.25, 0.75), alone, strict=True):
            one = terms[index]
            expected = expected + area * one.weight * one.mask * (picture - one.target)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


def test_pixels_outside_all_regions_and_transparent_ones_have_no_target():
    left, _ = halves()
    alpha = np.ones((48, 64), np.float32)
    alpha[:16] = 0.0
    content = image(alpha=alpha)
    subject = Subject(content=content, styles=(), regions=(StyleRegion((image(),), left),))
    for term in matched(make_objective(Named(), subject, HALF)):
        stride = STRIDES[term.layer]
        assert not term.mask[: 16 // stride].any()
        assert not term.mask[:, 32 // stride :].any()
        assert term.mask[16 // stride :, : 32 // stride].all()
        value = term.weight / 2 * (term.mask * term.target**2).sum()
        share = MATCHING_LAYERS[term.layer] / sum(MATCHING_LAYERS.values())
        styled = style_share(50) / (1 + style_share(50)) / 2
        assert value == pytest.approx(styled * share, rel=1e-5)


def test_strength_scales_the_terms_where_it_is_lower():
    strength = np.ones((48, 64), np.float32)
    strength[:, 32:] = 0.25
    content, style = image(), image()
    plain = matched(objective_of(content, [style], HALF))
    weaker = matched(objective_of(content, [style], HALF, strength=strength))
    for a, b in zip(plain, weaker, strict=True):
        assert a.weight == b.weight
        np.testing.assert_allclose(b.mask[:, -1], 0.25)
        np.testing.assert_allclose(b.mask[:, 0], 1.0)


@pytest.mark.parametrize("size", [(16, 16), (16, 70), (37, 21)])
def test_tiny_and_flat_pictures_work(size):
    flat = PreparedImage(np.full((3, *size), 0.4, np.float32))
    for content, style in (
        (image(*size), flat),
        (flat, image(*size)),
        (flat, flat),
        (image(*size), image(16, 16)),
    ):
        for term in matched(objective_of(content, [style], HALF)):
            assert np.isfinite(term.target).all()
            assert np.isfinite(term.weight)


def test_matches_are_enlarged_past_the_largest_searched_level(monkeypatch):
    matcher, style, content = Matcher(), image(48, 64), image(48, 64)
    subject = Subject(content=content, styles=(style,))
    make_objective(Named(), subject, HALF, matching=LevelMatching(matcher, whole_level(content.pixels)))
    small = matcher.maps[0]
    monkeypatch.setattr(matching, "SEARCH_UP_TO", 100)
    monkeypatch.setattr(matching, "match_positions", None)
    large_content, large_style = image(96, 128), image(96, 128)
    large = Subject(content=large_content, styles=(large_style,))
    terms = matched(
        make_objective(
            Named(), large, HALF, matching=LevelMatching(matcher, whole_level(large_content.pixels))
        )
    )
    enlarged = matcher.maps[0]
    np.testing.assert_array_equal(enlarged.row[::2, ::2], 2 * small.row)
    np.testing.assert_array_equal(enlarged.column[1::2, 1::2], 2 * small.column + 1)
    assert terms[0].target.shape[1:] == (48, 64)


def test_a_window_is_matched_like_its_part_of_the_level():
    """A window of 32 x 32 pixels at (16, 32): its map stands at cell (4, 8) of the level's."""
    content, style, matcher = image(32, 32), image(48, 64), Matcher()
    window = Window(slice(16, 48), slice(32, 64))
    level = MatchedLevel(content=content.pixels, painted=None, window=window, size=(48, 64))
    subject = Subject(content=content, styles=(style,))
    terms = matched(make_objective(Named(), subject, HALF, matching=LevelMatching(matcher, level)))
    alone = matched(objective_of(content, [style], HALF))
    assert matcher.maps[0].size == (12, 16)
    for a, b in zip(terms, alone, strict=True):
        np.testing.assert_array_equal(a.target, b.target)


def test_a_level_with_a_share_gives_the_rest_to_the_statistics():
    content, style = image(), image()
    subject, level = Subject(content=content, styles=(style,)), whole_level(content.pixels)
    objectives = [
        make_objective(Named(), subject, HALF, matching=LevelMatching(Matcher(), level, share))
        for share in (1.0, 0.5)
    ]
    whole, half = ([term.weight for term in matched(objective)] for objective in objectives)
    np.testing.assert_allclose(half, np.multiply(whole, 0.5), rtol=1e-6)
    whole, half = ([term.weight for term in objective.style] for objective in objectives)
    np.testing.assert_allclose(half, np.multiply(whole, 1.5), rtol=1e-6)
