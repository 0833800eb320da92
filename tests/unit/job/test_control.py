"""Jobs with real weights at tiny sizes: kept colours, regions, selections, fine styles, brush size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.api import stylize
from nst_core.backends.choose import open_engine
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Preview
from nst_core.images.colour import LMS_TO_LAB, RGB_TO_LMS, luminance, srgb_to_linear
from nst_core.images.picture import Picture
from nst_core.job.fine_style import combine_fine_styles
from nst_core.job.keep_colors import content_colour_share
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.job.run import evaluate_job, run_job
from nst_core.painting.fine_style_size import fine_style_size
from nst_core.painting.pyramid import Level, make_levels
from nst_core.painting.run import RunCallbacks
from nst_core.painting.subject import subject_at_level
from nst_core.settings import make_settings
from nst_core.vgg.store import ModelStore
from tests.unit.job.test_run import QUICK, painting, photo, real_weights  # noqa: F401 -- a fixture

RNG = np.random.default_rng(77)


def picture(pixels, **more):
    return Picture(np.ascontiguousarray(pixels, dtype=np.float32), **more)


def grey(height=48, width=64):
    return np.repeat(photo(height, width).mean(axis=2, keepdims=True), 3, axis=2)


def flat(colour=(0.8, 0.2, 0.1)):
    return np.full((48, 48, 3), colour, np.float32)


def job(content=None, style=None, **values):
    styles = (WeightedStyle(picture(painting() if style is None else style)),)
    return Job(
        content=picture(photo() if content is None else content),
        styles=styles,
        settings=make_settings({**QUICK, **values}),
    )


def half(height=48, width=64):
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 2] = 1.0
    return mask


@pytest.mark.parametrize(
    "colours", ["none", "luminance", "pca", pytest.param("cholesky", marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    ("style", "content"),
    [(grey(), grey()), (flat(), photo()), (painting(), grey())],
    ids=["both grey", "flat style", "grey photo"],
)
def test_grey_and_flat_pictures_give_finite_results(style, content, colours):
    color_match = colours if colours in ("pca", "cholesky") else "pca"
    keep_colors = "match" if colours == color_match else colours
    values = {"keep_colors": keep_colors, "color_match": color_match, "iterations": 2}
    result = run_job(job(content, style, **values)).picture
    assert np.isfinite(result.pixels).all()
    assert 0.0 <= result.pixels.min() <= result.pixels.max() <= 1.0


def chroma(pixels):
    return np.cbrt(srgb_to_linear(pixels) @ RGB_TO_LMS.T) @ LMS_TO_LAB[1:].T


@pytest.mark.parametrize("colours", ["luminance"])
def test_luminance_keeps_the_chroma_inside_the_gamut(colours):
    # Soft colours in the middle of the gamut exist at every lightness that painting gives them here.
    content = 0.5 + 0.12 * (photo() - 0.5)
    result = run_job(job(content, keep_colors=colours, iterations=8)).picture.pixels
    assert np.abs(luminance(result) - luminance(content.astype(np.float32))).mean() > 0.01
    np.testing.assert_allclose(chroma(result), chroma(content), atol=0.5 / 255)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "grey_photo"), [("onnx", False), pytest.param("torch", True, marks=pytest.mark.long)]
)
def test_reported_loss_is_the_loss_of_a_luminance_result(engine, grey_photo):
    """Nothing is optimised that restoring the colours would undo."""
    base = job(engine=engine, keep_colors="none" if grey_photo else "luminance", iterations=8, seed=3)
    if grey_photo:
        base = replace(base, content=picture(grey(), grey=True), keep_grey=True)
    result = run_job(base)
    terms = evaluate_job(result.picture, base)
    assert sum(terms.values()) == pytest.approx(result.loss, rel=1e-3)


def test_region_keeps_its_colours_next_to_one_that_does_not():
    """A face that keeps its colours next to a coat that does not, in the result and in previews."""
    content = (0.5 + 0.12 * (photo() - 0.5)).astype(np.float32)
    base = job(content, iterations=8)
    regions = (
        Region(half(), base.styles, "face", "luminance"),
        Region(1.0 - half(), base.styles, "coat"),
    )
    mixed = replace(base, styles=(), regions=regions)
    subject = prepare(mixed)
    np.testing.assert_array_equal(subject.content.pixels[:, :, 32:], content.transpose(2, 0, 1)[:, :, 32:])
    assert np.ptp(subject.content.pixels[:, :, :32], axis=0).max() == 0.0
    assert np.ptp(subject.regions[0].styles[0].pixels, axis=0).max() == 0.0
    np.testing.assert_array_equal(subject.regions[1].styles[0].pixels, painting().transpose(2, 0, 1))
    previews = []
    watch = RunCallbacks(
        on_event=lambda event: previews.append(event) if isinstance(event, Preview) else None, frames_every=4
    )
    result = run_job(mixed, watch).picture.pixels
    face, coat = np.s_[:, :32], np.s_[:, 32:]
    np.testing.assert_allclose(chroma(result)[face], chroma(content)[face], atol=0.5 / 255)
    assert np.abs(luminance(result) - luminance(content))[face].mean() > 0.01
    assert np.abs(chroma(result) - chroma(content))[coat].mean() > 0.01
    np.testing.assert_allclose(previews[-1].picture, result, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "region_setting", "background", "expected"),
    [
        ("none", "luminance", True, [1, 0.5, 0]),
        ("none", "luminance", False, [1, 1, 1]),
        ("luminance", "none", True, [0, 0.5, 1]),
        ("luminance", None, True, [1, 1, 1]),
        ("match", None, True, None),
        ("match", "none", False, None),
    ],
)
def test_content_colour_share_follows_regions_and_background(setting, region_setting, background, expected):
    base = job(keep_colors=setting)
    mask = np.tile(np.repeat(np.float32([1, 0.5, 0]), [20, 24, 20]), (48, 1))
    share = content_colour_share(
        replace(
            base,
            styles=base.styles if background else (),
            regions=(Region(mask, base.styles, "face", region_setting),),
        )
    )
    if expected is None:
        assert share is None
    else:
        np.testing.assert_allclose(share[0, [0, 30, 63]], expected)


def test_region_matches_its_colours_to_the_content_there():
    base = job()
    regions = tuple(Region(half(), base.styles, str(mode), mode) for mode in (None, "match"))
    subject = prepare(replace(base, styles=(), regions=regions))
    plain, matched = (region.styles[0].pixels for region in subject.regions)
    content_there = photo()[:, :32].reshape(-1, 3)
    np.testing.assert_allclose(matched.reshape(3, -1).mean(axis=1), content_there.mean(axis=0), atol=1e-4)
    assert np.abs(plain.reshape(3, -1).mean(axis=1) - content_there.mean(axis=0)).max() > 0.05


def test_style_luminance_matches_the_mean_and_variance_of_the_region():
    mask = half()
    base = job(keep_colors="luminance")
    region = Region(mask, base.styles, "left")
    subject = prepare(replace(base, styles=(), regions=(region,)))
    matched = subject.regions[0].styles[0].pixels[0]
    content_there = luminance(photo().astype(np.float32))[:, :32]
    assert matched.mean() == pytest.approx(content_there.mean(), abs=1e-4)
    assert matched.std() == pytest.approx(content_there.std(), abs=1e-4)


def test_color_match_selects_the_colour_map():
    pca, cholesky = (
        prepare(job(keep_colors="match", color_match=mode)).styles[0].pixels.reshape(3, -1).astype(np.float64)
        for mode in ("pca", "cholesky")
    )
    content = photo().reshape(-1, 3).T
    for matched in (pca, cholesky):
        np.testing.assert_allclose(matched.mean(axis=1), content.mean(axis=1), atol=1e-4)
    assert np.abs(pca - cholesky).max() > 0.01


def test_pixels_outside_the_selection_stay_as_they_are():
    base = job(iterations=6)
    result = run_job(replace(base, selection=half())).picture.pixels
    np.testing.assert_array_equal(result[:, 32:], base.content.pixels[:, 32:])
    assert np.abs(result[:, :32] - base.content.pixels[:, :32]).mean() > 0.01


@pytest.mark.slow
def test_pixels_outside_the_selection_do_not_influence_the_result():
    """Another picture outside the network's reach of the selection gives the same result in it."""
    other = photo(48, 320)
    other[:, 240:] = RNG.uniform(size=(48, 80, 3))
    mask = np.zeros((48, 320), np.float32)
    mask[:, :32] = 1.0
    results = []
    for content in (photo(48, 320), other):
        base = job(content, iterations=5, coarsest=0, tv=0.0)
        results.append(run_job(replace(base, selection=mask)).picture.pixels)
    np.testing.assert_allclose(results[0][:, :32], results[1][:, :32], atol=2e-3)


