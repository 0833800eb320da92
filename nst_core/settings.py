"""Every knob once: name, type, range, default, help and where it comes from.

The command line, the job that GIMP sends, the plug-in's arguments and the documentation are all
derived from :class:`Settings`; nothing else names a default. A setting's meaning does not depend on
the network, the picture's size or the device.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from nst_core.errors import ErrorCode, NstError, nearest

LAYER_NAME = re.compile(r"(conv|relu)([1-5])_([1-4])|pool([1-5])")
MEMORY = re.compile(r"(\d{1,15}(?:\.\d*)?)?\s*((?:[kmgt]i?)?)b?", re.IGNORECASE)
LAYER_EXAMPLES = [
    f"{kind}{block}_{index}" for kind in ("conv", "relu") for block in range(1, 6) for index in (1, 2)
]
"""Layers that every VGG has, to suggest for a name that is none."""


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


def parse_layers(value: object) -> object:
    """Read ``"relu4_2"`` or ``"relu1_1:1,relu2_1:0.5"``; other values pass through to be validated."""
    if not isinstance(value, str):
        return value
    pairs = []
    for part in value.split(","):
        layer, _, weight = part.strip().partition(":")
        check_layer(layer)
        try:
            pairs.append(LayerWeight(layer, float(weight) if weight else 1.0))
        except ValueError:
            raise ValueError(f"the weight of {layer} must be a number, not {weight!r}") from None
    return tuple(pairs)


def check_layer(name: str) -> None:
    """Refuse what is the name of no layer.

    Raises:
        ValueError: naming the nearest that is.
    """
    if not LAYER_NAME.fullmatch(name):
        near = nearest(name, LAYER_EXAMPLES)
        raise ValueError(
            f"{name!r} is not a layer.{near}"
            if near
            else f"{name!r} is not a layer; layers are named like conv4_2, relu4_2 or pool4"
        )


def check_layers(value: tuple[LayerWeight, ...]) -> tuple[LayerWeight, ...]:
    """Refuse layers that are none, named twice, or of impossible weight, however they were written."""
    names = [pair.layer for pair in value]
    for name in names:
        check_layer(name)
    if not names:
        raise ValueError("at least one layer is needed")
    if len(set(names)) < len(names):
        raise ValueError("a layer is named twice")
    if any(not math.isfinite(pair.weight) or pair.weight < 0 for pair in value):
        raise ValueError("layer weights must be finite and not negative")
    return value


def format_layers(value: Iterable[LayerWeight]) -> str:
    """Write layers the way :func:`parse_layers` reads them."""
    return ",".join(layer if weight == 1.0 else f"{layer}:{weight!r}" for layer, weight in value)


def parse_crop(value: object) -> object:
    """Read ``"x,y,width,height"``; an empty string is no crop."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        x, y, width, height = (int(part) for part in value.split(","))
    except ValueError:
        raise ValueError("a crop is four whole numbers: x,y,width,height") from None
    return Crop(x, y, width, height)


def check_crop(value: Crop | None) -> Crop | None:
    """Refuse a crop that no picture has."""
    if value is not None and (min(value.x, value.y) < 0 or min(value.width, value.height) < 1):
        raise ValueError("a crop starts at 0,0 or right and below of it and is at least 1 x 1")
    return value


def format_crop(value: Crop | None) -> str:
    """Write a crop the way :func:`parse_crop` reads it."""
    return "" if value is None else ",".join(str(part) for part in value)


def parse_bytes(text: str) -> int:
    """Return the bytes that ``"4GB"``, ``"800 MB"`` or ``"1.5 GiB"`` stand for; an empty string or 0 is 0.

    Raises:
        ValueError: it is no amount of memory.
    """
    match = MEMORY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not an amount of memory; give one like 4GB or 800MB")
    units = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
    binary = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
    return round(float(match[1] or 0) * {**units, **binary}[match[2].lower()])


def check_bytes(value: object) -> object:
    """Let an amount of memory pass as it was given, a bare number as one of bytes."""
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
    AfterValidator(check_layers),
    PlainSerializer(format_layers),
]
OptionalCrop: TypeAlias = Annotated[
    Crop | None, BeforeValidator(parse_crop), AfterValidator(check_crop), PlainSerializer(format_crop)
]


def setting(default: object, group: str, label: str, text: str, source: str = "", **limits: Any) -> Any:
    """Declare one setting: its default, where dialogs show it, its label, help and origin.

    ``group`` is ``look`` (up front in the dialog), ``method`` or ``machine`` (behind "Advanced").
    """
    extra: JsonDict = {"group": group, "label": label, "source": source}
    return Field(default, description=text, json_schema_extra=extra, **limits)


