"""A small window that asks for the name of a style. It stays open until the action has succeeded.

The action, ``act(name, with_settings, replacing, done)``, runs in the background and calls ``done(error)``.
The window checks the rules of names; what is done with one is the caller's business.
"""

from __future__ import annotations

from collections import namedtuple

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, GLib, Gtk  # noqa: E402

from nst_gimp.process import kept_styles, style_commands  # noqa: E402
from nst_gimp.settings import contract  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

PICTURE_SIDE = 96


NameQuestion = namedtuple("NameQuestion", "title button name picture old_name settings", defaults=("", ""))
"""The texts of the window and its button, the name to start with and a picture of the style (or None).

``old_name`` is the style's present name, which may stay; ``settings`` describes the settings that can be kept
with it, or is "".
"""


class NameDialog:
    """The window for a :class:`NameQuestion`."""

    def __init__(self, parent, question: NameQuestion, act) -> None:
        self.act, self.button = act, question.button
        self.taken = {style.name for style in kept_styles.list_styles()} - {question.old_name}
        self.window = GimpUi.Dialog(
            title=question.title, role="neural-style-name", transient_for=parent, modal=True
        )
        self.window.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
        self.ok = self.window.add_button(question.button, Gtk.ResponseType.OK)
        self.window.set_default_response(Gtk.ResponseType.OK)
        self.name = Gtk.Entry(text=question.name, activates_default=True, width_chars=32)
        self.name.connect("changed", lambda _entry: self._check_name())
        name_label = Gtk.Label(label=_("_Name"), use_underline=True, xalign=0.0, mnemonic_widget=self.name)
        self.note = Gtk.Label(xalign=0.0, yalign=0.0, wrap=True, max_width_chars=44, width_chars=44)
        self.note.set_lines(2)
        self.settings = Gtk.CheckButton(
            label=_("With the current _settings"), use_underline=True, no_show_all=not question.settings
        )
        self.settings.set_tooltip_text(
            _("Clicking the style brings them back; nst uses them with the style’s name, too")
        )
        settings_text = Gtk.Label(
            label=question.settings,
            xalign=0.0,
            wrap=True,
            max_width_chars=44,
            no_show_all=not question.settings,
        )
        settings_text.get_style_context().add_class("dim-label")
        settings_text.set_margin_start(24)
        self.settings.connect("toggled", lambda box: settings_text.set_sensitive(box.get_active()))
        settings_text.set_sensitive(False)
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        for widget in (name_label, self.name, self.settings, settings_text, self.note):
            column.pack_start(widget, False, False, 0)
        body = Gtk.Box(spacing=12, border_width=12)
        if question.picture is not None:
            body.pack_start(Gtk.Image(pixbuf=question.picture, valign=Gtk.Align.START), False, False, 0)
        body.pack_start(column, True, True, 0)
        self.window.get_content_area().pack_start(body, True, True, 0)
        self.window.connect("response", self._answered)
        self._open = True
        self._check_name()

    def show(self) -> None:
        """Open the window; it closes by itself."""
        self.window.show_all()
        self.name.select_region(0, -1)

    def _check_name(self) -> None:
        """Say whether the name is valid, and whether it exists already."""
        name = self.name.get_text().strip()
        is_valid = contract.is_style_name(name)
        self.ok.set_sensitive(is_valid)
        self.ok.set_label(_("_Replace") if name in self.taken else self.button)
        if is_valid and name in self.taken:
            self.note.set_text(_("A style with this name exists; it will be replaced."))
        elif name and not is_valid:
            self.note.set_text(
                _("A name has up to {count} characters, without {characters}").format(
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
        # After the window has been drawn: writing a layer into a file takes a while.
        GLib.timeout_add(50, lambda: self.act(name, with_settings, name in self.taken, self._done) and False)

    def _done(self, error) -> None:
        if not self._open:
            return
        if error is None:
            self._open = False
            self.window.destroy()
            return
        self.window.set_sensitive(True)
        self.name.grab_focus()
        if error.code == style_commands.TAKEN:  # another program has just kept one with this name
            self.taken.add(self.name.get_text().strip())
            self._check_name()
        else:
            self.note.set_text(str(error))
