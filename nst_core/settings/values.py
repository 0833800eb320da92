"""Types of settings that are more than a number or a word: layers with weights, crops, amounts of memory.

Each type has a parser for text, a check, and a writer that gives the text back.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from nst_core.errors import nearest

LAYER_NAME = re.compile(r"(conv|relu)([1-5])_([1-4])|pool([1-5])")
MEMORY = re.compile(r"(\d{1,15}(?:\.\d*)?)?\s*((?:[kmgt]i?)?)b?", re.IGNORECASE)
LAYER_EXAMPLES = [
    f"{kind}{block}_{index}" for kind in ("conv", "relu") for block in range(1, 6) for index in (1, 2)
]
"""Layers that every VGG has: suggestions for a misspelt name."""


class LayerWeight(NamedTuple):
    """A layer of the network and its weight w_l in the loss (Gatys et al. 2016, eq. 5)."""

    layer: str
    weight: float


class Crop(NamedTuple):
    """A rectangle of a picture, in its pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


LARGEST_WHOLE = 1e15
"""Whole numbers from here on are written with an exponent."""


def parse_layers(value: object) -> object:
    """Read ``"relu4_2"`` or ``"relu1_1:1,relu2_1:0.5"``; other values pass through to be validated."""
    if not isinstance(value, str):
        return value
    pairs = []
    for item in value.split(","):
        layer, _, weight = item.strip().partition(":")
        check_layer_name(layer)
        try:
            pairs.append(LayerWeight(layer, float(weight) if weight else 1.0))
        except ValueError:
            raise ValueError(f"the weight of {layer} must be a number, not {reprlib.repr(weight)}") from None
    return tuple(pairs)


def check_layer_name(name: str) -> None:
    """Check that ``name`` is written like a layer of a VGG.

    Raises:
        ValueError: it is not; the message suggests the nearest layer.
    """
    if not LAYER_NAME.fullmatch(name):
        suggestion = nearest(name, LAYER_EXAMPLES)
        raise ValueError(
            f"{reprlib.repr(name)} is not a layer.{suggestion}"
            if suggestion
            else f"{reprlib.repr(name)} is not a layer; layers are named like conv4_2, relu4_2 or pool4"
        )


def check_layer_weights(value: tuple[LayerWeight, ...]) -> tuple[LayerWeight, ...]:
    """Check names and weights of layers.

    Raises:
        ValueError: no layer, an invalid or repeated name, or an invalid weight.
    """
    names = [pair.layer for pair in value]
    for name in names:
        check_layer_name(name)
    if not names:
        raise ValueError("at least one layer is needed")
    if len(set(names)) < len(names):
        raise ValueError("a layer is named twice")
    if any(not math.isfinite(pair.weight) or pair.weight < 0 for pair in value):
        raise ValueError("layer weights must be finite and not negative")
    return value


def format_layers(value: Iterable[LayerWeight]) -> str:
    """Write layers the way :func:`parse_layers` reads them."""
    return ",".join(layer if weight == 1.0 else f"{layer}:{_number(weight)}" for layer, weight in value)


def _number(value: float) -> str:
    """Return ``value`` without the decimals of a whole number, and otherwise in full."""
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)


def parse_crop(value: object) -> object:
    """Read ``"x,y,width,height"``; an empty string means no crop."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        x, y, width, height = (int(number) for number in value.split(","))
    except ValueError:
        raise ValueError("a crop is four whole numbers: x,y,width,height") from None
    return Crop(x, y, width, height)


def check_crop(value: Crop | None) -> Crop | None:
    """Check that a crop rectangle starts at 0,0 or beyond and is not empty.

    Raises:
        ValueError: it does not, or it is.
    """
    if value is not None and (min(value.x, value.y) < 0 or min(value.width, value.height) < 1):
        raise ValueError("a crop cannot start left of or above 0,0 and is at least 1 x 1")
    return value


def format_crop(value: Crop | None) -> str:
    """Write a crop the way :func:`parse_crop` reads it."""
    return "" if value is None else ",".join(str(number) for number in value)


def parse_bytes(text: str) -> int:
    """Return the number of bytes in ``"4GB"``, ``"800 MB"`` or ``"1.5 GiB"``; an empty string or 0 is 0.

    Raises:
        ValueError: ``text`` is not an amount of memory.
    """
    match = MEMORY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{reprlib.repr(text)} is not an amount of memory; write it like 4GB or 800MB")
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
    binary = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
    return round(float(match[1] or 0) * {**units, **binary}[match[2].lower()])


def check_bytes(value: object) -> object:
    """Check an amount of memory and return it as text; a bare number counts bytes."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = f"{value:.0f}"
    if isinstance(value, str):
        parse_bytes(value)
    return value


KeepColors: TypeAlias = Literal["none", "luminance", "match"]
Memory: TypeAlias = Annotated[str, BeforeValidator(check_bytes)]
Layers: TypeAlias = Annotated[
    tuple[LayerWeight, ...],
    BeforeValidator(parse_layers),
    AfterValidator(check_layer_weights),
    PlainSerializer(format_layers),
]
OptionalCrop: TypeAlias = Annotated[
    Crop | None, BeforeValidator(parse_crop), AfterValidator(check_crop), PlainSerializer(format_crop)
]
