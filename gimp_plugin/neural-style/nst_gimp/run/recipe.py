"""What a call asks to be painted with: styles, blended and by region, and the masks that say where.

Comes from the procedure's arguments, goes out resolved: names have become layers, channels and files that are
there. :mod:`nst_gimp.run.ingredients` reads the pixels. Nothing here knows the engine.

A style in a string is the path of a file, the name of a kept style, or ``layer:NAME``, with ``:WEIGHT``
behind it or not; what is really called "night:2" goes before a weight of 2. A mask is the name of a channel
or a layer, with ``channel:`` or ``layer:`` before it or not.
"""

from __future__ import annotations

import math
from collections import namedtuple

from nst_gimp.image import masks, style
from nst_gimp.process import kept_styles
from nst_gimp.settings import arguments
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

Region = namedtuple("Region", "mask styles name colors")
"""``mask`` is a drawable, ``styles`` a list of :class:`nst_gimp.image.style.Source`, ``colors`` what keep-colors is
there, "" for what it is for the whole picture."""

Recipe = namedtuple("Recipe", "styles regions fine strength")
"""``styles`` for everything, or for what lies outside of the regions; empty where that stays as it is.
``fine`` is a source or None, ``strength`` a drawable or None."""

LARGEST_WEIGHT = 1e6


def resolve(config, image) -> Recipe:
    """Return what ``config`` asks for.

    Raises:
        CallError: there is nothing to paint in, or a name stands for nothing; says which.
    """
    regions = _regions(config, image)
    outside = arguments.choice("outside", config.get_property("outside"), arguments.OUTSIDE)
    first = style.chosen(config)
    more = [source(text, image) for text in texts(config, "more-styles")]
    if first is None and not regions:
        raise CallError(
            _("There is no style to paint in."),
            _("Choose a picture file or a layer (style-file, style-layer)."),
        )
    styles = []
    if first is not None and not (regions and outside == "keep"):
        weight = config.get_property("style-weight")
        styles = [first._replace(weight=_weight(weight, "style-weight")), *more]
        if not sum(each.weight for each in styles) > 0:
            raise CallError(_("All styles have weight 0."), _("Give at least one a weight."), "bad-setting")
    fine, strength = (config.get_property(name) or "" for name in ("fine-style", "strength-mask"))
    return Recipe(
        styles,
        regions,
        source(fine, image) if fine.strip() else None,
        masks.find(image, strength) if strength.strip() else None,
    )


def texts(config, name: str) -> list:
    """Return the strings of an array argument."""
    return list(config.get_property(name) or [])


def _regions(config, image) -> list:
    names, wanted = texts(config, "region-masks"), texts(config, "region-styles")
    colors = _region_colors(config, len(names))
    if len(wanted) > len(names):
        raise CallError(
            _("There are {styles} region-styles for {masks} region-masks.").format(
                styles=len(wanted), masks=len(names)
            ),
            _("Give each region one style."),
            "bad-setting",
        )
    found = []
    wanted += [""] * (len(names) - len(wanted))
    for name, text, its_colors in zip(names, wanted, colors):  # noqa: B905 - not in 3.9
        mask = masks.find(image, name)
        parts = masks.children(mask) or [mask]
        for part in parts:
            own = masks.plain_name(part)
            if any(region.mask == part for region in found):
                raise CallError(
                    _("“{name}” is two regions at once.").format(name=own),
                    _("Name each mask once."),
                    "bad-setting",
                )
            if not text.strip() and not _is_there(split_weight(own)[0], image):
                raise CallError(
                    _("The region “{name}” has no style.").format(name=own),
                    _("Choose one for it, or call it like a kept style."),
                )
            found.append(Region(part, [source(text.strip() or own, image)], own, its_colors))
    return found


