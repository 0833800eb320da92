"""The setting ``color_layout`` on painted pictures, without a network: lightness, palettes, regions."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from nst_core.events import Preview
from nst_core.images.colour import to_oklab
from nst_core.images.picture import Picture
from nst_core.images.resize import resize
from nst_core.job import color_layout
from nst_core.job.color_layout import ColorLayout, colour_regions
from nst_core.job.finish import Finisher, finish_picture
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.prepare import prepare
from nst_core.painting.run import PaintingResult
from nst_core.planning.run_plan import FINISHING_BYTES
from nst_core.settings import make_settings

RNG = np.random.default_rng(3)
HEIGHT, WIDTH = 48, 64


def photo(height=HEIGHT, width=WIDTH):
    """Return a blue sky over a warm field, with a soft texture."""
    y, _ = np.mgrid[:height, :width].astype(np.float32)
    sky = (y < height / 2)[:, :, None]
    colours = np.where(sky, np.float32([0.35, 0.5, 0.75]), np.float32([0.6, 0.5, 0.3]))
    grain = resize(np.random.default_rng(1).random((8, 8, 3), np.float32) - 0.5, height, width) * 0.1
    return np.clip(colours + grain, 0, 1).astype(np.float32)


def palette(first, second, side=32):
    """Return a painting of two soft colours."""
    share = np.linspace(0, 1, side * side, dtype=np.float32).reshape(side, side, 1)
    return np.float32(first) * share + np.float32(second) * (1 - share)


GREENS, PURPLES = palette((0.3, 0.6, 0.3), (0.6, 0.65, 0.35)), palette((0.6, 0.3, 0.6), (0.4, 0.3, 0.7))


def painted(height=HEIGHT, width=WIDTH):
    """Return a painting of random soft strokes, whose colours have nothing to do with the photo's."""
    soft = resize(np.random.default_rng(2).random((12, 16, 3), np.float32), height, width)
    return np.clip(0.3 + 0.4 * soft, 0, 1).astype(np.float32)


def job_of(content=None, *styles, **values):
    fields = {name: values.pop(name) for name in ("regions", "selection", "strength_mask") if name in values}
    return Job(
        content=Picture(photo() if content is None else content, **values.pop("picture", {})),
        styles=tuple(WeightedStyle(Picture(style)) for style in styles),
        settings=make_settings(values),
        **fields,
    )


def finish(job, rows=None, amount=100.0):
    """Finish a painting of ``rows`` (h, w, 3) and return the result's pixels."""
    pixels = np.ascontiguousarray((painted() if rows is None else rows).transpose(2, 0, 1))
    return finish_picture(Finisher(job, prepare(job)), painting(pixels), amount).pixels


def painting(pixels):
    return PaintingResult(
        pixels=pixels,
        loss=0.0,
        terms={},
        curve=(),
        seconds=0.0,
        painting_seconds=0.0,
        work=0.0,
        stopped=False,
        timed_out=False,
        out_of_memory=False,
    )


def chroma(pixels):
    return to_oklab(pixels)[:, :, 1:]


def test_zero_leaves_every_bit():
    np.testing.assert_array_equal(finish(job_of(None, GREENS), amount=0.0), painted())


@pytest.mark.parametrize("amount", [1.0, 30.0, 77.0, 100.0])
def test_lightness_stays_the_paintings(amount):
    result = finish(job_of(None, GREENS), amount=amount)
    np.testing.assert_allclose(to_oklab(result)[:, :, 0], to_oklab(painted())[:, :, 0], atol=2e-3)


def test_amount_mixes_the_chroma_linearly():
    whole, half = finish(job_of(None, GREENS)), finish(job_of(None, GREENS), amount=50.0)
    mixed = (chroma(whole) + chroma(painted())) / 2
    np.testing.assert_allclose(chroma(half), mixed, atol=4e-3)


