"""Jobs with real weights at tiny sizes: colour, transparency, grey, sizes, starts, repeatability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nst_core.api import as_array, as_picture, stylize
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Plan, Preview, Progress
from nst_core.images.colour import LMS_TO_LAB, RGB_TO_LMS, srgb_to_linear
from nst_core.images.picture import Picture
from nst_core.job import run
from nst_core.job.model import Job, Region, WeightedStyle
from nst_core.job.run import evaluate_job, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings, make_settings

RNG = np.random.default_rng(21)


def photo(height=48, width=64):
    """Return a soft gradient with a block on it: a picture with edges and flat areas."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.stack([x / width, y / height, 1 - x / width], axis=2) * 0.6 + 0.2
    picture[10:24, 12:30] = (0.9, 0.3, 0.2)
    return np.clip(picture, 0, 1)


def painting(height=64, width=64):
    """Return diagonal strokes in two strong colours."""
    y, x = np.mgrid[:height, :width]
    stripes = ((x + y) // 6 % 2).astype(np.float32)[:, :, None]
    return stripes * np.float32([0.95, 0.8, 0.1]) + (1 - stripes) * np.float32([0.1, 0.2, 0.6])


@pytest.fixture(autouse=True)
def real_weights(models, monkeypatch, rates_folder):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))


QUICK = {"iterations": 4, "engine": "onnx", "device": "cpu"}


def test_stylize_paints_and_reports_progress():
    events = []
    painted = stylize(photo(), painting(), QUICK, on_event=events.append, preview_seconds=0.0)
    assert painted.pixels.shape == (48, 64, 3)
    assert painted.pixels.min() >= 0
    assert painted.pixels.max() <= 1
    progress = [event for event in events if isinstance(event, Progress)]
    assert [event.iteration for event in progress] == [1, 2, 3, 4]
    assert progress[-1].loss < progress[0].loss
    assert progress[-1].fraction == pytest.approx(1.0)
    (plan,) = (event for event in events if isinstance(event, Plan))
    assert (plan.levels[0].width, plan.levels[0].height) == (64, 48)
    assert events[-1] == progress[-1] or isinstance(events[-1], Preview)
    assert painted.result.model == "vgg16"
    assert "fallback-model" in [notice.code for notice in painted.result.notices]


@pytest.mark.slow
def test_seed_determines_the_picture():
    settings = {**QUICK, "init": "noise"}
    first, repeated = stylize(photo(), painting(), settings), stylize(photo(), painting(), settings)
    np.testing.assert_array_equal(first.pixels, repeated.pixels)
    other = stylize(photo(), painting(), {**settings, "seed": 1})
    assert not np.allclose(first.pixels, other.pixels, atol=0.01)


@pytest.mark.slow
def test_strength_increases_the_distance_from_the_photo():
    distances = [
        float(
            np.abs(
                stylize(photo(), painting(), {**QUICK, "iterations": 12, "strength": s}).pixels - photo()
            ).mean()
        )
        for s in (0, 50, 100)
    ]
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_arrays_of_every_type_keep_their_shape(dtype, channels):
    grey = photo().mean(axis=2)
    planes = {None: grey, 1: grey[:, :, None], 3: photo()}
    planes[2] = np.dstack([grey, np.ones_like(grey)])
    planes[4] = np.dstack([photo(), np.ones_like(grey)])
    scale = {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    array = (planes[channels] * scale + (0.5 if scale > 1 else 0)).astype(dtype)
    picture = as_picture(array, "picture")
    converted = as_array(picture, channels or 1, array.ndim)
    assert converted.shape == array.shape
    np.testing.assert_allclose(converted, array / scale, atol=1e-6)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 5), np.float32),
        np.zeros((4,), np.float32),
        np.zeros((4, 4, 3), np.int64),
        np.full((4, 4, 3), np.nan, np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_not_pictures_are_refused(array):
    with pytest.raises(NstError) as caught:
        as_picture(array, "picture")
    assert caught.value.code is ErrorCode.BAD_IMAGE


def with_hole(hidden):
    alpha = np.ones((48, 64), np.float32)
    alpha[:, 40:] = 0.0
    pixels = photo()
    pixels[:, 40:] = hidden
    return np.dstack([pixels, alpha])


@pytest.mark.slow
def test_transparent_pixels_do_not_influence_visible_ones():
    """The visible result is the same, bit for bit, whatever colours the transparent pixels have."""
    first = stylize(with_hole((1.0, 0.0, 1.0)), painting(), QUICK).pixels
    second = stylize(with_hole((0.0, 1.0, 0.0)), painting(), QUICK).pixels
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[:, :, 3], with_hole(0)[:, :, 3])


