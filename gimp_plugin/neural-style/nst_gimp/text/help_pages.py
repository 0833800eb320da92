"""The help pages that come with the plug-in, in the user's language if there is a page in it."""

from __future__ import annotations

import os

from gi.repository import Gio, GLib

from nst_gimp import PLUG_IN_FOLDER
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

FOLDER = os.path.join(PLUG_IN_FOLDER, "help")


def page_path() -> str:
    """Return the path of the help page in the first of the user's languages that has one, else English."""
    for language in GLib.get_language_names():
        path = os.path.join(FOLDER, language.split(".")[0], "index.html")
        if os.path.isfile(path):
            return path
    return os.path.join(FOLDER, "en", "index.html")


def open_page(section: str = "") -> None:
    """Open the help page in the user's browser, at the anchor ``section`` if one is named.

    Raises:
        UserError: no browser could be started. The message gives the path of the page.
    """
    uri = GLib.filename_to_uri(page_path(), None) + (f"#{section}" if section else "")
    try:
        Gio.AppInfo.launch_default_for_uri(uri, None)
    except GLib.Error:
        raise UserError(
            _("No web browser could be started for the help page."),
            _("Open {path}.").format(path=page_path()),
        ) from None
