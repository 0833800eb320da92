"""The diagnostics in a window, with buttons to copy the text and to open the help."""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gtk  # noqa: E402

from nst_gimp.text import help_pages  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import screen_fit  # noqa: E402
from nst_gimp.ui.start import start_gtk  # noqa: E402

COPY = 1


def show(text: str, parent=None) -> None:
    """Show ``text`` until the window is closed, above ``parent`` if there is one."""
    if parent is None:
        start_gtk()
    window = GimpUi.Dialog(
        title=_("Neural Style Diagnostics"),
        role="neural-style-doctor",
        transient_for=parent,
        modal=parent is not None,
    )
    screen_fit.set_size(window, 720, 480)
    window.add_button(_("_Help"), Gtk.ResponseType.HELP)
    window.add_button(_("C_opy"), COPY)
    window.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
    view = Gtk.TextView(editable=False, monospace=True, wrap_mode=Gtk.WrapMode.WORD_CHAR, border_width=6)
    view.get_buffer().set_text(text)
    view.get_accessible().set_name(_("Report"))
    scrolled = screen_fit.scrolled(view, border_width=12)
    window.get_content_area().pack_start(scrolled, True, True, 0)
    window.show_all()
    while True:
        answer = window.run()
        if answer == COPY:
            clipboard = Gtk.Clipboard.get(Gdk.SELECTION_CLIPBOARD)
            clipboard.set_text(text, -1)
            clipboard.store()
        elif answer == Gtk.ResponseType.HELP:
            try:
                help_pages.open_page()
            except UserError as error:
                view.get_buffer().set_text(f"{error}\n\n{text}")
        else:
            break
    window.destroy()
