"""The strip of results: thumbnails of this image's trials and paintings since the dialog was first opened.

A click shows a result in the large picture, a double click takes its settings, and a menu has the rest (see
``result_actions``). Other processes of the plug-in add paintings, so the strip reads the disk again whenever
the dialog gets the keyboard.
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gdk, GLib, Gtk, Pango  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.process.result_store import PAINTING, PICTURE  # noqa: E402
from nst_gimp.run import session_results  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import result_words  # noqa: E402
from nst_gimp.ui.thumbnails import IdleThumbnails  # noqa: E402

SIDE = 72
SMALLEST_HEIGHT = 104
"""One row of thumbnails."""

TITLE_CHARACTERS = 9


class ResultStrip(Gtk.Box):
    """Hidden while there is no result. Calls ``show(result)`` on a click; ``actions`` has the commands."""

    def __init__(self, image, store, show, actions) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=4)
        self.image, self.store, self.show_result, self.actions = image, store, show, actions
        self._results: list = []
        self._thumbnails = IdleThumbnails(self, SIDE, previews.on_checkerboard)
        self.grid = self._make_grid()
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, overlay_scrolling=False)
        scrolled.get_accessible().set_name(_("Results so far"))
        scrolled.set_min_content_height(SMALLEST_HEIGHT)
        scrolled.add(self.grid)
        self.pack_start(self._make_header(), False, False, 0)
        self.pack_start(scrolled, True, True, 0)
        self.show_all()
        self.set_no_show_all(True)
        self.refresh()

    def _make_header(self) -> Gtk.Widget:
        title = Gtk.Label.new_with_mnemonic(_("Results s_o far"))
        title.set_mnemonic_widget(self.grid)
        legend = Gtk.Label(xalign=0.0, ellipsize=Pango.EllipsizeMode.END)
        legend.set_markup(f"<small>{GLib.markup_escape_text(result_words.legend())}</small>")
        legend.get_style_context().add_class("dim-label")
        button = Gtk.Button(relief=Gtk.ReliefStyle.NONE)
        button.add(Gtk.Image.new_from_icon_name("pan-down-symbolic", Gtk.IconSize.BUTTON))
        button.set_tooltip_text(_("What can be done with the chosen result"))
        button.get_accessible().set_name(_("What can be done with the chosen result"))
        button.connect("clicked", lambda _button: self._open_menu(self._chosen(), button))
        row = Gtk.Box(spacing=8)
        row.pack_start(title, False, False, 0)
        row.pack_start(legend, True, True, 0)
        row.pack_start(button, False, False, 0)
        return row

    def _make_grid(self) -> Gtk.FlowBox:
        grid = Gtk.FlowBox(
            selection_mode=Gtk.SelectionMode.SINGLE,
            activate_on_single_click=True,
            homogeneous=True,
            max_children_per_line=12,
            min_children_per_line=3,
            valign=Gtk.Align.START,
        )
        grid.get_accessible().set_name(_("Results so far"))
        grid.connect("child-activated", lambda _grid, child: self.show_result(self._result_of(child)))
        grid.connect("button-press-event", self._pressed)
        grid.connect("key-press-event", self._key)
        grid.connect("popup-menu", lambda _grid: self._open_menu(self._chosen(), self.grid))
        return grid

    def refresh(self) -> None:
        """Show the results that there are now."""
        results = session_results.results_of(self.store, self.image) if self.store is not None else []
        old = {result.folder: child for result, child in zip(self._results, self.grid.get_children())}  # noqa: B905
        kept = {result.folder for result in results}
        for folder, child in old.items():
            if folder not in kept:
                child.destroy()
        self._results = results
        for position, result in enumerate(results):
            if result.folder not in old:
                self.grid.insert(self._make_child(result), position)
        self.set_visible(bool(results))

    def add(self, result) -> None:
        """Show a new result, which becomes the chosen one."""
        self.refresh()
        for other, child in zip(self._results, self.grid.get_children()):  # noqa: B905
            if other.folder == result.folder:
                self.grid.select_child(child)

    def _make_child(self, result) -> Gtk.Widget:
        image = Gtk.Image.new_from_icon_name("image-x-generic-symbolic", Gtk.IconSize.DND)
        image.set_size_request(SIDE, SIDE * 3 // 4)
        title = Gtk.Label(
            label=result.facts.title, ellipsize=Pango.EllipsizeMode.END, max_width_chars=TITLE_CHARACTERS
        )
        numbers = Gtk.Label()
        numbers.set_markup(f"<small>{GLib.markup_escape_text(result_words.caption(result.facts))}</small>")
        row = Gtk.Box(spacing=2, halign=Gtk.Align.CENTER)
        if result.facts.kind == PAINTING:
            row.pack_start(
                Gtk.Image.new_from_icon_name("gimp-tool-paintbrush", Gtk.IconSize.MENU), False, False, 0
            )
        row.pack_start(numbers, False, False, 0)
        content = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=1)
        for widget in (image, title, row):
            content.pack_start(widget, False, False, 0)
        child = Gtk.FlowBoxChild(tooltip_text=result_words.tooltip(result.facts))
        child.get_accessible().set_name(result_words.summary(result.facts))
        child.add(content)
        child.show_all()
        self._thumbnails.add(image, str(result.path(PICTURE)))
        return child

    def _result_of(self, child):
        return self._results[child.get_index()]

    def _chosen(self):
        """Return the chosen result, else the latest one, else None."""
        chosen = self.grid.get_selected_children()
        if chosen:
            return self._result_of(chosen[0])
        return self._results[0] if self._results else None

    def _pressed(self, grid, event) -> bool:
        child = grid.get_child_at_pos(int(event.x), int(event.y))
        if child is None:
            return False
        if event.triggers_context_menu():
            grid.select_child(child)
            child.grab_focus()
            return self._open_menu(self._result_of(child), grid, event)
        if event.type == Gdk.EventType._2BUTTON_PRESS:
            self.actions.take(self._result_of(child))
            return True
        return False

    def _key(self, _grid, event) -> bool:
        chosen = self.grid.get_selected_children()
        if event.keyval not in (Gdk.KEY_Delete, Gdk.KEY_KP_Delete) or not chosen:
            return False
        index = chosen[0].get_index()
        self.remove(self._results[index])
        rest = self.grid.get_children()
        if rest:
            child = rest[min(index, len(rest) - 1)]
            self.grid.select_child(child)
            child.grab_focus()
        return True

    def remove(self, result) -> None:
        """Delete a result."""
        self.store.remove(result)
        self.refresh()

    def _remove_all(self) -> None:
        for result in self._results:
            self.store.remove(result)
        self.refresh()

    def _open_menu(self, result, widget, event=None) -> bool:
        if result is None:
            return False
        menu = self.actions.menu(result, lambda: self.remove(result), self._remove_all)
        menu.attach_to_widget(widget, None)
        if event is not None:
            menu.popup_at_pointer(event)
        else:
            menu.popup_at_widget(widget, Gdk.Gravity.SOUTH_WEST, Gdk.Gravity.NORTH_WEST, None)
        return True
