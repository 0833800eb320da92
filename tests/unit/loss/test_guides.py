"""Masks at layers compared with receptive fields from the layer table, position by position."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.loss.guides import guides_at_layers
from nst_core.vgg.layers import LAYERS, layer_names

RNG = np.random.default_rng(5)
NAMES = layer_names("vgg19")
TABLE = {layer.name: layer for layer in LAYERS["vgg19"]}


def field_bounds(name, row, column):
    """Return first and last row and column of the picture that a position of a layer sees."""
    top = bottom = row
    left = right = column
    index = NAMES.index(name)
    for layer in reversed(NAMES[: index + 1]):
        if layer.startswith("conv"):
            top, bottom, left, right = top - 1, bottom + 1, left - 1, right + 1
        elif layer.startswith("pool"):
            top, bottom, left, right = 2 * top, 2 * bottom + 1, 2 * left, 2 * right + 1
    return top, bottom, left, right


def field_of(mask, name, row, column):
    top, bottom, left, right = field_bounds(name, row, column)
    return mask[max(top, 0) : bottom + 1, max(left, 0) : right + 1]


@pytest.mark.parametrize("layer", ["conv1_1", "relu2_2", "pool2", "relu3_1", "conv4_2"])
@pytest.mark.parametrize(("guides", "extreme"), [("inside", np.min), ("all", np.max)])
def test_guides_follow_receptive_fields_to_the_pixel(layer, guides, extreme):
    mask = RNG.uniform(size=(49, 58)).astype(np.float32)  # soft, and odd, so that pools drop a row
    guide = guides_at_layers(mask, [layer], NAMES, guides)[layer]
    stride = TABLE[layer].stride
    assert guide.shape == (49 // stride, 58 // stride)
    top, bottom, *_ = field_bounds(layer, 0, 0)
    assert bottom - top + 1 == TABLE[layer].receptive_field
    for row, column in np.ndindex(guide.shape):
        assert guide[row, column] == extreme(field_of(mask, layer, row, column)), (row, column)


def test_simple_guides_are_averages():
    mask = RNG.uniform(size=(32, 48)).astype(np.float32)
    layers = ["relu1_1", "relu3_1", "relu4_2", "pool4"]
    at_layers = guides_at_layers(mask, layers, (), "simple")
    np.testing.assert_array_equal(at_layers["relu1_1"], mask)
    np.testing.assert_allclose(at_layers["relu3_1"], mask.reshape(8, 4, 12, 4).mean(axis=(1, 3)), rtol=1e-5)
    np.testing.assert_allclose(at_layers["pool4"], mask.reshape(2, 16, 3, 16).mean(axis=(1, 3)), rtol=1e-5)


def test_inside_guides_lie_within_simple_ones_and_those_within_all():
    mask = np.zeros((64, 64), np.float32)
    mask[8:56, 10:50] = 1.0
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]
    inside, simple, touched = (
        guides_at_layers(mask, layers, NAMES, kind) for kind in ("inside", "simple", "all")
    )
    for layer in layers:
        assert (inside[layer] <= simple[layer]).all()
        assert (simple[layer] <= touched[layer]).all()
        assert guides_at_layers(None, layers, NAMES, "inside")[layer] is None
    assert inside["relu4_1"].sum() == 0 < simple["relu4_1"].sum() < touched["relu4_1"].sum()
