import math

import numpy as np
import pytest

from nst_core.images import colour
from nst_core.images.colour import keep_luminance, luminance, match_colors, match_luminance

RANDOM = np.random.default_rng(6)
# Correlated colours, as in a photograph.
MIXING = np.array([[0.16, 0.05, 0.02], [0.13, -0.04, 0.05], [0.12, -0.02, -0.06]])


def photo(seed, mean=(0.5, 0.45, 0.4), mixing=MIXING, size=(40, 50)):
    noise = np.random.default_rng(seed).standard_normal((*size, 3)).clip(-2.5, 2.5)
    return (noise @ mixing.T + mean).clip(0.02, 0.98).astype(np.float32)


CONTENT = photo(1)
STYLE = photo(2, (0.3, 0.4, 0.6), MIXING[:, ::-1] @ np.diag([0.5, 1.5, 1.0]))
GREY = np.repeat(CONTENT[:, :, :1], 3, axis=2)


def oklab(pixel):
    """Ottosson's published numbers, one pixel at a time, in double precision."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in map(float, pixel))
    l_ = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    m_ = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    s_ = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return np.array(
        [
            0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
            1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
            0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
        ]
    )


def all_oklab(pixels):
    return np.array([[oklab(pixel) for pixel in row] for row in pixels])


if not hasattr(math, "cbrt"):
    math.cbrt = lambda x: math.copysign(abs(x) ** (1 / 3), x)


def test_srgb_curve_matches_the_standard():
    assert colour.srgb_to_linear(0.5) == pytest.approx(0.2140411, abs=1e-7)
    assert colour.srgb_to_linear(0.04) == pytest.approx(0.04 / 12.92)
    assert colour.linear_to_srgb(0.2140411) == pytest.approx(0.5, abs=1e-6)
    values = np.linspace(-0.5, 1.5, 301)
    assert np.abs(colour.linear_to_srgb(colour.srgb_to_linear(values)) - values).max() < 1e-6
    assert colour.srgb_to_linear(np.float32([0.5])).dtype == np.float32


def test_oklab_matches_its_authors_examples():
    # XYZ (0.950, 1.000, 1.089) is white, L = 1; sRGB red is L 0.628, a 0.225, b 0.126.
    assert oklab((1, 1, 1)) == pytest.approx([1, 0, 0], abs=1e-4)
    assert oklab((1, 0, 0)) == pytest.approx([0.628, 0.225, 0.126], abs=1e-3)


def test_luminance_of_a_grey_is_its_own_value():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    assert luminance(ramp).shape == (1, 256)
    assert np.abs(luminance(ramp) - ramp[:, :, 0]).max() < 2e-6


def test_luminance_has_the_lightness_of_the_colour():
    pixels = RANDOM.random((4, 5, 3)).astype(np.float32)
    as_grey = np.repeat(luminance(pixels)[:, :, None], 3, axis=2)
    assert np.abs(all_oklab(as_grey)[:, :, 0] - all_oklab(pixels)[:, :, 0]).max() < 1e-5


def test_keep_luminance_matches_its_definition():
    painted = (0.5 * CONTENT + 0.25 * photo(9))[:8, :9]
    content = CONTENT[:8, :9]
    result = keep_luminance(painted, content)
    got, light, chroma = all_oklab(result), all_oklab(painted), all_oklab(content)
    # If sRGB contains the colour, L is that of painted and a, b are those of content, up to rounding.
    inside = np.all((result > 0.001) & (result < 0.999), axis=2)
    assert inside.mean() > 0.9
    assert np.abs(got[:, :, 0] - light[:, :, 0])[inside].max() < 1e-4
    assert np.abs(got[:, :, 1:] - chroma[:, :, 1:])[inside].max() < 1e-4


def test_keep_luminance_reduces_chroma_outside_srgb():
    painted = RANDOM.random((12, 13, 3)).astype(np.float32)
    content = np.zeros((12, 13, 3), np.float32)
    content[:, :6] = (0.0, 0.0, 1.0)
    content[:, 6:] = (1.0, 0.9, 0.0)
    result = keep_luminance(painted, content)
    assert 0 <= result.min() <= result.max() <= 1
    got, light, original = all_oklab(result), all_oklab(painted), all_oklab(content)
    assert np.abs(got[:, :, 0] - light[:, :, 0]).max() < 0.003
    chroma, full = np.hypot(got[:, :, 1], got[:, :, 2]), np.hypot(original[:, :, 1], original[:, :, 2])
    reduced = chroma < full - 1e-3
    assert reduced.mean() > 0.5
    # Where there is enough chroma for a hue, it is that of the content.
    strong = chroma > 0.03
    angle = np.arctan2(got[:, :, 2], got[:, :, 1]) - np.arctan2(original[:, :, 2], original[:, :, 1])
    assert np.abs((angle + np.pi) % (2 * np.pi) - np.pi)[strong].max() < 0.03
    # The chroma is not reduced more than necessary: a little more would leave the gamut.
    edge = np.minimum(result.min(axis=2), 1 - result.max(axis=2))
    assert edge[reduced].max() < 0.01


def test_keep_luminance_identities():
    assert np.abs(keep_luminance(CONTENT, CONTENT) - CONTENT).max() < 1e-4
    grey_content = keep_luminance(STYLE, GREY)
    assert np.ptp(grey_content, axis=2).max() < 1e-4
    assert np.abs(grey_content[:, :, 0] - luminance(STYLE)).max() < 1e-4
    again = keep_luminance(grey_content, CONTENT)
    assert np.abs(again - keep_luminance(STYLE, CONTENT)).max() < 2e-3


def test_chroma_does_not_jump_in_dark_blue():
    # The blue corner of sRGB is concave in OKLab; a plain bisection jumped by a tenth of the range here.
    ramp = np.linspace(0.05, 0.3, 500, dtype=np.float32)[:, None, None].repeat(3, axis=2)
    for blue in ((0, 0, 1), (0, 0.05, 1), (0.05, 0, 1), (0.15, 0.15, 1)):
        column = keep_luminance(ramp, np.broadcast_to(np.float32(blue), ramp.shape))
        assert np.abs(np.diff(column, axis=0)).max() < 0.003


def test_keep_luminance_refuses_different_sizes():
    with pytest.raises(ValueError):
        keep_luminance(CONTENT, CONTENT[:5])


def test_keep_luminance_keeps_black_and_white():
    painted = np.zeros((1, 2, 3), np.float32)
    painted[0, 1] = 1
    content = np.full((1, 2, 3), (0.9, 0.2, 0.1), np.float32)
    assert np.abs(keep_luminance(painted, content) - painted).max() < 0.01


def test_match_luminance_matches_mean_and_deviation():
    matched = match_luminance(STYLE, CONTENT)
    assert matched.shape == STYLE.shape
    assert np.ptp(matched, axis=2).max() == 0
    target, source = luminance(CONTENT).astype(float), luminance(STYLE).astype(float)
    assert matched[:, :, 0].mean(dtype=float) == pytest.approx(target.mean(), abs=1e-5)
    assert matched[:, :, 0].std(dtype=float) == pytest.approx(target.std(), rel=1e-4)
    expected = target.std() / source.std() * (source - source.mean()) + target.mean()
    assert np.abs(matched[:, :, 0] - expected).max() < 1e-5


def test_match_luminance_keeps_a_flat_style_flat():
    flat = np.full((6, 6, 3), 0.7, np.float32)
    matched = match_luminance(flat, CONTENT)
    assert np.isfinite(matched).all()
    assert np.abs(matched - luminance(CONTENT).mean()).max() < 1e-5


def moments(pixels, weights=None):
    flat = pixels.reshape(-1, 3).astype(float)
    return np.average(flat, axis=0, weights=weights), np.cov(flat.T, aweights=weights, bias=True)


@pytest.mark.parametrize("mode", ["pca", "cholesky"])
def test_match_colors_matches_mean_and_covariance(mode):
    matched = match_colors(STYLE, CONTENT, mode)
    mean, covariance = moments(matched)
    expected_mean, expected_covariance = moments(CONTENT)
    assert np.abs(mean - expected_mean).max() < 1e-6
    assert np.abs(covariance - expected_covariance).max() < 1e-7
    # The map is linear: it maps the mean of two colours to the mean of their images.
    assert np.linalg.matrix_rank(np.c_[STYLE.reshape(-1, 3), np.ones(2000)]) == 4
    rest = np.linalg.lstsq(np.c_[STYLE.reshape(-1, 3), np.ones(2000)], matched.reshape(-1, 3), rcond=None)[1]
    assert rest.max() < 1e-6


def test_match_colors_follows_the_formulas_of_the_paper():
    mean_source, source = moments(STYLE)
    mean_target, target = moments(CONTENT)

    def root(matrix, power):
        values, vectors = np.linalg.eigh(matrix)
        return vectors @ np.diag(values**power) @ vectors.T

    analogies = root(target, 0.5) @ root(source, -0.5)
    triangular = np.linalg.cholesky(target) @ np.linalg.inv(np.linalg.cholesky(source))
    for mode, transform in (("pca", analogies), ("cholesky", triangular)):
        expected = (STYLE.reshape(-1, 3) - mean_source) @ transform.T + mean_target
        assert np.abs(match_colors(STYLE, CONTENT, mode).reshape(-1, 3) - expected).max() < 1e-4


@pytest.mark.parametrize("mode", ["pca", "cholesky"])
def test_match_colors_identities(mode):
    assert np.abs(match_colors(STYLE, STYLE, mode) - STYLE).max() < 1e-4
    once = match_colors(STYLE, CONTENT, mode)
    assert np.abs(match_colors(once, CONTENT, mode) - once).max() < 1e-4


@pytest.mark.parametrize("mode", ["pca", "cholesky"])
def test_match_colors_to_grey_content_gives_grey(mode):
    matched = match_colors(STYLE, GREY, mode)
    assert np.ptp(matched, axis=2).max() < 1e-5
    assert matched.std(dtype=float) == pytest.approx(GREY.std(dtype=float), rel=1e-3)


@pytest.mark.parametrize("mode", ["pca", "cholesky"])
def test_match_colors_does_not_amplify_noise_of_grey_and_flat_styles(mode):
    grey = np.repeat(STYLE[:, :, :1], 3, axis=2)
    noisy = grey + RANDOM.normal(0, 0.5 / 255, grey.shape).astype(np.float32)
    for style in (grey, noisy):
        matched = match_colors(style, CONTENT, mode)
        assert np.isfinite(matched).all()
        assert np.abs(matched.reshape(-1, 3).mean(axis=0) - moments(CONTENT)[0]).max() < 1e-4
        assert -0.7 < matched.min() <= matched.max() < 1.7
    # Noise of half a step must not come out as visible colour.
    difference = match_colors(noisy, CONTENT, mode) - match_colors(grey, CONTENT, mode)
    assert np.abs(difference).std() < 0.1
    flat = match_colors(np.full((5, 5, 3), (0.2, 0.9, 0.4), np.float32), CONTENT, mode)
    assert np.abs(flat - moments(CONTENT)[0]).max() < 1e-5
    onto_flat = match_colors(STYLE, np.full((5, 5, 3), (0.2, 0.9, 0.4), np.float32), mode)
    assert np.abs(onto_flat - (0.2, 0.9, 0.4)).max() < 1e-4


def test_alpha_weights_the_statistics():
    alpha = (RANDOM.random(CONTENT.shape[:2]) > 0.3).astype(np.float32) * 0.7
    poisoned = CONTENT.copy()
    poisoned[alpha == 0] = (1, 0, 1)
    style_alpha = RANDOM.random(STYLE.shape[:2]).astype(np.float32)
    matched = match_colors(STYLE, poisoned, style_alpha=style_alpha, content_alpha=alpha)
    mean, covariance = moments(matched, style_alpha.ravel())
    expected_mean, expected_covariance = moments(CONTENT, alpha.ravel())
    assert np.abs(mean - expected_mean).max() < 1e-5
    assert np.abs(covariance - expected_covariance).max() < 1e-6
    nothing = np.zeros(CONTENT.shape[:2], np.float32)
    assert np.isfinite(match_colors(STYLE, CONTENT, content_alpha=nothing)).all()


def test_match_colors_refuses_an_unknown_mode():
    with pytest.raises(ValueError):
        match_colors(STYLE, CONTENT, "rainbow")


def test_block_size_does_not_change_results(monkeypatch):
    whole = keep_luminance(STYLE, CONTENT), match_colors(STYLE, CONTENT), luminance(STYLE)
    monkeypatch.setattr(colour, "BLOCK_PIXELS", 70)
    in_blocks = keep_luminance(STYLE, CONTENT), match_colors(STYLE, CONTENT), luminance(STYLE)
    for expected, result in zip(whole, in_blocks, strict=True):
        assert np.abs(result - expected).max() < 1e-6


def test_oklab_and_back_is_the_same_colour():
    pixels = RANDOM.random((40, 7, 3)).astype(np.float32)
    pixels[0], pixels[1], pixels[2, :3] = 0.0, 1.0, np.eye(3)
    lab = colour.to_oklab(pixels).reshape(-1, 3)
    np.testing.assert_allclose(lab[14:21], all_oklab(pixels[2:3])[0], atol=1e-6)
    np.testing.assert_allclose(
        colour.from_oklab(lab[:, :1], lab[:, 1:]).reshape(pixels.shape), pixels, atol=2e-5
    )


def test_colours_outside_srgb_keep_lightness_and_hue():
    light = np.linspace(0.02, 1, 60, dtype=np.float32)[:, None]
    angle = np.linspace(0, 12, 60, dtype=np.float32)[:, None]
    chroma = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * np.float32(0.3)
    shown = colour.from_oklab(light, chroma)
    assert shown.min() >= 0
    assert shown.max() <= 1
    lab = colour.to_oklab(shown)
    np.testing.assert_allclose(lab[:, :1], light, atol=4e-3)
    length = np.linalg.norm(lab[:, 1:], axis=1)
    coloured = length > 0.02
    assert coloured.sum() > 30
    assert (length <= 0.301).all()
    cosine = (lab[:, 1:] * chroma).sum(axis=1)[coloured] / (length[coloured] * 0.3)
    assert cosine.min() > 0.99