def test_terms_of_regions_have_their_names():
    base = job(iterations=3)
    other = WeightedStyle(picture(flat()))
    regions = (Region(half(), base.styles, "one"), Region(1.0 - half(), (other,), "two"))
    result = run_job(replace(base, styles=(), regions=regions))
    names = [name for name in result.terms if name.startswith("style relu1_1")]
    assert names == ["style relu1_1 (one)", "style relu1_1 (two)"]


def test_region_too_small_for_a_layer_is_reported_once():
    small = np.zeros((48, 64), np.float32)
    small[:6, :6] = 1.0
    base = job()
    result = run_job(replace(base, regions=(Region(small, base.styles, "dot"),)))
    assert [notice.code for notice in result.notices].count("empty-region") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"selection": np.zeros((48, 64), np.float32)}, "black"),
        ({"selection": np.ones((64, 48), np.float32)}, "aspect ratio"),
        ({"strength_mask": np.ones((48, 65), np.float32) * 0}, "black"),
        ({"regions": (Region(half(), (), "none"), Region(half() * 0, (), "empty"))}, "empty"),
    ],
)
def test_invalid_masks_are_refused(change, words):
    base = job()
    with pytest.raises(NstError) as caught:
        run_job(replace(base, **change))
    assert caught.value.code is ErrorCode.BAD_IMAGE
    assert words in caught.value.message


