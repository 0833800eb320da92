"""The help pages that lie beside the plug-in, in the user's language where there is one."""

from __future__ import annotations

import os

from gi.repository import Gio, GLib

from nst_gimp import PLUG_IN_FOLDER
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

FOLDER = os.path.join(PLUG_IN_FOLDER, "help")


def page() -> str:
    """Return the path of the help page in the first of the user's languages that has one."""
    for language in GLib.get_language_names():
        found = os.path.join(FOLDER, language.split(".")[0], "index.html")
        if os.path.isfile(found):
            return found
    return os.path.join(FOLDER, "en", "index.html")


def open_page() -> None:
    """Open the help in the user's browser.

    Raises:
        UserError: nothing here can open a web page; says where the page is.
    """
    uri = GLib.filename_to_uri(page(), None)
    try:
        Gio.AppInfo.launch_default_for_uri(uri, None)
    except GLib.Error:
        raise UserError(
            _("No browser could be started for the help page."), _("Open {path}.").format(path=page())
        ) from None
