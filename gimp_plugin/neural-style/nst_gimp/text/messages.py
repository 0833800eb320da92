"""What can go wrong, in the user's words: one sentence that says what, one that says what to do.

The engine sends codes; their wording is here, so that it can be translated. A code without a wording of
its own is shown as the engine put it.
"""

from __future__ import annotations

import sys
import traceback

from nst_gimp.text.words import _, mark


class UserError(Exception):
    """Something the user can be told. ``code`` is the engine's, or one of the plug-in's own.

    ``told`` is True where a living engine said so, which can be asked again.
    """

    told = False

    def __init__(self, message: str, hint: str = "", code: str = "plug-in") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def __str__(self) -> str:
        return (self.message + " " + self.hint).strip()


class CallError(UserError):
    """The call itself is wrong: its arguments, the chosen layer, the kind of image."""


class Cancelled(UserError):  # noqa: N818 - no error
    """The user changed their mind; nobody needs to be told."""

    def __init__(self) -> None:
        super().__init__(_("Cancelled."), code="cancelled")


def unexpected(error: Exception) -> UserError:
    """Turn what nobody has thought of into words; the traceback goes to GIMP's standard error."""
    if isinstance(error, UserError):
        return error
    if sys.stderr is not None:  # pythonw has none
        traceback.print_exception(type(error), error, error.__traceback__)
    return UserError(
        _("The plug-in failed ({error}).").format(error=f"{type(error).__name__}: {error}"),
        _("The image was not touched. Please report it with what was chosen in the dialog."),
        "internal",
    )


WORDING = {
    "out-of-memory": (
        mark("The picture does not fit into memory."),
        mark("Set Size to a smaller number, choose the Draft quality, or close other programs."),
    ),
    "no-model": (
        mark("The network's weights are not there yet."),
        mark("Run “nst models fetch” once, with an internet connection."),
    ),
    "bad-model": (
        mark("The network's weights cannot be used."),
        mark("Run “nst doctor” to see which file is wrong, then “nst models fetch”."),
    ),
    "wrong-hash": (
        mark("A downloaded file is not the one that was expected."),
        mark("Try again later; nothing of it was kept."),
    ),
    "download-failed": (
        mark("The network's weights could not be downloaded."),
        mark("Check the internet connection and try again; the download goes on where it stopped."),
    ),
    "disk-full": (
        mark("The disk is full."),
        mark("Make room in the folder for temporary files and try again."),
    ),
    "diverged": (
        mark("The painting came apart: the numbers grew without end."),
        mark("Try less Smoothness, other weights, or the L-BFGS optimizer."),
    ),
    "too-small": (
        mark("The layer or the selection is too small to be painted."),
        mark("Choose a larger one."),
    ),
}


def from_engine(code: str, message: str, hint: str) -> UserError:
    """Turn an engine's error into words. What is particular about it, its message, is never dropped."""
    if code == "cancelled":
        return Cancelled()
    if code in WORDING:
        what, advice = WORDING[code]
        detail = "" if not message or message == what else " (" + message.rstrip(".") + ")"
        return UserError(_(what).rstrip(".") + detail + ".", _(advice), code)
    return UserError(message or _("The engine failed without saying why."), hint, code or "internal")