def line(column, value=1.0):
    mask = np.zeros((48, 64), np.float32)
    mask[:, column] = value
    return mask


def dot(value):
    mask = np.zeros((48, 64), np.float32)
    mask[24, 32] = value
    return mask


@pytest.mark.parametrize(
    ("mask", "guides"),
    [(line(0), "inside"), (line(63), "all"), (dot(0.001), "simple")],
    ids=["left", "right", "dot"],
)
def test_mask_one_pixel_wide_paints_only_that(mask, guides):
    base = job(iterations=2, guides=guides)
    for change in ({"selection": mask}, {"styles": (), "regions": (Region(mask, base.styles, "thin"),)}):
        result = run_job(replace(base, **change))
        pixels = result.picture.pixels
        assert np.isfinite(pixels).all()
        np.testing.assert_array_equal(pixels[mask == 0], base.content.pixels[mask == 0])
        is_too_small = "empty-region" in [notice.code for notice in result.notices]
        assert is_too_small == (guides != "all")  # with "all", every feature that sees the line counts


@pytest.mark.slow
def test_overlapping_regions_share_their_intersection():
    """Two regions in one place with the same style are one region. Two styles give a result in between."""
    base, other = job(iterations=3), WeightedStyle(picture(1.0 - painting()))

    def painted(*regions):
        return run_job(replace(base, styles=(), regions=regions))

    one, two = base.styles, (other,)
    result = painted(Region(half(), one, "one"))
    again = painted(Region(half(), one, "one"), Region(half(), one, "again"))
    assert again.loss == pytest.approx(result.loss, rel=1e-4)
    alone = result.picture.pixels
    assert np.abs(again.picture.pixels - alone).mean() < 1e-3
    both = painted(Region(half(), one, "one"), Region(half(), two, "two")).picture.pixels
    far = painted(Region(half(), two, "two")).picture.pixels
    assert np.abs(both - alone).mean() < np.abs(far - alone).mean()
    assert np.abs(both - far).mean() < np.abs(far - alone).mean()
    np.testing.assert_array_equal(both[:, 32:], base.content.pixels[:, 32:])


