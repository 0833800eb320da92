"""Targets and weights of an objective, with features that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.loss.guides import halve_mask
from nst_core.loss.objective import ContentTerm, RangePenalty, StyleTerm
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import Settings, make_settings

RNG = np.random.default_rng(11)
STRIDES = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4, "relu4_1": 8, "relu4_2": 8, "relu5_1": 16}


class Blocks:
    """A feature extractor whose features can be computed by hand: block means, with a made-up channel."""

    def __init__(self, paper_scale=1.0):
        self.paper_scale = paper_scale

    def features(self, picture, layers):
        result = {}
        for layer in layers:
            stride = STRIDES[layer]
            height, width = picture.shape[1] // stride, picture.shape[2] // stride
            cropped = picture[:, : height * stride, : width * stride]
            means = cropped.reshape(3, height, stride, width, stride).mean(axis=(2, 4))
            result[layer] = np.concatenate([means, means[:1] * means[1:2] + 0.1]).astype(np.float32)
        return result


def image(height=48, width=64, **kwargs):
    return PreparedImage(RNG.uniform(size=(3, height, width)).astype(np.float32), **kwargs)


def objective_of(content, styles, settings=None, paper_scale=1.0, **subject):
    """Make the objective of pictures with the features of :class:`Blocks`."""
    images = Subject(content=content, styles=tuple(styles), **subject)
    return make_objective(Blocks(paper_scale), images, settings or Settings())


def loss_of(term, features):
    if isinstance(term, ContentTerm):
        mask = 1.0 if term.mask is None else term.mask
        return term.weight / 2 * (mask * (features - term.target) ** 2).sum()
    flat = features.reshape(len(features), -1)
    guide = np.ones(flat.shape[1]) if term.guide is None else term.guide.ravel()
    gram = (flat * guide) @ flat.T / guide.sum()
    return term.weight / (4 * len(features) ** 2) * ((gram - term.target) ** 2).sum()


@pytest.mark.parametrize("size", [(48, 64), (97, 131)])
def test_relative_loss_of_an_empty_picture_is_one_at_any_size(size):
    objective = objective_of(image(*size), [image()], Settings(strength=50))
    share = sum(loss_of(term, np.zeros_like(term.target)) for term in objective.content)
    styled = 0.0
    for term in objective.style:
        styled += loss_of(term, np.zeros((len(term.target), 2, 2)))
    assert share + styled == pytest.approx(1.0, rel=1e-5)
    assert any(isinstance(prior, RangePenalty) for prior in objective.priors)


def test_strength_moves_weight_from_content_to_style():
    weak, strong = (objective_of(image(), [image()], Settings(strength=s)) for s in (10, 90))
    assert weak.content[0].weight > strong.content[0].weight
    assert weak.style[0].weight < strong.style[0].weight


@pytest.mark.parametrize("scale", [1.0, 57.375])
def test_paper_loss_is_alpha_and_beta_times_the_sums_of_the_paper(scale):
    """Equations 1 to 7 in float64, with features of pictures in 0..255, ``scale`` times the network's."""
    settings = make_settings({"loss": "paper", "alpha": 3.0, "beta": 500.0})
    content, style, painted = image(), image(), image()
    objective = objective_of(content, [style], settings, scale)
    assert objective.priors == ()

    def features(picture, layer):
        planes = Blocks().features(picture.pixels, [layer])[layer].astype(np.float64) * scale
        return planes.reshape(len(planes), -1)

    for term in objective.terms:
        f = features(painted, term.layer)
        n, m = f.shape
        if isinstance(term, ContentTerm):
            paper = 3.0 * ((f - features(content, term.layer)) ** 2).sum() / 2
        else:
            p = features(style, term.layer)
            paper = 500.0 / 5 * ((f @ f.T - p @ p.T) ** 2).sum() / (4 * n**2 * m**2)
        plain = Blocks().features(painted.pixels, [term.layer])[term.layer].astype(np.float64)
        assert loss_of(term, plain) == pytest.approx(paper, rel=1e-4)
    assert len(objective.terms) == 6


def test_blend_of_two_equal_styles_is_that_style():
    style = image()
    one = objective_of(image(), [style], Settings())
    halves = [PreparedImage(style.pixels, weight=0.5), PreparedImage(style.pixels, weight=2.0)]
    two = objective_of(image(), halves, Settings())
    for a, b in zip(one.style, two.style, strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-5)


def test_transparent_parts_of_a_style_do_not_count():
    left = image(64, 64)
    wide = np.concatenate([left.pixels, RNG.uniform(size=(3, 64, 64)).astype(np.float32)], axis=2)
    alpha = np.concatenate([np.ones((64, 64)), np.zeros((64, 64))], axis=1).astype(np.float32)
    one = objective_of(image(), [left], Settings())
    masked = objective_of(image(), [PreparedImage(wide, alpha)], Settings())
    for a, b in zip(one.style, masked.style, strict=True):
        np.testing.assert_allclose(a.target, b.target, rtol=1e-4, atol=1e-6)


def test_content_alpha_becomes_mask_and_guide_at_each_layer():
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, :32] = 1.0
    objective = objective_of(image(alpha=alpha), [image()], Settings())
    content = objective.content[0]
    assert content.mask is not None
    assert content.mask.shape == content.target.shape[1:]
    for term in objective.style:
        assert term.guide is not None
        assert term.guide.mean() == pytest.approx(0.5)
        stride = STRIDES[term.layer]
        assert term.guide.shape == (48 // stride, 64 // stride)


def test_masks_of_odd_size_shrink_like_pooling():
    mask = RNG.uniform(size=(13, 22)).astype(np.float32)
    half = halve_mask(mask, 1)
    assert half is not None
    assert half[5, 10] == pytest.approx(mask[10:12, 20:22].mean())
    quarter = halve_mask(mask, 2)
    assert quarter is not None
    assert quarter[2, 4] == pytest.approx(mask[8:12, 16:20].mean(), rel=1e-6)


def test_layers_of_weight_zero_are_left_out():
    layers = {"style_layers": "relu1_1:1,relu2_1:0", "content_layers": "relu4_2:0"}
    settings = make_settings({**layers, "matching": 0})
    objective = objective_of(image(), [image()], settings)
    assert [term.layer for term in objective.style] == ["relu1_1"]
    assert objective.content == ()
    assert isinstance(objective.style[0], StyleTerm)


def test_default_style_layers_count_alike_only_in_the_papers_loss():
    """Early layers hold the style's colours; the paper has w_l = 1/5. Named layers keep their weights."""
    content, style, five = image(), image(), ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    relative = objective_of(content, [style], Settings())
    values = [loss_of(term, np.zeros((4, 1, 1))) for term in relative.style]
    np.testing.assert_allclose(np.array(values) / sum(values), np.array([4, 2, 1, 1, 1]) / 9, rtol=1e-5)
    paper = objective_of(content, [style], make_settings({"loss": "paper"}))
    assert [term.layer for term in paper.style] == five
    np.testing.assert_allclose([term.weight for term in paper.style], 1e3 / 5)
    named = make_settings({"loss": "paper", "style_layers": "relu1_1:3,relu2_1:1"})
    weights = [term.weight for term in objective_of(content, [style], named).style]
    np.testing.assert_allclose(weights, [750, 250])
