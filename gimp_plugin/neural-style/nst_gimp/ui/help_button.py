"""Help in a GIMP dialog, and F1: they open this plug-in's pages, which GIMP's help browser cannot find."""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk  # noqa: E402

from nst_gimp.text import help_pages  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402


def replace(window, section: str, show_error) -> None:
    """Replace GIMP's button in ``window``. ``section`` is an anchor of the help page, or "" for its start.

    ``show_error(sentence)`` shows why the page could not be opened.
    """
    stock = window.get_widget_for_response(Gtk.ResponseType.HELP)
    if stock is None:
        return

    def open_help() -> None:
        try:
            help_pages.open_page(section)
        except UserError as error:
            show_error(str(error))

    def key_pressed(_window, event) -> bool:
        if event.keyval == Gdk.KEY_F1:
            open_help()
            return True
        return False

    area = stock.get_parent()
    button = Gtk.Button.new_with_mnemonic(_("_Help"))
    button.set_tooltip_text(_("Open the help pages (F1)"))
    button.connect("clicked", lambda _button: open_help())
    area.pack_start(button, False, False, 0)
    area.set_child_secondary(button, True)
    area.reorder_child(button, 0)
    stock.set_no_show_all(True)
    stock.hide()
    button.show()
    window.connect("key-press-event", key_pressed)
