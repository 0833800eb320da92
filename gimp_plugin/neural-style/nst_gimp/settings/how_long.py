"""How long to paint, as one choice: each stands for values of quality, size, time limit and finish.

Depends on the size of the picture alone. The engine's plans say how long each takes on this machine.
"""

from __future__ import annotations

from nst_gimp.text.words import _

NAME = "how-long"
"""The argument with the choice, which is only stored with the last values: "" until one has been made."""

QUICK, GOOD, FULL, CUSTOM = "quick", "good", "full", "custom"

AUTOMATIC = "auto"
"""The value of the argument while the plans decide: the longest choice that takes about five minutes."""

QUICK_SIDE = 512
"""Long side, in pixels, that QUICK paints at."""

LARGE_SIDE = 1024
"""GOOD paints photos up to that long side, in pixels, at their own size; of larger ones only FULL does."""

GOOD_SECONDS = 300.0
"""The time that GOOD may take for a large photo: the engine paints it as large as it can by then, up to
UPSAMPLE_FROM. It does so in draft quality, which gives 1.4 times the size of a normal painting in the same
time: a photo of 12 megapixels needs the size more."""

DEFAULTS = {"quality": "normal", "size": 0, "time-limit": 0.0, "finish": "optimise"}
"""What a choice decides, with the engine's defaults."""

MOST_SECONDS = 330.0
"""Nothing longer is chosen automatically: about five minutes."""

LONG_SECONDS = 20 * 60
"""A longer painting gets the advice to choose a shorter one."""

UPSAMPLE_FROM = 1536
"""The long side, in pixels, above which the engine's ``finish`` makes a difference."""


def offered(photo_side: int) -> tuple:
    """Return the choices that differ for a picture with that long side in pixels."""
    return (QUICK, GOOD, FULL) if photo_side > LARGE_SIDE else (QUICK, GOOD)


def values(choice: str, photo_side: int) -> dict:
    """Return the settings that QUICK, GOOD or FULL stands for."""
    if choice == QUICK:
        return {**DEFAULTS, "quality": "draft", "size": QUICK_SIDE if photo_side > QUICK_SIDE else 0}
    if choice == GOOD and photo_side > LARGE_SIDE:
        return {**DEFAULTS, "quality": "draft", "time-limit": GOOD_SECONDS, "finish": "upsample"}
    return dict(DEFAULTS)


def choice_of(settings: dict, photo_side: int) -> str:
    """Return the choice that stands for these settings, or CUSTOM."""
    chosen = {name: settings[name] for name in DEFAULTS}
    return next((name for name in offered(photo_side) if values(name, photo_side) == chosen), CUSTOM)


def longest_within(seconds: dict, limit: float = MOST_SECONDS) -> str:
    """Return the longest choice that takes at most ``limit``, else QUICK. ``seconds`` is by choice."""
    within = [name for name in (QUICK, GOOD, FULL) if seconds.get(name, limit + 1.0) <= limit]
    return within[-1] if within else QUICK


def advice(choice: str, seconds, *, is_soft: bool) -> str:
    """Return what else to choose for a painting that looks soft, or takes long; or "".

    ``seconds`` may be None. ``is_soft``: it is painted at a small part of the picture's size.
    """
    if is_soft and choice == QUICK:
        return _("“Good” paints larger.")
    if is_soft and choice == GOOD:
        return _("“Full”, or a larger size on the page “Advanced”, is sharper.")
    if is_soft:
        return _("A longer time limit, a larger size or Draft quality is sharper (page “Advanced”).")
    is_long = seconds is not None and seconds > LONG_SECONDS
    return _("“Good” or “Quick” is faster.") if is_long and choice in (FULL, CUSTOM) else ""


def adapt(config, photo_side: int) -> None:
    """Set what the stored choice stands for, for a picture of another size."""
    choice = config.get_property(NAME)
    if choice in (QUICK, GOOD, FULL):
        for name, value in values(choice, photo_side).items():
            config.set_property(name, value)