@pytest.mark.parametrize("weights", [(1e308, 1e308), (5e-324, 1.0)])
def test_style_weights_of_any_size_are_shares(weights):
    base = job(iterations=2)
    first, second = base.styles[0].picture, picture(flat())
    result = run_job(
        replace(base, styles=(WeightedStyle(first, weights[0]), WeightedStyle(second, weights[1])))
    )
    share = 0.5 if weights[0] == weights[1] else 0.0
    blend = (WeightedStyle(first, share), WeightedStyle(second, 1.0 - share))
    expected = run_job(replace(base, styles=blend))
    np.testing.assert_allclose(result.picture.pixels, expected.picture.pixels, atol=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {"style_layers": "relu1_1:1e308,relu2_1:1e308", "content_layers": "relu4_2:1e308,relu3_1:1e308"},
        {"tv": 1e6, "alpha_norm": 1e6, "strength": 100},
        {"loss": "paper", "alpha": 1e12, "beta": 1e12},
    ],
)
def test_huge_weights_give_finite_results(values):
    result = run_job(job(iterations=4, **values))
    assert np.isfinite(result.loss)
    assert np.isfinite(result.picture.pixels).all()
    assert any(name.startswith("style") for name in result.terms)
    assert any(name.startswith("content") for name in result.terms)