class Settings(BaseModel):
    """Everything that decides how a picture comes out, besides the pictures themselves."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, validate_assignment=True
    )

    strength: float = setting(
        50.0,
        "look",
        "Strength",
        "How far the picture goes from the photograph, tinted (0), to the painting that remembers it (100).",
        ge=0.0,
        le=100.0,
    )
    style_scale: float = setting(
        1.0,
        "look",
        "Brush size",
        "Size of the style's strokes on the picture: 1 shows the style picture as large as the content "
        "picture, 0.5 half as large (finer strokes).",
        ge=0.1,
        le=4.0,
    )
    keep_colors: KeepColors = setting(
        "none",
        "look",
        "Colours",
        "none: the style's colours. luminance: only light and dark are painted, the colours stay. "
        "match: the style's colours are moved towards the picture's before painting.",
        source="Gatys et al. 2017, Controlling Perceptual Factors, section 5",
    )
    quality: Literal["draft", "normal", "fine"] = setting(
        "normal",
        "look",
        "Quality",
        "How long to paint: draft shows where it goes, normal is finished, fine polishes.",
    )
    size: int = setting(
        0,
        "look",
        "Size",
        "Long side, in pixels, that the picture is painted at; 0 is the picture's own size.",
        ge=0,
        le=65_500,
    )
    seed: int = setting(
        0,
        "look",
        "Seed",
        "Number that fixes every random choice; the same seed on the same machine gives the same picture.",
        ge=0,
        le=2**31 - 1,
    )

    init: str = setting(
        "content",
        "method",
        "Start from",
        "What the painting starts from: content, style, noise, or the path of a picture.",
    )
    loss: Literal["relative", "paper"] = setting(
        "relative",
        "method",
        "Loss",
        "relative: every term is a share of its target, so that a setting means the same everywhere. "
        "paper: the sums of Gatys et al. 2016 as printed, weighed by alpha and beta.",
        source="Gatys et al. 2016, eq. 1 to 7",
    )
    alpha: float = setting(
        1.0,
        "method",
        "Alpha",
        "Weight of the content loss; used with the paper's loss.",
        source="Gatys et al. 2016, eq. 7",
        ge=0.0,
        le=1e12,
    )
    beta: float = setting(
        1e3,
        "method",
        "Beta",
        "Weight of the style loss; used with the paper's loss.",
        source="Gatys et al. 2016, eq. 7 and figure 4: alpha/beta = 1e-3",
        ge=0.0,
        le=1e12,
    )
    content_layers: Layers = setting(
        "relu4_2",
        "method",
        "Content layers",
        "Layers whose features hold the content, with weights: relu4_2 or relu4_2:1,relu3_2:0.5.",
        source="Gatys et al. 2016, section 3: conv4_2",
    )
    style_layers: Layers = setting(
        "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1",
        "method",
        "Style layers",
        "Layers whose Gram matrices hold the style, with weights; fewer deep layers give smaller strokes.",
        source="Gatys et al. 2016, section 3: conv1_1 to conv5_1, w_l = 1/5 each",
    )
    style_loss: Literal["gram", "moments", "wasserstein"] = setting(
        "gram",
        "method",
        "Style statistics",
        "What a style is held to be at each layer. gram: Gram matrices. moments: beside them the features' "
        "means and standard deviations. wasserstein: Gaussians with the features' means and covariances.",
        source="Gatys et al. 2016, eq. 3 to 5; Li et al. 2017, Demystifying Neural Style Transfer; "
        "Dowson and Landau 1982",
    )
    guides: Literal["simple", "inside", "all"] = setting(
        "simple",
        "method",
        "Region guides",
        "How regions reach the layers. simple: shrunk like pictures. inside: only features that see nothing "
        "outside of the region. all: every feature that sees something of it.",
        source="Gatys et al. 2017, section 4.1",
    )
    color_match: Literal["pca", "cholesky"] = setting(
        "pca",
        "method",
        "Colour matching",
        "The linear map that moves the style's colours where colours are matched: pca moves them least, "
        "cholesky takes red, green and blue in turn.",
        source="Gatys et al. 2017, section 5.1",
    )
    fine_layers: Layers = setting(
        "relu1_1,relu2_1",
        "method",
        "Fine style layers",
        "Layers that a fine style's strokes are taken from, with weights, before the rest is taken from the "
        "coarse style.",
        source="Gatys et al. 2017, section 6",
    )
    pooling: Literal["max", "average"] = setting(
        "max",
        "method",
        "Pooling",
        "How the network shrinks its features: max, as it was trained, or average, rescaled, for smoothness.",
        source="Gatys et al. 2016, section 2",
    )
    padding: Literal["edge", "zero"] = setting(
        "edge",
        "method",
        "Border",
        "What the network sees outside the picture: its edge continued, or zeros as it was trained.",
    )
    coarsest: int = setting(
        256,
        "method",
        "Coarsest level",
        "Long side, in pixels, of the first level of the pyramid; 0 paints at the full size from the start.",
        ge=0,
        le=8192,
    )
    tv: float = setting(
        4.0,
        "method",
        "Smoothness",
        "Weight of the total variation, which takes away grain and, when high, detail.",
        source="Mahendran and Vedaldi 2015, eq. 3",
        ge=0.0,
        le=1e6,
    )
    tv_beta: float = setting(
        2.0,
        "method",
        "Smoothness exponent",
        "Exponent beta of the total variation: 2 spreads edges, 1 keeps them.",
        source="Mahendran and Vedaldi 2015, eq. 3",
        ge=1.0,
        le=4.0,
    )
    alpha_norm: float = setting(
        0.0,
        "method",
        "Range prior",
        "Weight of the alpha-norm, which keeps pixels near the middle of the range.",
        source="Mahendran and Vedaldi 2015, eq. 2",
        ge=0.0,
        le=1e6,
    )
    alpha_norm_exponent: float = setting(
        6.0,
        "method",
        "Range prior exponent",
        "Exponent alpha of the alpha-norm.",
        source="Mahendran and Vedaldi 2015, section 3: alpha = 6",
        ge=1.0,
        le=12.0,
    )
    optimizer: Literal["lbfgs", "adam"] = setting(
        "lbfgs",
        "method",
        "Optimizer",
        "lbfgs: fewer steps. adam: less memory, steadier on extreme settings.",
    )
    iterations: int = setting(
        0,
        "method",
        "Iterations",
        "Loss evaluations at the last level of the pyramid; the levels below get their share. "
        "0 leaves it to the quality.",
        ge=0,
        le=100_000,
    )
    style_crop: OptionalCrop = setting(
        None,
        "method",
        "Style crop",
        "Part of the style picture to take the style from: x,y,width,height in its pixels.",
    )

    model: str = setting(
        "auto",
        "machine",
        "Network",
        "Network of the model store: auto (VGG-19, else VGG-16), vgg19, vgg16 or an imported name.",
    )
    engine: Literal["auto", "torch", "onnx"] = setting(
        "auto",
        "machine",
        "Engine",
        "What computes: torch, or ONNX Runtime alone; auto takes torch where it drives a GPU.",
    )
    device: str = setting(
        "auto",
        "machine",
        "Device",
        "auto, cpu, cuda, cuda:1, mps, ...: where it computes. cuda:0,cuda:1 or cuda:all: several graphics "
        "cards share large pictures.",
    )
    finish: Literal["optimise", "upsample"] = setting(
        "optimise",
        "machine",
        "Finish",
        "How large pictures are finished. optimise: painted at their full size, as far as the time limit "
        "allows. upsample: painted at up to 1536 pixels, and the change carried up to the full size along "
        "the picture's own edges.",
        source="He and Sun 2015, Fast Guided Filter",
    )
    time_limit: float = setting(
        0.0,
        "machine",
        "Time limit",
        "Seconds that a picture may take, about; what does not fit is carried up from a smaller size. "
        "0 is no limit.",
        ge=0.0,
        le=1e7,
    )
    max_memory: Memory = setting(
        "",
        "machine",
        "Memory",
        "Most memory of the machine to use, like 4GB; empty leaves a fifth of what is free to others. "
        "Large pictures are painted in tiles so that they fit.",
    )
    max_device_memory: Memory = setting(
        "",
        "machine",
        "Device memory",
        "Most memory of the graphics card to use, like 8GB; empty uses what is free.",
    )


def describe_setting_error(error: ErrorDetails, known: Iterable[str]) -> str:
    """Turn one of pydantic's findings into a sentence about one setting."""
    name = str(error["loc"][0]) if error["loc"] else ""
    option, context, given = name.replace("_", "-"), error.get("ctx", {}), error["input"]
    match error["type"]:
        case "extra_forbidden":
            near = nearest(option, [word.replace("_", "-") for word in known])
            return f"There is no setting {option!r}.{near}"
        case "greater_than_equal":
            return f"{option} must be {context['ge']:g} or more, not {given}."
        case "less_than_equal":
            return f"{option} must be {context['le']:g} or less, not {given}."
        case "literal_error":
            choices = str(context["expected"])
            words = re.findall(r"'(.*?)'", choices)
            return f"{option} must be {choices}, not {given!r}.{nearest(str(given), words)}"
        case "finite_number":
            return f"{option} must be a finite number, not {given}."
        case "value_error":
            found = str(context["error"])
            return f"{option}: {found}" if found.endswith("?") else f"{option}: {found}."
        case _:
            return f"{option}: {error['msg'].lower()} (given: {reprlib.repr(given)})."


def with_underscores(values: Mapping[str, object]) -> dict[str, object]:
    """Return settings by the names that the table has, which may be written with dashes."""
    return {name.replace("-", "_"): value for name, value in values.items()}


def make_settings(values: Mapping[str, object]) -> Settings:
    """Validate ``values`` (names with dashes or underscores) into :class:`Settings`.

    Raises:
        NstError: ``bad-setting``, naming the first setting that is wrong and what it may be.
    """
    try:
        return Settings.model_validate(with_underscores(values))
    except ValidationError as error:
        sentence = describe_setting_error(error.errors()[0], Settings.model_fields)
        raise NstError(ErrorCode.BAD_SETTING, sentence) from None


def fields() -> Mapping[str, FieldInfo]:
    """Return the declared settings by name, in the order in which dialogs show them."""
    return Settings.model_fields


def is_style_setting(name: str) -> bool:
    """Whether a setting may belong to a style: machines and the places of files do not."""
    extra = fields()[name].json_schema_extra
    return name != "init" and isinstance(extra, dict) and extra["group"] != "machine"