def _region_colors(config, count: int) -> list:
    """Return what each of ``count`` regions says of its colours."""
    given = texts(config, "region-colors")
    if given and len(given) != count:
        raise CallError(
            _("There are {colors} region-colors for {masks} region-masks.").format(
                colors=len(given), masks=count
            ),
            _("Give each region one, which may be empty, or give none."),
            "bad-setting",
        )
    choices = arguments.BY_NAME["keep-colors"].choices
    return [
        arguments.choice("region-colors", text.strip(), choices) if text.strip() else ""
        for text in given or [""] * count
    ]


def split_weight(text: str):
    """Split "monet.jpg:2" into ("monet.jpg", 2.0); the weight is 1 where none is given."""
    name, colon, weight = text.strip().rpartition(":")
    try:
        return (name, float(weight)) if colon and name else (text.strip(), 1.0)
    except ValueError:
        return text.strip(), 1.0


def rename(config, old: str, new: str) -> None:
    """Have everything that names the kept style at the path ``old`` name the one at ``new``."""
    called = {old: new, kept_styles.name_in(old): kept_styles.name_in(new)}
    for name in ("more-styles", "region-styles"):
        before = texts(config, name)
        after = [_renamed(text, called) for text in before]
        if after != before:
            config.set_property(name, after)
    fine = config.get_property("fine-style") or ""
    if _renamed(fine, called) != fine:
        config.set_property("fine-style", _renamed(fine, called))


def _renamed(text: str, called: dict) -> str:
    name, _weight = split_weight(text)
    return called[name] + text.strip()[len(name) :] if name in called else text


def source(text: str, image):
    """Return the :class:`nst_gimp.image.style.Source` that ``text`` stands for.

    Raises:
        CallError: there is no such file, kept style or layer.
    """
    name, weight = split_weight(text)
    whole = text.strip()
    if name != whole and _is_there(whole, image):
        name, weight = whole, 1.0
    weight = _weight(weight, text)
    if name.startswith(masks.LAYER):
        return style.from_layer(masks.find(image, name))._replace(weight=weight)
    path = kept_styles.path_of(name)
    if path is None:
        raise CallError(
            _("There is no style “{name}”.").format(name=name),
            _("It can be a picture file, the name of a kept style, or layer:NAME."),
        )
    return style.from_path(path)._replace(weight=weight)


def _is_there(name: str, image) -> bool:
    if name.startswith(masks.LAYER):
        return masks.is_there(image, name)
    return kept_styles.path_of(name) is not None


def _weight(value: float, name: str) -> float:
    if not (math.isfinite(value) and 0.0 <= value <= LARGEST_WEIGHT):
        raise CallError(
            _("The weight of {name} cannot be {value:g}.").format(name=name, value=value),
            _("It can be a number from {low:g} to {high:g}.").format(low=0, high=LARGEST_WEIGHT),
            "bad-setting",
        )
    return float(value)


def sources(recipe: Recipe) -> list:
    """Return every style that is painted anywhere."""
    return recipe.styles + [each for region in recipe.regions for each in region.styles]


def title(recipe: Recipe) -> str:
    """Return what the painting is called: its styles' names."""
    return " + ".join(dict.fromkeys(each.name for each in sources(recipe)))


def paths(recipe: Recipe) -> list:
    """Return the paths of the files among the styles."""
    files = [
        each.file for each in [*sources(recipe), recipe.fine] if each is not None and each.file is not None
    ]
    return [file.get_path() for file in files if file.get_path()]


def record(recipe: Recipe) -> dict:
    """Return what is written down about the styles, so that the painting can be made again."""

    def told(each):
        return {"style": each.origin, "weight": each.weight}

    found = {"style": recipe.styles[0].origin if recipe.styles else ""}
    if len(recipe.styles) > 1:
        found["styles"] = [told(each) for each in recipe.styles]
    if recipe.regions:
        found["regions"] = [
            {
                "mask": region.name,
                "styles": [told(each) for each in region.styles],
                **({"keep_colors": region.colors} if region.colors else {}),
            }
            for region in recipe.regions
        ]
    if recipe.fine is not None:
        found["fine_style"] = recipe.fine.origin
    if recipe.strength is not None:
        found["strength_mask"] = masks.plain_name(recipe.strength)
    return found
