"""The layer tables, compared with published facts."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.layers import LAYERS, check_known_layers, convolution_shapes, layer_names, up_to_deepest


def row(architecture: str, name: str):
    return next(layer for layer in LAYERS[architecture] if layer.name == name)


def test_layer_names_are_in_order():
    names = layer_names("vgg16")
    assert names[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert names[-3:] == ("conv5_3", "relu5_3", "pool5")
    assert len(names) == 31
    assert len(layer_names("vgg19")) == 37


@pytest.mark.parametrize(
    ("architecture", "name", "channels", "stride", "field"),
    [
        ("vgg16", "relu1_1", 64, 1, 3),
        ("vgg16", "pool1", 64, 2, 6),
        ("vgg16", "relu3_1", 256, 4, 24),
        ("vgg16", "relu5_3", 512, 16, 196),
        ("vgg16", "pool5", 512, 32, 212),
        ("vgg19", "relu4_2", 512, 8, 84),
        ("vgg19", "relu5_1", 512, 16, 156),
        ("vgg19", "relu5_4", 512, 16, 252),
    ],
)
def test_receptive_fields_are_the_published_ones(architecture, name, channels, stride, field):
    layer = row(architecture, name)
    assert (layer.channels, layer.stride, layer.receptive_field) == (channels, stride, field)


def test_parameter_counts_match_the_published_ones():
    # 14,714,688 and 20,024,384 are the published counts of the convolutional parts.
    counts = {
        architecture: sum(
            int(np.prod(shape)) + shape[0] for shape in convolution_shapes(architecture).values()
        )
        for architecture in LAYERS
    }
    assert counts == {"vgg16": 14_714_688, "vgg19": 20_024_384}


def test_unknown_layer_error_suggests_the_nearest():
    with pytest.raises(NstError) as caught:
        check_known_layers(["relu4_2", "relu4_5"], layer_names("vgg16"))
    assert caught.value.code is ErrorCode.UNKNOWN_LAYER
    assert "'relu4_5'" in caught.value.message
    assert "Did you mean 'relu4_" in caught.value.message


def test_layer_of_vgg19_is_unknown_to_vgg16():
    check_known_layers(["conv4_4"], layer_names("vgg19"))
    with pytest.raises(NstError):
        check_known_layers(["conv4_4"], layer_names("vgg16"))


def test_up_to_deepest_ends_at_the_deepest_layer():
    cut = up_to_deepest(["relu2_1", "conv1_2"], LAYERS["vgg19"])
    assert cut[-1].name == "relu2_1"
    assert cut[0].name == "conv1_1"
    assert len(cut) == 7
