"""The settings of the paper's experiments that are not style transfer: what is different from the defaults.

Names of layers go in, settings by name come out, for the command line, the figures and whoever repeats them
from Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RECONSTRUCTION: Mapping[str, object] = MappingProxyType(
    {"init": "noise", "coarsest": 0, "iterations": 200, "tv": 3.0, "tv_beta": 2.0, "alpha_norm": 0.05}
)
"""Content reconstruction: from white noise at full size, held by the priors of Mahendran and Vedaldi 2015."""

TEXTURE: Mapping[str, object] = MappingProxyType({"init": "noise"})
"""Style reconstruction: from white noise, coarse to fine."""