def test_transparent_part_of_the_style_is_ignored():
    style = np.dstack([painting(), np.ones((64, 64), np.float32)])
    style[:, 32:, 3] = 0
    style[:, 32:, :3] = (1, 0, 0)
    other = style.copy()
    other[:, 32:, :3] = (0, 1, 0)
    a, b = stylize(photo(), style, QUICK).pixels, stylize(photo(), other, QUICK).pixels
    np.testing.assert_array_equal(a, b)


def grey_job(style=None, keep_colors="none", **options):
    return Job(
        content=Picture(np.repeat(photo().mean(axis=2)[:, :, None], 3, axis=2), grey=True, profile=b"grey"),
        styles=(style or WeightedStyle(Picture(painting())),),
        settings=make_settings({**QUICK, "keep_colors": keep_colors}),
        **options,
    )


def test_grey_content_gets_the_colours_of_the_style():
    """It is painted like the same pixels in colour, and its profile of grey is dropped."""
    base = grey_job()
    grey = run_job(base).picture
    colour = run_job(replace(base, content=replace(base.content, grey=False, profile=None))).picture
    np.testing.assert_array_equal(grey.pixels, colour.pixels)
    assert (grey.grey, grey.profile) == (False, None)


@pytest.mark.parametrize(
    "job",
    [
        grey_job(keep_colors="luminance"),
        grey_job(keep_colors="match"),
        grey_job(keep_grey=True),
        grey_job(WeightedStyle(Picture(np.repeat(painting()[:, :, :1], 3, axis=2), grey=True))),
    ],
    ids=["colours kept", "colours matched", "as the caller asks", "grey style"],
)
def test_grey_content_stays_grey(job):
    picture = run_job(job).picture
    assert (picture.grey, picture.profile) == (True, b"grey")
    np.testing.assert_array_equal(picture.pixels[:, :, 0], picture.pixels[:, :, 2])


def test_region_of_a_grey_content_keeps_its_grey_beside_one_in_colour():
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1.0
    regions = (
        Region(left, (WeightedStyle(Picture(painting())),), keep_colors="luminance"),
        Region(1.0 - left, (WeightedStyle(Picture(painting())),)),
    )
    picture = run_job(replace(grey_job(), styles=(), regions=regions)).picture
    assert not picture.grey
    assert np.ptp(picture.pixels[:, :30], axis=2).max() == 0.0
    assert np.ptp(picture.pixels[:, 34:], axis=2).mean() > 0.02


@pytest.mark.parametrize("channels", [None, pytest.param(1, marks=pytest.mark.long), 2])
@pytest.mark.parametrize("keep_colors", ["none", "luminance"])
def test_grey_array_is_returned_in_colour_unless_its_grey_is_kept(channels, keep_colors):
    grey = photo().mean(axis=2)
    content = {None: grey, 1: grey[:, :, None], 2: np.dstack([grey, np.full_like(grey, 0.5)])}[channels]
    painted = stylize(content, painting(), {**QUICK, "iterations": 2, "keep_colors": keep_colors}).pixels
    assert painted.shape == ((48, 64, (channels or 1) + 2) if keep_colors == "none" else content.shape)
    if channels == 2:
        np.testing.assert_array_equal(painted[:, :, -1], content[:, :, 1])


