"""The part of the dialog that chooses the style: a thumbnail, a file button, a layer button, kept styles.

A file can also be dropped on the thumbnail. Choosing a file clears the layer, and the other way round.
"""

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gimp, GimpUi, Gio, GLib, Gtk  # noqa: E402

from nst_gimp.image import previews  # noqa: E402
from nst_gimp.process import kept_styles  # noqa: E402
from nst_gimp.run.run_request import rename_style  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import access, style_grid, style_menus, style_picker, widgets  # noqa: E402

SIDE = 136
GRID_HEIGHT, ONE_ROW = 252, 126


class StyleChooser(Gtk.Box):
    """Shows and sets the arguments style-file and style-layer of ``config``."""

    def __init__(self, config, show_error) -> None:
        super().__init__(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.config = config
        self.menus = style_menus.StyleMenus(config, self.get_toplevel, self._styles_changed, show_error)
        self._shown = None
        self._latest = (None, None)
        self.picture = Gtk.Image()
        frame = Gtk.Button()
        frame.set_size_request(SIDE + 16, SIDE + 16)
        frame.add(self.picture)
        frame.set_tooltip_text(_("Click to choose a painting, or drop a picture file here"))
        frame.get_accessible().set_name(_("Style picture"))
        frame.connect("clicked", lambda _button: self.ask_for_file())
        frame.drag_dest_set(Gtk.DestDefaults.ALL, [], Gdk.DragAction.COPY)
        frame.drag_dest_add_uri_targets()
        frame.connect("drag-data-received", lambda *signal: self._dropped(signal[4]))
        self.caption = Gtk.Label(
            xalign=0.0, max_width_chars=30, ellipsize=2
        )  # shortened in the middle, so that the size stays visible
        self.caption.get_style_context().add_class("dim-label")
        file_button = Gtk.Button.new_with_mnemonic(_("Picture _file…"))
        file_button.set_tooltip_text(_("Choose a picture file to take the style from"))
        file_button.connect("clicked", lambda _button: self.ask_for_file())
        self.layers = GimpUi.DrawableChooser.new(
            _("Choose the layer to take the style from"), _("Or use a layer:"), Gimp.Layer.__gtype__, None
        )
        for widget in access.descendants(self.layers):
            widget.set_tooltip_text(_("Take the style from a layer of any open image"))
        column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, valign=Gtk.Align.CENTER)
        for widget in (self.caption, file_button, self.layers):
            column.pack_start(widget, False, False, 0)
        upper = Gtk.Box(spacing=12)
        upper.pack_start(frame, False, False, 0)
        upper.pack_start(column, True, True, 0)
        self.pack_start(upper, False, False, 0)
        self.pack_start(self._make_grid(), False, False, 0)
        if config.get_property("style-layer") is not None:
            self.layers.set_drawable(config.get_property("style-layer"))
        self.layers.connect("notify::drawable", self._layer_chosen)
        for name in ("style-file", "style-layer"):
            config.connect(f"notify::{name}", lambda *_args: self._changed())
        self._changed()

    def _make_grid(self) -> Gtk.Widget:
        """Return the grid of styles with its two buttons."""
        self.styles = style_grid.StyleGrid(self.take_kept, self.menus.menu_of)
        self.scrolled = Gtk.ScrolledWindow(
            hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True, overlay_scrolling=False
        )
        self.scrolled.set_min_content_height(ONE_ROW)  # the page scrolls before the rows are cut
        self.scrolled.set_max_content_height(GRID_HEIGHT)
        self.scrolled.add(self.styles)
        access.set_name(self.scrolled, _("Style pictures"))
        self.hint = style_grid.hint()
        self.keep = Gtk.Button.new_with_mnemonic(_("_Keep…"))
        self.keep.set_tooltip_text(
            _("Keep the chosen style under a name, with the current settings if you like")
        )
        self.keep.connect("clicked", lambda _button: self.menus.keep_chosen(self._kept))
        self.more = Gtk.MenuButton()
        content = Gtk.Box(spacing=6)
        content.pack_start(Gtk.Label.new_with_mnemonic(_("Styl_es")), True, True, 0)
        content.pack_start(
            Gtk.Image.new_from_icon_name("pan-down-symbolic", Gtk.IconSize.BUTTON), False, False, 0
        )
        self.more.add(content)
        self.more.set_tooltip_text(
            _("Import or export styles. The right mouse button on a style renames, removes or exports it.")
        )
        buttons = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6, valign=Gtk.Align.START)
        for button in (self.keep, self.more):
            buttons.pack_start(button, False, False, 0)
        row = Gtk.Box(spacing=12)
        row.pack_start(self.scrolled, True, True, 0)
        row.pack_start(self.hint, True, True, 0)
        row.pack_start(buttons, False, False, 0)
        for widget in (self.scrolled, self.hint):
            widget.show_all()
            widget.set_no_show_all(True)
        self._update_grid()
        return row

    def refresh(self) -> None:
        """Show the styles that there are now, and the chosen one."""
        self._shown = None
        self._update_grid()
        self.show_style()

    def _update_grid(self) -> None:
        self.styles.refresh()
        has_styles = bool(self.styles.get_children())
        self.scrolled.set_visible(has_styles)
        self.hint.set_visible(not has_styles)
        self.more.set_popup(self.menus.menu())

    def _styles_changed(self, old: str, new: str) -> None:
        """Update after a change: the style at ``old`` is now at ``new``, or was removed."""
        current = self.config.get_property("style-file")
        chosen = current.get_path() if current is not None else ""
        self._shown = None
        if old and new:
            rename_style(self.config, old, new)
        if old and chosen == old:
            self._latest = (None, None)
            self.config.set_property("style-file", Gio.File.new_for_path(new) if new else None)
        self._update_grid()
        self.show_style()

    def _kept(self, path: str) -> None:
        """Use the kept style instead of the picture that it was made from."""
        if path:
            self.take_file(Gio.File.new_for_path(path))

    def ask_for_file(self) -> None:
        """Open the file chooser, with a preview."""
        current = self.config.get_property("style-file")
        path = current.get_path() if current is not None else ""
        chosen = style_picker.ask_for_file(self.get_toplevel(), path or "")
        if chosen is not None:
            self.take_file(chosen)

    def take_file(self, file) -> None:
        """Use a file as the style."""
        self.config.set_property("style-layer", None)
        self.config.set_property("style-file", file)

    def take_kept(self, path: str) -> None:
        """Use a kept or recent style, with the settings that are kept with it."""
        for name, value in kept_styles.read_settings(path).items():
            self.config.set_property(name, value)
        self.take_file(Gio.File.new_for_path(path))

    def _layer_chosen(self, chooser, _property) -> None:
        layer = chooser.get_property("drawable")
        if layer is not None and layer != self.config.get_property("style-layer"):
            self.config.set_property("style-file", None)
            self.config.set_property("style-layer", layer)

    def _dropped(self, data) -> None:
        uris = data.get_uris()
        if uris:
            self.take_file(Gio.File.new_for_uri(uris[0]))

    def _changed(self) -> None:
        """Show the chosen style, and bring it back if all arguments were set to their defaults."""
        self.show_style()
        chosen = self.config.get_property("style-file"), self.config.get_property("style-layer")
        if chosen != (None, None):
            self._latest = chosen
        elif self._latest != (None, None):
            GLib.idle_add(self._bring_back)

    def _bring_back(self) -> bool:
        """Choose the latest style again, unless another has been chosen meanwhile or it is gone."""
        file, layer = self._latest
        chosen = self.config.get_property("style-file"), self.config.get_property("style-layer")
        if chosen == (None, None):
            if layer is not None and layer.is_valid():
                self.config.set_property("style-layer", layer)
            elif file is not None and file.query_exists(None):
                self.config.set_property("style-file", file)
        return False

    def show_style(self) -> None:
        """Show the chosen style, or the reason that it cannot be shown."""
        file, layer = self.config.get_property("style-file"), self.config.get_property("style-layer")
        chosen = layer.get_id() if layer is not None else (file.get_uri() if file is not None else None)
        if self._shown is not None and chosen == self._shown:
            return
        self._shown = chosen
        self.keep.set_sensitive(chosen is not None)
        pixels = self.get_scale_factor()
        try:
            if layer is not None and layer.is_valid():
                picture = previews.of_layer(layer, previews.full_box(layer), SIDE * pixels)
                name, width, height = layer.get_name(), layer.get_width(), layer.get_height()
            elif file is not None:
                picture, width, height = previews.of_file(file, SIDE * pixels)
                name = kept_styles.display_name(file.get_path() or file.get_basename())
            else:
                self.picture.set_from_icon_name("insert-image-symbolic", Gtk.IconSize.DIALOG)
                self.caption.set_text(_("Choose a painting"))
                return
        except UserError as error:
            self.picture.set_from_icon_name("dialog-warning-symbolic", Gtk.IconSize.DIALOG)
            self.caption.set_text(error.message)
            self.caption.set_tooltip_text(str(error))
            return
        widgets.put(self.picture, picture, pixels)
        self.caption.set_text(_("{name}, {width} × {height}").format(name=name, width=width, height=height))
        self.caption.set_tooltip_text(file.get_path() if file is not None else "")
