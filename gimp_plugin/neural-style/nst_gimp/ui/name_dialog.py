"""A small window that asks what a style is to be called, and stays until that is done or given up.

Comes from a name and a picture; ``act(name, with_settings, replacing, done)`` does it in the background and
calls ``done(problem)``. Knows the rules of names, and nothing of what is done with one.
"""

from __future__ import annotations

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402

from nst_gimp.process import kept_styles, style_commands  # noqa: E402
from nst_gimp.settings import contract
from nst_gimp.text.words import _  # noqa: E402

PICTURE_SIDE = 96


class NameDialog:
    """``own`` is a name that may stay; ``settings`` are words for what could be kept beside, or ""."""

    def __init__(self, parent, title: str, button: str, name: str, picture, act, own="", settings="") -> None:
        self.act, self.own, self.button = act, own, button
        self.taken = {style.name for style in kept_styles.list_styles()} - {own}
        self.window = GimpUi.Dialog(title=title, role="neural-style-name", transient_for=parent, modal=True)
        self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.ok = self.window.add_button(button, Gtk.ResponseType.OK)
        self.window.set_default_response(Gtk.ResponseType.OK)
        self.name = Gtk.Entry(text=name, activates_default=True, width_chars=32)
        self.name.connect("changed", lambda _entry: self._look())
        words = Gtk.Label(label=_("_Name"), use_underline=True, xalign=0.0, mnemonic_widget=self.name)
        self.note = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True, max_width_chars=44, width_chars=44)
        self.note.set_lines(2)
        self.settings = Gtk.CheckButton(
            label=_("With the present _settings"), use_underline=True, no_show_all=not settings
        )
        self.settings.set_tooltip_text(
            _("They come back when the style is clicked on, and hold wherever nst is given its name")
        )
        listed = Gtk.Label(
            label=settings, xalign=0.0, wrap=True, max_width_chars=44, no_show_all=not settings
        )
        listed.get_style_context().add_class("dim-label")
        listed.set_margin_start(24)
        self.settings.connect("toggled", lambda box: listed.set_sensitive(box.get_active()))
        listed.set_sensitive(False)
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for part in (words, self.name, self.settings, listed, self.note):
            column.pack_start(part, False, False, 0)
        body = Gtk.Box(spacing=12, border_width=12)
        if picture is not None:
            body.pack_start(Gtk.Image(pixbuf=picture, valign=Gtk.Align.START), False, False, 0)
        body.pack_start(column, True, True, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._answered)
        self._open = True
        self._look()

    def show(self) -> None:
        """Open it; it closes by itself."""
        self.window.show_all()
        self.name.select_region(0, -1)

    def _look(self) -> None:
        """Say what is with the name as it stands."""
        name = self.name.get_text().strip()
        possible = contract.is_style_name(name)
        self.ok.set_sensitive(possible)
        self.ok.set_label(_("_Replace") if name in self.taken else self.button)
        if possible and name in self.taken:
            self.note.set_text(_("There is a style of this name already; it will be replaced."))
        elif name and not possible:
            self.note.set_text(
                _("A name has up to {count} characters, none of {characters}").format(
                    count=contract.LONGEST_STYLE_NAME,
                    characters=" ".join(sorted(contract.FORBIDDEN_CHARACTERS)),
                )
            )
        else:
            self.note.set_text("")

    def _answered(self, _window, response: int) -> None:
        if response != Gtk.ResponseType.OK:
            self._open = False
            self.window.destroy()
            return
        name = self.name.get_text().strip()
        self.window.set_sensitive(False)
        self.note.set_text(_("One moment…"))
        with_settings = self.settings.get_active()
        # Once the window has been drawn so: writing a layer into a file takes a while.
        GLib.timeout_add(50, lambda: self.act(name, with_settings, name in self.taken, self._done) and False)

    def _done(self, problem) -> None:
        if not self._open:
            return
        if problem is None:
            self._open = False
            self.window.destroy()
            return
        self.window.set_sensitive(True)
        self.name.grab_focus()
        if problem.code == style_commands.TAKEN:  # kept by somebody else meanwhile
            self.taken.add(self.name.get_text().strip())
            self._look()
        else:
            self.note.set_text(str(problem))
