"""The request of one call of the filter: styles, blended or by region, and masks.

Takes the arguments of the procedure and resolves names to layers, channels and files that exist.
:mod:`nst_gimp.run.inputs` then reads their pixels. Does not depend on the engine.

A style in a string is the path of a file, the name of a kept style, or ``layer:NAME``, with an optional
``:WEIGHT``. A style that is really named "night:2" takes precedence over "night" with weight 2. A mask is the
name of a channel or a layer, with an optional prefix ``channel:`` or ``layer:``.
"""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass

from nst_gimp.image import masks, style
from nst_gimp.process import kept_styles
from nst_gimp.settings import arguments
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

Region = namedtuple("Region", "mask styles name colors")
"""``mask`` is a drawable and ``styles`` a list of :class:`nst_gimp.image.style.StyleSource`. ``colors`` is
the region's keep-colors, or "" for the global setting."""

LARGEST_WEIGHT = 1e6

STYLE_COLORS = "none"
"""The keep-colors with which a result has the colours of its style."""


@dataclass(frozen=True)
class RunRequest:
    """The styles, regions and masks of one run.

    ``styles`` is for the whole picture, or for the part outside the regions; it is empty if that part stays
    unchanged. ``fine`` is a style or None. ``strength`` is a drawable or None.
    """

    styles: list
    regions: list
    fine: object
    strength: object

    @classmethod
    def from_config(cls, config, image) -> RunRequest:
        """Return the request that the arguments in ``config`` describe.

        Raises:
            CallError: no style is set, a name does not exist, or a weight is invalid.
        """
        regions = _read_regions(config, image)
        fine, strength = (config.get_property(name) or "" for name in ("fine-style", "strength-mask"))
        return cls(
            styles=_read_styles(config, image, regions),
            regions=regions,
            fine=find_style(fine, image) if fine.strip() else None,
            strength=masks.find(image, strength) if strength.strip() else None,
        )

    @classmethod
    def of_blend(cls, config, image) -> RunRequest:
        """Return the request of a procedure without regions: its styles alone.

        Raises:
            CallError: no style is set, a name does not exist, or a weight is invalid.
        """
        fine = config.get_property("fine-style") or ""
        fine_style = find_style(fine, image) if fine.strip() else None
        return cls(styles=_read_blend(config, image), regions=[], fine=fine_style, strength=None)

    def all_styles(self) -> list:
        """Return the styles of the whole picture and of all regions."""
        return self.styles + [source for region in self.regions for source in region.styles]

    def wants_style_colors(self, keep_colors: str) -> bool:
        """Return whether the result has the colours of a style somewhere. ``keep_colors`` is the setting."""
        used = {region.colors or keep_colors for region in self.regions}
        if self.styles:
            used.add(keep_colors)
        return STYLE_COLORS in used

    def title(self) -> str:
        """Return the name of the result: the names of its styles."""
        return " + ".join(dict.fromkeys(source.name for source in self.all_styles()))

    def style_paths(self) -> list:
        """Return the paths of the styles that are files."""
        sources = [*self.all_styles(), *([self.fine] if self.fine is not None else [])]
        paths = [source.file.get_path() for source in sources if source.file is not None]
        return [path for path in paths if path]

    def to_record(self) -> dict:
        """Return the fields of the result's record from which the run can be repeated."""
        record = {"style": self.styles[0].origin if self.styles else ""}
        if len(self.styles) > 1:
            record["styles"] = [_style_record(source) for source in self.styles]
        if self.regions:
            record["regions"] = [
                {
                    "mask": region.name,
                    "styles": [_style_record(source) for source in region.styles],
                    **({"keep_colors": region.colors} if region.colors else {}),
                }
                for region in self.regions
            ]
        if self.fine is not None:
            record["fine_style"] = self.fine.origin
        if self.strength is not None:
            record["strength_mask"] = masks.item_name(self.strength)
        return record


def _style_record(source) -> dict:
    return {"style": source.origin, "weight": source.weight}


def string_list(config, name: str) -> list:
    """Return the strings of an array argument."""
    return list(config.get_property(name) or [])


def _read_styles(config, image, regions) -> list:
    outside = arguments.check_choice("outside", config.get_property("outside"), arguments.OUTSIDE)
    if regions and (outside == "keep" or style.from_config(config) is None):
        return []
    return _read_blend(config, image)


def _read_blend(config, image) -> list:
    first = style.from_config(config)
    more = [find_style(text, image) for text in string_list(config, "more-styles")]
    if first is None:
        raise CallError(
            _("There is no style."),
            _("Choose a picture file or a layer (style-file, style-layer)."),
        )
    weight = check_weight(config.get_property("style-weight"), "style-weight")
    styles = [first._replace(weight=weight), *more]
    if not sum(source.weight for source in styles) > 0:
        raise CallError(
            _("All styles have weight 0."), _("Give at least one style a weight above 0."), "bad-setting"
        )
    return styles