def lab_chroma(pixels):
    return (np.cbrt(srgb_to_linear(pixels.astype(np.float64)) @ RGB_TO_LMS.T) @ LMS_TO_LAB.T)[:, :, 1:]


def test_keep_colors_luminance_keeps_the_chroma_of_the_content():
    soft = 0.5 + 0.2 * (photo() - 0.5)
    events = []
    painted = stylize(
        soft, painting(), {**QUICK, "keep_colors": "luminance"}, on_event=events.append, preview_seconds=0.0
    )
    inside = (painted.pixels.min(axis=2) > 0.02) & (painted.pixels.max(axis=2) < 0.98)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(lab_chroma(painted.pixels)[inside], lab_chroma(soft)[inside], atol=2e-3)
    preview = [event for event in events if isinstance(event, Preview)][-1].picture
    np.testing.assert_allclose(preview, painted.pixels, atol=1e-5)


@pytest.mark.slow
def test_keep_colors_match_moves_colours_towards_the_content():
    blue = photo() * np.float32([0.2, 0.3, 1.0])
    plain = stylize(blue, painting(), {**QUICK, "strength": 90, "iterations": 15}).pixels
    settings = {**QUICK, "strength": 90, "iterations": 15, "keep_colors": "match"}
    matched = stylize(blue, painting(), settings).pixels
    mean = blue.mean(axis=(0, 1))
    assert np.abs(matched.mean(axis=(0, 1)) - mean).sum() < np.abs(plain.mean(axis=(0, 1)) - mean).sum()


@pytest.mark.slow
def test_keep_size_restores_the_size_of_the_content():
    small = stylize(photo(96, 128), painting(), {**QUICK, "size": 64}).pixels
    assert small.shape == (48, 64, 3)
    job = Job(
        content=as_picture(photo(96, 128), "content"),
        styles=(WeightedStyle(as_picture(painting(), "style")),),
        settings=make_settings({**QUICK, "size": 64}),
        keep_size=True,
    )
    result = run_job(job)
    assert (result.picture.height, result.picture.width) == (96, 128)
    assert (result.levels[-1].height, result.levels[-1].width) == (48, 64)


def test_stop_after_the_first_step_returns_a_picture():
    painted = stylize(photo(96, 128), painting(), {**QUICK, "coarsest": 64}, should_stop=lambda: True)
    assert painted.result.stopped
    assert painted.pixels.shape == (96, 128, 3)
    assert len(painted.result.curve) == 1


@pytest.mark.parametrize("init", ["content", "style", "noise", "file"])
def test_every_kind_of_start_paints(init):
    init_image = painting()[:, ::-1] if init == "file" else None
    settings = {**QUICK, "init": init if init_image is None else "picture.png", "iterations": 1}
    events = []
    stylize(photo(), painting(), settings, init_image=init_image, on_event=events.append)
    losses = [event.loss for event in events if isinstance(event, Progress)]
    assert len(losses) == 1
    assert np.isfinite(losses[0])


def test_unknown_start_is_refused():
    with pytest.raises(NstError) as caught:
        stylize(photo(), painting(), {**QUICK, "init": "nosie"})
    assert caught.value.code is ErrorCode.BAD_SETTING


def test_style_crop_gives_the_result_of_the_cropped_style():
    whole = np.concatenate([painting(), photo(64, 64)], axis=1)
    cropped = stylize(photo(), whole, {**QUICK, "style_crop": "0,0,64,64"}).pixels
    np.testing.assert_array_equal(cropped, stylize(photo(), painting(), QUICK).pixels)
    with pytest.raises(NstError, match="outside"):
        stylize(photo(), painting(), {**QUICK, "style_crop": "32,0,64,64"})