def test_mask_of_another_size_is_resized():
    base = job(iterations=2)
    mask = half(96, 128)
    result = run_job(replace(base, selection=mask)).picture.pixels
    np.testing.assert_array_equal(result[:, 34:], base.content.pixels[:, 34:])


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_style_area_is_its_share_of_the_picture_at_every_level(scale):
    """So strokes have the same size on the picture, whatever size it is painted at."""
    subject = prepare(job(photo(96, 128), painting(200, 240), style_scale=scale))
    settings = make_settings({"style_scale": scale, "coarsest": 64})
    for long_side in (128, 300, 1000):
        for level in make_levels(long_side * 3 // 4, long_side, settings):
            style = subject_at_level(subject, Level(level.height, level.width, 1), scale).styles[0]
            share = style.pixels.shape[1] * style.pixels.shape[2] / (level.height * level.width)
            assert share == pytest.approx(scale**2, rel=0.06)


@pytest.mark.slow
def test_stylize_takes_masks_as_arrays():
    left = half() > 0
    painted = stylize(
        photo(), [], QUICK, regions=[(left, painting())], selection=(half() * 255).astype(np.uint8)
    )
    expected = run_job(
        Job(
            content=picture(photo().astype(np.float32)),
            styles=(),
            settings=make_settings(QUICK),
            regions=(Region(half(), (WeightedStyle(picture(painting())),)),),
        )
    )
    np.testing.assert_allclose(painted.pixels, expected.picture.pixels, atol=1e-6)
    face = stylize(photo(), [], QUICK, regions=[(left, painting(), "luminance")])
    assert np.abs(face.pixels - painted.pixels)[:, :32].mean() > 0.01
    with pytest.raises(NstError):
        stylize(photo(), painting(), QUICK, selection=photo())


def test_stylize_refuses_invalid_styles_and_weights():
    left = half()
    for styles, regions, weights, words in (
        ([], (), None, "no style"),
        (painting(), (), [1.0, 2.0], "1 styles but 2 weights"),
        ([painting()] * 2, (), [-1.0, 2.0], "0 or more"),
        ([painting()] * 2, (), [float("nan"), 2.0], "finite"),
        ([painting()] * 2, (), [0.0, 0.0], "weight 0"),
        ([], [(left, painting(), "luminence")], None, "luminence"),
    ):
        with pytest.raises(NstError, match=words) as caught:
            stylize(photo(), styles, QUICK, regions=regions, weights=weights)
        assert caught.value.code is ErrorCode.BAD_SETTING


def test_floats_on_another_scale_are_refused():
    for content, style in ((photo() * 255.0, painting()), (photo(), painting() * 255.0)):
        with pytest.raises(NstError, match="floats go from 0 to 1"):
            stylize(content, style, QUICK)


def test_starting_picture_is_grey_if_colours_are_kept():
    grey_start = replace(job(init="start.png", keep_colors="luminance"), init_image=picture(photo()))
    assert np.ptp(prepare(grey_start).init_image, axis=0).max() == 0.0
    plain = replace(job(init="start.png"), init_image=picture(photo()))
    np.testing.assert_array_equal(prepare(plain).init_image, plain.init_image.pixels.transpose(2, 0, 1))


def test_transparency_of_a_coarse_style_is_kept():
    alpha = np.ones((64, 96), np.float32)
    alpha[:, :48] = 0.0
    coarse, fine = picture(photo(64, 96), alpha=alpha), picture(RNG.uniform(size=(64, 64, 3)))
    plain = job(iterations=1)
    engine = open_engine(plain.settings, ModelStore(), lambda _notice: None)
    try:
        mixed = replace(plain, styles=(WeightedStyle(coarse, fine=fine),))
        (style,) = combine_fine_styles(mixed, Level(48, 64, 1), engine, RunCallbacks()).styles
    finally:
        engine.close()
    hidden, shown = np.array_split(style.picture.alpha, 2, axis=1)
    assert hidden[:, :-4].max() < 0.01
    assert shown[:, 4:].min() > 0.99


def test_fine_styles_are_combined_within_the_time_limit(monkeypatch):
    plain = job(iterations=50)
    engine = open_engine(plain.settings, ModelStore(), lambda _notice: None)
    real_evaluator, calls, notices = engine.backend.evaluator, [], []

    def counted(objective, height, width, tiling=None):
        evaluate = real_evaluator(objective, height, width, tiling)
        return lambda at: calls.append(1) or evaluate(at)

    monkeypatch.setattr(engine.backend, "evaluator", counted)
    try:
        mixed = replace(plain, styles=(WeightedStyle(picture(photo(64, 96)), fine=picture(painting())),))
        (style,) = combine_fine_styles(
            mixed, Level(48, 64, 1), engine, RunCallbacks(on_event=notices.append), 0.0
        ).styles
    finally:
        engine.close()
    assert style.fine is None
    assert len(calls) == 2  # the first evaluation, and one step
    assert [notice.code for notice in notices] == ["fine-style"]


def test_fine_style_size_is_never_smaller_than_the_network_needs():
    level = Level(48, 64, 1)
    assert min(fine_style_size((17, 4000), level, 1.0)) == 16
    assert fine_style_size((3000, 4000), Level(4000, 3000, 1), 1.0) == (1536, 2048)


@pytest.mark.slow
def test_fine_style_changes_the_result():
    coarse, fine = picture(photo(64, 96)), picture(RNG.uniform(size=(64, 64, 3)))
    plain = job(iterations=4)
    mixed = replace(plain, styles=(WeightedStyle(coarse, fine=fine),))
    result = run_job(mixed)
    assert "fine-style" in [notice.code for notice in result.notices]
    alone = run_job(replace(plain, styles=(WeightedStyle(coarse),)))
    assert not np.allclose(result.picture.pixels, alone.picture.pixels, atol=1e-3)