def test_colours_are_the_styles_and_lie_as_the_photos_do():
    result = chroma(finish(job_of(None, GREENS))).reshape(-1, 2)
    style = chroma(GREENS).reshape(-1, 2)
    np.testing.assert_allclose(result.mean(axis=0), style.mean(axis=0), atol=5e-3)
    assert (result >= style.min(axis=0) - 5e-3).all()
    assert (result <= style.max(axis=0) + 5e-3).all()
    sky = np.arange(HEIGHT * WIDTH) < HEIGHT * WIDTH // 2
    spread = result.std(axis=0)
    assert (np.abs(result[sky].mean(axis=0) - result[~sky].mean(axis=0)) > spread).any()
    assert spread.max() > 0.5 * style.std(axis=0).max()


def test_weights_mix_the_palettes():
    job = job_of(None, GREENS, PURPLES)
    alone = finish(job_of(None, PURPLES))
    for weights, expected in (((0.0, 2.0), alone), ((3.0, 0.0), finish(job_of(None, GREENS)))):
        styles = tuple(
            replace(style, weight=weight) for style, weight in zip(job.styles, weights, strict=True)
        )
        np.testing.assert_allclose(finish(replace(job, styles=styles)), expected, atol=1e-6)
    both = chroma(finish(job)).mean(axis=(0, 1))
    means = [chroma(style).mean(axis=(0, 1)) for style in (GREENS, PURPLES)]
    np.testing.assert_allclose(both, sum(means) / 2, atol=0.02)


