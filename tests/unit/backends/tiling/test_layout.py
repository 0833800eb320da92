"""Tiles: every position of every layer has one owner, and every owner sees all that the position sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core.backends.tiling.layout import Reach, make_spans, make_tiles, network_reach, window_pixels
from nst_core.vgg.layers import LAYERS

TABLE = LAYERS["vgg19"]


@given(st.integers(16, 3000), st.integers(1, 600), st.integers(0, len(TABLE) - 1))
def test_spans_own_everything_once_and_see_what_it_sees(length, extra, deepest):
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
            inside = span.owned_in_window(layer.stride)
            assert inside.stop <= span.length // layer.stride
            for position in {*positions[:1], *positions[-1:]}:
                first, last = position * layer.stride, (position + 1) * layer.stride
                assert span.start <= max(0, first - beyond)
                assert span.stop >= min(length, last + beyond)
                assert inside.start <= position - span.start // layer.stride < inside.stop
        assert owned == list(range(length // layer.stride))


@given(st.integers(100, 8000), st.integers(100, 8000))
def test_windows_have_few_sizes(height, width):
    tiles = make_tiles(height, width, 768, network_reach(["relu5_1"], "vgg16"))
    sizes = [tile.size for tile in tiles]
    assert len(set(sizes)) <= 4
    assert len(set(sizes)) == 1 or height % 64 or width % 64
    assert sizes == sorted(sizes, reverse=True)


def test_the_margin_is_half_of_what_the_deepest_layer_sees():
    assert network_reach(["relu5_1"], "vgg16") == Reach(64, 16, 64)  # 132 pixels wide, 58 past its own 16
    assert network_reach(["relu5_1"], "vgg19") == Reach(80, 16, 64)  # 156 pixels wide, 70 past its own 16
    assert network_reach(["relu1_1", "relu1_2"], "vgg19") == Reach(2, 1, 4)
    assert network_reach([], "vgg19") == Reach(0, 1, 4)


def test_24_megapixels_cost_a_third_more_in_windows_of_1024():
    tiles = make_tiles(4000, 6000, 1024, network_reach(["relu5_1"], "vgg19"))
    assert 1.2 < window_pixels(tiles) / 24e6 < 1.45


def test_a_window_without_room_is_refused():
    with pytest.raises(ValueError, match="no room"):
        make_spans(1000, 100, Reach(64, 16, 64))
