"""The arguments of the procedure for animations: the styles, all settings, and two of its own."""

from __future__ import annotations

from nst_gimp.settings import arguments
from nst_gimp.text.messages import CallError
from nst_gimp.text.words import _

FRAMES_NAME, RESULT_NAME = "frames", "result"

AUTOMATIC, IMAGE, GROUP = "auto", "image", "group"

FRAMES = (AUTOMATIC, IMAGE, GROUP)
RESULTS = (IMAGE, GROUP)


def declare(procedure) -> None:
    """Add the arguments to ``procedure``."""
    from gi.repository import GObject

    flags = GObject.ParamFlags.READWRITE
    arguments.declare_styles(procedure, flags)
    procedure.add_string_argument(
        FRAMES_NAME,
        _("Frames"),
        _(
            "The layers that are frames. auto: those of the selected layer group, else of the image. "
            "image: those of the image. group: those of the selected group."
        ),
        AUTOMATIC,
        flags,
    )
    procedure.add_string_argument(
        RESULT_NAME,
        _("Result"),
        _("image: a new image with the painted frames. group: a new layer group in the same image."),
        IMAGE,
        flags,
    )
    arguments.declare_settings(procedure, flags)


def read(config) -> dict:
    """Return the checked settings by name.

    Raises:
        CallError: a value is invalid, or has no meaning for an animation.
    """
    settings = arguments.read(config)
    if settings["loss"] == "paper":
        raise CallError(
            _("With the paper’s loss nothing holds the frames of an animation together."),
            _("Set loss to relative."),
            "bad-setting",
        )
    if settings["time-limit"] > 0:
        raise CallError(
            _("An animation has no time limit."),
            _("Choose a smaller size or Draft quality instead."),
            "bad-setting",
        )
    return settings


def choices(config) -> tuple:
    """Return (which layers are the frames, what the result is).

    Raises:
        CallError: a value is invalid.
    """
    return (
        arguments.check_choice(FRAMES_NAME, config.get_property(FRAMES_NAME), FRAMES),
        arguments.check_choice(RESULT_NAME, config.get_property(RESULT_NAME), RESULTS),
    )
