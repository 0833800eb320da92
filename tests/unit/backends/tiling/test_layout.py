"""Tile layout: every position of every layer has one owner, whose window contains its receptive field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.backends.tiling.layout import Reach, make_spans, make_tiles, network_reach, window_pixels
from nst_core.vgg.layers import LAYERS

TABLE = LAYERS["vgg19"]


@given(st.integers(16, 3000), st.integers(1, 600), st.integers(0, len(TABLE) - 1))
def test_each_position_has_one_owner_that_contains_its_receptive_field(length, extra, deepest):
    layers = [layer.name for layer in TABLE[: deepest + 1]]
    reach = network_reach(layers, "vgg19")
    window = reach.smallest_window + extra
    spans = make_spans(length, window, reach)
    for layer in TABLE[: deepest + 1]:
        beyond = (layer.receptive_field - layer.stride + 1) // 2
        owned = []
        for span in spans:
            assert span.start % reach.align == 0
            assert span.length <= window
            positions = range(*span.owned(layer.stride).indices(length))
            owned.extend(positions)
            in_window = span.owned_in_window(layer.stride)
            assert in_window.stop <= span.length // layer.stride
            for position in {*positions[:1], *positions[-1:]}:
                first, last = position * layer.stride, (position + 1) * layer.stride
                assert span.start <= max(0, first - beyond)
                assert span.stop >= min(length, last + beyond)
                assert in_window.start <= position - span.start // layer.stride < in_window.stop
        assert owned == list(range(length // layer.stride))


@given(st.integers(100, 8000), st.integers(100, 8000))
def test_windows_have_few_sizes(height, width):
    tiles = make_tiles(height, width, 768, network_reach(["relu5_1"], "vgg16"))
    sizes = [tile.size for tile in tiles]
    assert len(set(sizes)) <= 4
    assert len(set(sizes)) == 1 or height % 64 or width % 64
    assert sizes == sorted(sizes, reverse=True)


def test_margin_is_half_of_the_deepest_receptive_field():
    assert network_reach(["relu5_1"], "vgg16") == Reach(64, 16, 64)  # 132 pixels wide, 58 past its own 16
    assert network_reach(["relu5_1"], "vgg19") == Reach(80, 16, 64)  # 156 pixels wide, 70 past its own 16
    assert network_reach(["relu1_1", "relu1_2"], "vgg19") == Reach(2, 1, 4)
    assert network_reach([], "vgg19") == Reach(0, 1, 4)


def test_windows_of_1024_add_a_third_to_24_megapixels():
    tiles = make_tiles(4000, 6000, 1024, network_reach(["relu5_1"], "vgg19"))
    assert 1.2 < window_pixels(tiles) / 24e6 < 1.45


def test_window_smaller_than_its_margins_is_refused():
    with pytest.raises(ValueError, match="no room"):
        make_spans(1000, 100, Reach(64, 16, 64))
