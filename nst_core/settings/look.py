"""The settings that decide how the result looks: those that the dialog shows up front."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from nst_core.settings.metadata import Choice, SettingInfo, setting
from nst_core.settings.values import KeepColors


class LookSettings(BaseModel):
    """The settings of the group "look"."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, validate_assignment=True
    )

    strength: float = setting(
        50.0,
        SettingInfo(
            group="look",
            label="Strength",
            help="Style strength: 0 barely tints the photo, 100 keeps only a trace of it.",
            applies_to=("style", "content"),
            with_style="always",
            used_if=("loss", ("relative",)),
        ),
        ge=0.0,
        le=100.0,
    )
    style_scale: float = setting(
        1.0,
        SettingInfo(
            group="look",
            label="Brush size",
            help="Size of the brush strokes: 1 shows the style picture as large as the photo, 0.5 half as "
            "large (finer strokes).",
            applies_to=("style",),
            with_style="always",
        ),
        ge=0.1,
        le=4.0,
    )
    keep_colors: KeepColors = setting(
        "none",
        SettingInfo(
            group="look",
            label="Colours",
            help="Colours of the result.",
            choices={
                "none": Choice("Style colours", "the style's colours."),
                "luminance": Choice("Photo colours", "the photo's colours; only light and dark are painted."),
                "match": Choice(
                    "Style colours, matched to the photo",
                    "the style's colours, shifted towards the photo's before painting.",
                ),
            },
            source="Gatys et al. 2017, Controlling Perceptual Factors, section 5",
            applies_to=("style", "content"),
            with_style="always",
        ),
    )
    matching: float = setting(
        12.0,
        SettingInfo(
            group="look",
            label="Matching",
            help="How closely each part of the photo takes the strokes of the part of the style that looks "
            "like it: 0 spreads the strokes evenly, 100 follows the matches alone.",
            source="Kolkin et al. 2022, Neural Neighbor Style Transfer, section 3.2",
            applies_to=("style", "content"),
            with_style="always",
            used_if=("loss", ("relative",)),
        ),
        ge=0.0,
        le=100.0,
    )
    structure: float = setting(
        0.0,
        SettingInfo(
            group="look",
            label="Structure",
            help="How firmly the photo's edges and fine shapes are kept, for faces, lettering and thin "
            "lines: 0 leaves them to the strokes.",
            source="Li et al. 2017, Laplacian-Steered Neural Style Transfer, eq. 4 to 6",
            applies_to=("content",),
            with_style="always",
            used_if=("loss", ("relative",)),
        ),
        ge=0.0,
        le=100.0,
    )
    color_layout: float = setting(
        0.0,
        SettingInfo(
            group="look",
            label="Colour layout",
            help="How closely the style's colours follow the photo's: 0 leaves them as painted, 100 gives "
            "each thing in the photo one colour of the style.",
            source="Kolkin et al. 2022, Neural Neighbor Style Transfer, section 3.4",
            applies_to=("style", "content"),
            with_style="always",
        ),
        ge=0.0,
        le=100.0,
    )
    series_colors: bool = setting(
        False,
        SettingInfo(
            group="look",
            label="Series colours",
            help="Gives the result exactly the style's mean colour and spread of colours, so that all "
            "pictures of a series have one palette.",
            applies_to=("style", "content"),
            with_style="if changed",
        ),
    )
    quality: Literal["draft", "normal", "fine"] = setting(
        "normal",
        SettingInfo(
            group="look",
            label="Quality",
            help="How long to paint.",
            choices={
                "draft": Choice("Draft", "a quick first look."),
                "normal": Choice("Normal", "a finished picture."),
                "fine": Choice("Fine", "a little more polish."),
            },
            with_style="on request",
        ),
    )
    size: int = setting(
        0,
        SettingInfo(
            group="look",
            label="Painting size",
            help="Long side of the result in pixels; 0 keeps the photo's own size.",
            with_style="on request",
        ),
        ge=0,
        le=65_500,
    )
    seed: int = setting(
        0,
        SettingInfo(
            group="look",
            label="Seed",
            help="Number that fixes every random choice: the same seed on the same machine paints the same "
            "picture.",
            with_style="on request",
        ),
        ge=0,
        le=2**31 - 1,
    )
