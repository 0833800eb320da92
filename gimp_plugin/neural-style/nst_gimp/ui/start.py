"""The start of GTK, before any window of the plug-in is made."""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gtk  # noqa: E402

from nst_gimp.text.messages import CallError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402


def start_gtk() -> None:
    """Initialise GTK.

    Raises:
        CallError: there is no screen; GTK itself would abort the plug-in.
    """
    if not Gtk.init_check([])[0]:
        raise CallError(
            _("The dialog needs a screen, and there is none."), _("Call the procedure with NONINTERACTIVE.")
        )
    GimpUi.init("neural-style")