def _read_regions(config, image) -> list:
    names, style_texts = string_list(config, "region-masks"), string_list(config, "region-styles")
    all_colors = _read_region_colors(config, len(names))
    if len(style_texts) > len(names):
        raise CallError(
            _("There are {styles} region-styles for {masks} region-masks.").format(
                styles=len(style_texts), masks=len(names)
            ),
            _("Give each region one style."),
            "bad-setting",
        )
    style_texts += [""] * (len(names) - len(style_texts))
    regions = []
    for name, style_text, colors in zip(names, style_texts, all_colors):  # noqa: B905 - not in 3.9
        item = masks.find(image, name)
        for mask in masks.children(item) or [item]:
            mask_name = masks.item_name(mask)
            if any(region.mask == mask for region in regions):
                raise CallError(
                    _("The mask “{name}” is used for two regions.").format(name=mask_name),
                    _("Use each mask only once."),
                    "bad-setting",
                )
            if not style_text.strip() and not _style_exists(split_weight(mask_name)[0], image):
                raise CallError(
                    _("The region “{name}” has no style.").format(name=mask_name),
                    _("Choose one, or name the mask after a kept style."),
                )
            source = find_style(style_text.strip() or mask_name, image)
            regions.append(Region(mask, [source], mask_name, colors))
    return regions


def _read_region_colors(config, count: int) -> list:
    """Return the keep-colors of each of ``count`` regions."""
    texts = string_list(config, "region-colors")
    if texts and len(texts) != count:
        raise CallError(
            _("There are {colors} region-colors for {masks} region-masks.").format(
                colors=len(texts), masks=count
            ),
            _("Give one entry for each region (it may be empty), or none at all."),
            "bad-setting",
        )
    choices = arguments.BY_NAME["keep-colors"].choices
    return [
        arguments.check_choice("region-colors", text.strip(), choices) if text.strip() else ""
        for text in texts or [""] * count
    ]


def split_weight(text: str):
    """Split "monet.jpg:2" into ("monet.jpg", 2.0). The weight is 1 if the text has none."""
    name, colon, weight = text.strip().rpartition(":")
    try:
        return (name, float(weight)) if colon and name else (text.strip(), 1.0)
    except ValueError:
        return text.strip(), 1.0


def rename_style(config, old: str, new: str) -> None:
    """Replace the kept style at the path ``old`` by the one at ``new`` in all arguments that name it."""
    new_names = {old: new, kept_styles.file_stem(old): kept_styles.file_stem(new)}
    names = ("more-styles", "region-styles")
    for name in (name for name in names if config.find_property(name) is not None):
        before = string_list(config, name)
        after = [_renamed(text, new_names) for text in before]
        if after != before:
            config.set_property(name, after)
    fine = config.get_property("fine-style") or ""
    if _renamed(fine, new_names) != fine:
        config.set_property("fine-style", _renamed(fine, new_names))


def _renamed(text: str, new_names: dict) -> str:
    name, _weight = split_weight(text)
    return new_names[name] + text.strip()[len(name) :] if name in new_names else text


def find_style(text: str, image):
    """Return the :class:`nst_gimp.image.style.StyleSource` that ``text`` names.

    Raises:
        CallError: there is no such file, kept style or layer.
    """
    name, weight = split_weight(text)
    whole = text.strip()
    if name != whole and _style_exists(whole, image):
        name, weight = whole, 1.0
    weight = check_weight(weight, text)
    if name.startswith(masks.LAYER):
        return style.from_layer(masks.find(image, name))._replace(weight=weight)
    path = kept_styles.find_path(name)
    if path is None:
        raise CallError(
            _("There is no style “{name}”.").format(name=name),
            _("Use a picture file, the name of a kept style, or layer:NAME."),
        )
    return style.from_path(path)._replace(weight=weight)


def _style_exists(name: str, image) -> bool:
    if name.startswith(masks.LAYER):
        return masks.exists(image, name)
    return kept_styles.find_path(name) is not None


def check_weight(value: float, name: str) -> float:
    """Return a style's weight as a float.

    Raises:
        CallError: it is not between 0 and LARGEST_WEIGHT.
    """
    if not (math.isfinite(value) and 0.0 <= value <= LARGEST_WEIGHT):
        raise CallError(
            _("The weight of {name} cannot be {value:g}.").format(name=name, value=value),
            _("Use a number from {low:g} to {high:g}.").format(low=0, high=LARGEST_WEIGHT),
            "bad-setting",
        )
    return float(value)