@pytest.mark.slow
def test_style_weights_are_shares_of_the_blend():
    single = stylize(photo(), painting(), QUICK).pixels
    equal = stylize(photo(), [painting(), painting()], QUICK, weights=[1, 3]).pixels
    np.testing.assert_allclose(single, equal, atol=1e-3)
    weightless = stylize(photo(), [painting(), photo(64, 64)], QUICK, weights=[1, 0]).pixels
    np.testing.assert_allclose(single, weightless, atol=1e-3)


def test_textures_and_reconstructions_have_only_their_own_terms():
    style, content = WeightedStyle(as_picture(painting(), "style")), as_picture(photo(), "content")
    settings = make_settings({**QUICK, "init": "noise", "coarsest": 0, "iterations": 25})
    texture = run_job(Job(content=None, styles=(style,), settings=settings, texture_size=(40, 56)))
    assert texture.picture.pixels.shape == (40, 56, 3)
    assert all(name.startswith(("style", "range", "total")) for name in texture.terms)
    rebuilt = run_job(
        Job(
            content=content,
            styles=(),
            settings=make_settings({**settings.model_dump(), "content_layers": "conv1_1"}),
        )
    )
    assert all(name.startswith(("content", "range", "total")) for name in rebuilt.terms)
    assert np.abs(rebuilt.picture.pixels - photo()).mean() < 0.1


@pytest.mark.slow
def test_evaluate_job_prefers_the_content_to_noise():
    job = Job(
        content=as_picture(photo(), "content"),
        styles=(WeightedStyle(as_picture(painting(), "s")),),
        settings=Settings(device="cpu"),
    )
    content_terms = evaluate_job(as_picture(photo(), "picture"), job)
    noise_terms = evaluate_job(as_picture(RNG.uniform(size=(48, 64, 3)), "picture"), job)
    assert content_terms["content relu4_2"] < 1e-6 < noise_terms["content relu4_2"]
    paper = Job(content=job.content, styles=job.styles, settings=Settings(device="cpu", loss="paper"))
    matches = {name for name in content_terms if name.startswith("match")}
    others = {"range", "total variation", *matches}
    assert matches
    assert evaluate_job(as_picture(photo(), "picture"), paper).keys() == content_terms.keys() - others


def test_job_that_does_not_fit_into_memory_is_refused_before_it_starts(monkeypatch):
    from nst_core.backends.onnx_runtime.backend import OnnxBackend

    monkeypatch.setattr(OnnxBackend, "free_bytes", lambda _self: 1000)
    with pytest.raises(NstError) as caught:
        stylize(photo(), painting(), QUICK)
    assert caught.value.code is ErrorCode.OUT_OF_MEMORY
    assert caught.value.hint == "Close other programs."


def test_frames_are_sent_every_frames_every_iterations():
    frames = []
    content, style = as_picture(photo(), "content"), WeightedStyle(as_picture(painting(), "style"))
    watch = RunCallbacks(
        on_event=lambda event: frames.append(event) if isinstance(event, Preview) else None, frames_every=2
    )
    run_job(Job(content=content, styles=(style,), settings=make_settings({**QUICK, "iterations": 5})), watch)
    assert [frame.iteration for frame in frames] == [2, 4, 5]


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (MemoryError(), ErrorCode.OUT_OF_MEMORY),
        (
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried"),
            ErrorCode.OUT_OF_MEMORY,
        ),
        (OSError(28, "No space left on device"), ErrorCode.DISK_FULL),
    ],
)
@pytest.mark.parametrize("phase", ["prepare", "plan_painting", "paint", "finish_picture"])
def test_exhausted_memory_or_disk_is_reported_in_every_phase(monkeypatch, phase, raised, code):
    def fail(*_arguments, **_options):
        raise raised

    monkeypatch.setattr(run, phase, fail)
    with pytest.raises(NstError) as caught:
        stylize(photo(), painting(), QUICK)
    assert caught.value.code is code
    assert caught.value.hint


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_one_colour_in_the_style_of_itself_stays_that_colour(grey):
    flat = np.full((48, 48, 3), grey, np.float32)
    assert np.abs(stylize(flat, flat, QUICK).pixels - flat).mean() < 2 / 255
