"""Settings of the paper's experiments other than style transfer, where they differ from the defaults.

Settings by name, for the command line, the figures and scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RECONSTRUCTION: Mapping[str, object] = MappingProxyType(
    {"init": "noise", "coarsest": 0, "iterations": 200, "tv": 3.0, "tv_beta": 2.0, "alpha_norm": 0.05}
)
"""Content reconstruction: from white noise at full size, with the priors of Mahendran and Vedaldi 2015.

Chosen by eye, with VGG-16 at 224 pixels, 150 evaluations, conv1_1 to conv5_1. With a total variation of 1 the
sky of conv4_1 is speckled and conv5_1 is coloured noise between its edges. With 3 to 5 both are smooth and
recognisable, and conv1_1 to conv3_1 still cannot be told from the photograph (relative error 0.01). The
alpha-norm stays below a thousandth of the loss; it keeps colours from drifting where features hardly depend
on them.
"""

TEXTURE: Mapping[str, object] = MappingProxyType({"init": "noise", "tv": 0.0})
"""Style reconstruction: from white noise, coarse to fine, without smoothness, which would blur the grain of
shallow layers: conv1_1 of the Starry Night at 128 pixels, where neighbours differ by 0.17, by 0.03 with it.
"""
