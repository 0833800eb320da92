"""Thumbnails of the styles with their names: kept, used recently, and ready ones; a click takes one."""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gdk, Gtk, Pango  # noqa: E402

from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402
from nst_gimp.ui.thumbnails import IdleThumbnails, modified_at  # noqa: E402

SIDE = 96
ROW = 4
NAME_CHARACTERS = 12


def list_styles() -> list:
    """Return (name, path, thumbnail's path, its time of change) of the kept, recent and ready styles."""
    kept = kept_styles.list_styles()
    paths = {style.path for style in kept}
    recent = [path for path in kept_styles.list_recent() if path not in paths]
    entries = [
        *((style.name, style.path, style.thumbnail or style.path) for style in kept),
        *((kept_styles.display_name(path), path, path) for path in recent),
        *((style.name, style.path, style.path) for style in kept_styles.list_ready()),
    ]
    return [(*style, modified_at(style[-1])) for style in entries]


class StyleGrid(Gtk.FlowBox):
    """Calls ``take(path)`` when a style is clicked; ``menu(path)``, if given, returns its context menu."""

    def __init__(self, take, menu=None) -> None:
        super().__init__(
            selection_mode=Gtk.SelectionMode.NONE,
            max_children_per_line=ROW,
            min_children_per_line=ROW - 1,  # on a screen with little room
            homogeneous=True,
            column_spacing=2,
            row_spacing=2,
            halign=Gtk.Align.START,
            valign=Gtk.Align.START,
        )
        self.take, self.menu = take, menu
        self._shown = []
        self._thumbnails = IdleThumbnails(self, SIDE)
        self.refresh()

    def refresh(self) -> None:
        """Show the current styles."""
        styles = list_styles()
        if styles == self._shown:
            return
        self._thumbnails.stop()
        self._shown = styles
        for child in self.get_children():
            child.destroy()
        for name, path, picture, _modified in styles:
            image = Gtk.Image.new_from_icon_name("image-x-generic-symbolic", Gtk.IconSize.DND)
            image.set_size_request(SIDE, SIDE * 4 // 5)
            label = Gtk.Label(label=name, ellipsize=Pango.EllipsizeMode.END, max_width_chars=NAME_CHARACTERS)
            content = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=2)
            content.pack_start(image, False, False, 0)
            content.pack_start(label, False, False, 0)
            button = Gtk.Button(relief=Gtk.ReliefStyle.NONE, tooltip_text=style_tooltip(name, path))
            button.add(content)
            button.get_accessible().set_name(name)
            button.connect("clicked", lambda _button, path=path: self.take(path))
            if self.menu is not None:
                button.connect("button-press-event", self._pressed, path)
                button.connect("popup-menu", lambda button, path=path: self._open_menu(button, path))
            self.add(button)
            button.get_parent().set_can_focus(False)  # the button has it: one stop of the Tab key is enough
            self._thumbnails.add(image, picture)
        self.show_all()

    def _pressed(self, button, event, path: str) -> bool:
        return event.triggers_context_menu() and self._open_menu(button, path, event)

    def _open_menu(self, button, path: str, event=None) -> bool:
        menu = self.menu(path)
        menu.attach_to_widget(button, None)
        menu.show_all()
        if event is not None:
            menu.popup_at_pointer(event)
        else:
            menu.popup_at_widget(button, Gdk.Gravity.SOUTH_WEST, Gdk.Gravity.NORTH_WEST, None)
        return True


def style_tooltip(name: str, path: str) -> str:
    """Return the tooltip of a style: its name and the settings kept with it."""
    lines = [
        widgets.setting_text(setting, value) for setting, value in kept_styles.read_settings(path).items()
    ]
    return "\n".join([name, *lines])


def hint() -> Gtk.Label:
    """Return the text shown instead of an empty grid."""
    label = Gtk.Label(
        label=_("Styles that you use or keep appear here."), xalign=0.0, wrap=True, max_width_chars=40
    )
    label.get_style_context().add_class("dim-label")
    return label
