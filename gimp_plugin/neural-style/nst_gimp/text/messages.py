"""Errors in the user's words: what happened, then what to do.

The engine reports errors by code. Their wording is here so that it can be translated. An error with a code
that has no wording here is shown in the engine's own words.
"""

from __future__ import annotations

import sys
import traceback

from nst_gimp.text.words import _, mark


class UserError(Exception):
    """An error to show to the user. ``code`` is the engine's, or one of the plug-in's own.

    ``engine_is_alive`` is True if a running engine reported it. That engine can take another request.
    """

    engine_is_alive = False

    def __init__(self, message: str, hint: str = "", code: str = "plug-in") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return (self.message + " " + self.hint).strip()


class CallError(UserError):
    """The call itself is wrong: its arguments, the selected layer or the kind of image."""


class Cancelled(UserError):  # noqa: N818 - no error
    """The user cancelled. Nothing is shown."""

    def __init__(self) -> None:
        super().__init__(_("Cancelled."), code="cancelled")


class Dropped(Cancelled):
    """The user dropped the painting from the queue, perhaps from another window. No dialog opens again."""


def to_user_error(error: Exception) -> UserError:
    """Return any exception as a UserError, and print the traceback of an unexpected one to stderr."""
    if isinstance(error, UserError):
        return error
    if sys.stderr is not None:  # it is None under pythonw
        traceback.print_exception(type(error), error, error.__traceback__)
    return UserError(
        _("The plug-in failed ({error}).").format(error=f"{type(error).__name__}: {error}"),
        _("Your image was not changed. Please report this, with the settings from the dialog."),
        "internal",
    )


WORDING = {
    "out-of-memory": (
        mark("There is not enough memory for this picture."),
        mark("Set a smaller painting size, choose Draft quality, or close other programs."),
    ),
    "no-film": (
        mark("Films and animations need OpenCV, which is not installed."),
        mark(
            "Run the installer with “update --films”, or, if you installed the engine yourself, "
            "“pip install opencv-python-headless” with the engine’s Python."
        ),
    ),
    "no-model": (
        mark("The network has not been downloaded yet."),
        mark("Connect to the internet and run “nst models fetch” once."),
    ),
    "bad-model": (
        mark("The file of the network cannot be used."),
        mark("Run “nst doctor” to find the damaged file, then “nst models fetch” to download it again."),
    ),
    "wrong-hash": (
        mark("A downloaded file is not the expected one."),
        mark("It was deleted. Try again later."),
    ),
    "download-failed": (
        mark("The network could not be downloaded."),
        mark("Check your internet connection and try again; the download continues where it stopped."),
    ),
    "disk-full": (
        mark("The disk is full."),
        mark("Free some space in the folder for temporary files and try again."),
    ),
    "diverged": (
        mark("The optimisation diverged."),
        mark("Try less Smoothness, different weights, or the L-BFGS optimizer."),
    ),
    "too-small": (
        mark("The layer or the selection is too small to paint."),
        mark("Choose a larger layer or selection."),
    ),
}
"""The engine's error code -> (message, hint)."""


NOTICES = {
    "fallback-model": mark(
        "VGG-16 paints, because VGG-19 is not installed; the result differs slightly. "
        "Style Diagnostics says how to install it."
    )
}
"""The engine's notice code -> what the painter reads."""


def notice_text(event: dict) -> str:
    """Return a notice of the engine in the user's words, or else in the engine's own."""
    code = str(event.get("code") or "")
    if code in NOTICES:
        return _(NOTICES[code])
    return f"{event.get('message') or ''} {event.get('hint') or ''}".strip()


def engine_error(code: str, message: str, hint: str) -> UserError:
    """Return an error that the engine reported, in the user's words.

    If the code has a wording here, the engine's own message follows it in brackets: it has the details.
    """
    if code == "cancelled":
        return Cancelled()
    if code in WORDING:
        summary, advice = WORDING[code]
        detail = "" if not message or message == summary else " (" + message.rstrip(".") + ")"
        return UserError(_(summary).rstrip(".") + detail + ".", _(advice), code)
    return UserError(message or _("The engine failed without giving a reason."), hint, code or "internal")