def halves():
    left = np.zeros((HEIGHT, WIDTH), np.float32)
    left[:, : WIDTH // 2] = 1.0
    return left, 1 - left


def test_each_region_has_its_own_palette_and_statistics():
    """A region looks as if it were the whole photo, with its style alone."""
    regions = tuple(
        Region(mask, (WeightedStyle(Picture(style)),))
        for mask, style in zip(halves(), (GREENS, PURPLES), strict=True)
    )
    result = finish(job_of(None, regions=regions))
    half = WIDTH // 2
    for columns, style in ((slice(0, half), GREENS), (slice(half, WIDTH), PURPLES)):
        alone = finish(job_of(photo()[:, columns], style), painted()[:, columns])
        # Windows have another size in a picture of half the width, so the smoothing differs a little.
        np.testing.assert_allclose(result[:, columns], alone, atol=0.03)
        mean = chroma(result[:, columns]).mean(axis=(0, 1))
        np.testing.assert_allclose(mean, chroma(style).mean(axis=(0, 1)), atol=6e-3)


def test_region_that_keeps_the_photos_colours_has_no_part():
    left, right = halves()
    regions = (
        Region(left, (WeightedStyle(Picture(GREENS)),)),
        Region(right, (WeightedStyle(Picture(PURPLES)),), keep_colors="luminance"),
    )
    job = job_of(None, regions=regions)
    with_layout, without = finish(job), finish(job, amount=0.0)
    half = WIDTH // 2
    np.testing.assert_array_equal(with_layout[:, half:], without[:, half:])
    assert np.abs(with_layout[:, :half] - without[:, :half]).max() > 0.05


@pytest.mark.parametrize("field", ["selection", "regions", "strength_mask"])
def test_pixels_outside_masks_stay_and_have_no_part(field):
    left, _ = halves()
    value = (Region(left, (WeightedStyle(Picture(GREENS)),)),) if field == "regions" else left
    styles = () if field == "regions" else (GREENS,)
    results = []
    for outside in ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)):
        content = photo()
        content[:, WIDTH // 2 :] = outside
        result = finish(job_of(content, *styles, **{field: value}))
        np.testing.assert_array_equal(result[:, WIDTH // 2 :], content[:, WIDTH // 2 :])
        results.append(result[:, : WIDTH // 2])
    np.testing.assert_array_equal(*results)


def test_transparent_pixels_have_no_part():
    alpha = np.ones((HEIGHT, WIDTH), np.float32)
    alpha[:, 40:] = 0.0
    results = []
    for hidden in ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)):
        content = photo()
        content[:, 40:] = hidden
        results.append(finish(job_of(content, GREENS, picture={"alpha": alpha})))
    np.testing.assert_array_equal(results[0], results[1])
    style_alpha = np.ones((32, 32), np.float32)
    style_alpha[16:] = 0.0
    styles = []
    for hidden in ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)):
        pixels = GREENS.copy()
        pixels[16:] = hidden
        job = replace(job_of(), styles=(WeightedStyle(Picture(pixels, style_alpha)),))
        styles.append(finish(job))
    np.testing.assert_array_equal(*styles)


def test_crop_and_part_of_the_style_choose_the_palette():
    both = np.concatenate([GREENS, PURPLES], axis=1)
    expected = finish(job_of(None, GREENS))
    np.testing.assert_allclose(finish(job_of(None, both, style_crop="0,0,32,32")), expected, atol=1e-6)
    part = np.zeros((32, 64), np.float32)
    part[:, :32] = 1.0
    job = replace(job_of(), styles=(WeightedStyle(Picture(both), mask=part),))
    np.testing.assert_allclose(finish(job), expected, atol=1e-6)


def test_matched_colours_are_the_palette():
    """With ``keep_colors match`` the style has the photo's colours, and so has the result."""
    result = chroma(finish(job_of(None, PURPLES, keep_colors="match"))).mean(axis=(0, 1))
    np.testing.assert_allclose(result, chroma(photo()).mean(axis=(0, 1)), atol=0.01)


@pytest.mark.parametrize(
    "make_job",
    [
        lambda: job_of(None, GREENS, keep_colors="luminance"),
        lambda: job_of(None),
        lambda: job_of(photo().mean(axis=2, keepdims=True).repeat(3, axis=2), GREENS, picture={"grey": True}),
    ],
    ids=["luminance", "no style", "grey file"],
)
def test_jobs_without_an_effect(make_job):
    job = make_job()
    assert not colour_regions(job, prepare(job))
    assert not Finisher(job, prepare(job)).has_color_layout
    np.testing.assert_array_equal(finish(job), finish(job, amount=0.0))


def test_textures_have_no_layout():
    job = Job(content=None, styles=(WeightedStyle(Picture(GREENS)),), settings=make_settings({}))
    np.testing.assert_array_equal(finish(job), painted())


@pytest.mark.parametrize("shade", [(0.5, 0.5, 0.5), (0.2, 0.4, 0.7), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_photo_of_one_colour_leaves_the_painting_as_it_is(shade):
    """It has no colours to follow; neither has a black-and-white photo in RGB, whose noise is no colour."""
    content = np.broadcast_to(np.float32(shade), (HEIGHT, WIDTH, 3)).copy()
    np.testing.assert_array_equal(finish(job_of(content, GREENS)), painted())
    grey = photo().mean(axis=2, keepdims=True).repeat(3, axis=2)
    noisy = np.clip(np.round((grey + RNG.normal(size=grey.shape) / 255) * 255) / 255, 0, 1)
    np.testing.assert_array_equal(finish(job_of(noisy.astype(np.float32), GREENS)), painted())


def test_flat_styles_give_one_colour():
    grey = finish(job_of(None, np.full((32, 32, 3), 0.4, np.float32)))
    np.testing.assert_allclose(grey, grey.mean(axis=2, keepdims=True).repeat(3, axis=2), atol=1e-3)
    flat = np.broadcast_to(np.float32([0.5, 0.45, 0.4]), (32, 32, 3)).copy()
    expected = chroma(flat)[0, 0]
    np.testing.assert_allclose(
        chroma(finish(job_of(None, flat))), expected[None, None].repeat(HEIGHT, 0).repeat(WIDTH, 1), atol=3e-3
    )


@pytest.mark.parametrize("style", [GREENS, np.zeros((32, 32, 3), np.float32)])
def test_regions_of_one_pixel_and_soft_masks_are_finite(style):
    dot = np.zeros((HEIGHT, WIDTH), np.float32)
    dot[20, 30] = 1.0
    soft = np.broadcast_to(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    for mask in (dot, soft):
        regions = (Region(mask, (WeightedStyle(Picture(PURPLES)),)),)
        for styles in ((), (style,)):
            result = finish(job_of(None, *styles, regions=regions))
            assert np.isfinite(result).all()
            assert result.min() >= 0
            assert result.max() <= 1


def test_soft_border_between_a_region_and_the_background_is_a_mixture():
    soft = np.broadcast_to(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    regions = (Region(soft, (WeightedStyle(Picture(PURPLES)),)),)
    means = chroma(finish(job_of(None, GREENS, regions=regions))).mean(axis=0)
    ends = [chroma(style).mean(axis=(0, 1)) for style in (GREENS, PURPLES)]
    axis = (ends[1] - ends[0]) / np.sum((ends[1] - ends[0]) ** 2)
    places = (means - ends[0]) @ axis
    assert places[0] < 0.2
    assert places[-1] > 0.8
    assert 0.3 < places[WIDTH // 2] < 0.7


def test_strips_equal_the_whole(monkeypatch):
    left, right = halves()
    regions = tuple(
        Region(mask, (WeightedStyle(Picture(style)),))
        for mask, style in ((left, GREENS), (right * 0.7, PURPLES))
    )
    for job in (job_of(None, GREENS), job_of(None, GREENS, regions=regions)):
        whole = finish(job)
        monkeypatch.setattr(color_layout, "STRIP_PIXELS", 5 * WIDTH)
        np.testing.assert_allclose(finish(job), whole, atol=1e-6)
        monkeypatch.setattr(color_layout, "LAYOUT_SIDE", 24)
        small = finish(job)
        monkeypatch.setattr(color_layout, "STRIP_PIXELS", 2**18)
        np.testing.assert_allclose(finish(job), small, atol=1e-6)
        assert np.abs(small - whole).mean() < 0.02  # laid out at a third of the size
        monkeypatch.undo()


@pytest.mark.parametrize("side", [48, 97, 160])
def test_previews_agree_with_the_result(side):
    """Previews have another size. They agree but for the resolution of colours at edges."""
    job = job_of(photo(120, 160), GREENS)
    finisher = Finisher(job, prepare(job))
    result = finish(job, painted(120, 160))
    rows = np.clip(resize(painted(120, 160), round(side * 0.75), side), 0, 1)
    preview = finisher.finish_preview(Preview(0, 1, rows), 100.0)
    assert preview.color_layout == 100.0
    expected = resize(result, *rows.shape[:2])
    assert np.abs(preview.picture - expected).mean() < 5e-3
    plain = finisher.finish_preview(Preview(0, 1, rows), 0.0)
    np.testing.assert_array_equal(plain.picture, rows)
    assert plain.color_layout == 0.0


def test_preview_says_when_the_setting_has_no_effect():
    job = job_of(None, GREENS, keep_colors="luminance")
    assert Finisher(job, prepare(job)).finish_preview(Preview(0, 1, painted()), 40.0).color_layout is None


@pytest.mark.parametrize("keep_size", [True, False])
def test_result_has_its_size(keep_size):
    job = replace(job_of(photo(96, 128), GREENS, size=64), keep_size=keep_size)
    result = finish(job)
    assert result.shape[:2] == ((96, 128) if keep_size else (HEIGHT, WIDTH))
    np.testing.assert_allclose(chroma(result).mean(axis=(0, 1)), chroma(GREENS).mean(axis=(0, 1)), atol=8e-3)


def test_content_is_not_changed():
    content, rows = photo(), painted()
    job = job_of(content, GREENS)
    subject = prepare(job)
    ColorLayout(job.content, subject, colour_regions(job, subject)).apply(rows, 1.0)
    np.testing.assert_array_equal(content, photo())
    np.testing.assert_array_equal(rows, painted())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("painted_side", "keep_colors"),
    [pytest.param(500, "none", marks=pytest.mark.long), (2000, "luminance")],
)
def test_memory_of_a_large_result_is_that_of_the_plan(monkeypatch, painted_side, keep_colors):
    """Upsampled from a sixteenth of the pixels or painted at full size, with the colours of two regions.

    The layout itself, up to 90 MB, is left out: painting anything takes more.
    """
    monkeypatch.setattr(color_layout, "LAYOUT_SIDE", 128)
    height, width = 1500, 2000
    mask = np.zeros((height, width), np.float32)
    mask[:, 900:] = 1.0
    regions = (Region(mask, (WeightedStyle(Picture(PURPLES)),), keep_colors=keep_colors),)
    job = replace(job_of(photo(height, width), GREENS, regions=regions), keep_size=True)
    finisher = Finisher(job, prepare(job))
    pixels = painted(painted_side * 3 // 4, painted_side).transpose(2, 0, 1).copy()
    tracemalloc.start()
    try:
        finish_picture(finisher, painting(pixels), 100.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < FINISHING_BYTES * height * width
