"""The dialog: a trial, the style and how it looks, further styles and regions, the rest, what to expect.

GIMP's own ProcedureDialog keeps the last values, one set of saved settings and the Reset button. Everything
is in pages that can be scrolled, so that the dialog fits on a small screen.
"""

from __future__ import annotations

import os

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GimpUi, Gio, Gtk  # noqa: E402

from nst_gimp.image import style  # noqa: E402
from nst_gimp.process.warm_engine import WarmEngine  # noqa: E402
from nst_gimp.settings.settings_table import SETTINGS  # noqa: E402
from nst_gimp.text import help_pages  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import look_page, widgets  # noqa: E402
from nst_gimp.ui.plan_line import Expectation  # noqa: E402
from nst_gimp.ui.several_page import SeveralPage  # noqa: E402
from nst_gimp.ui.trial_view import TrialView  # noqa: E402

PAIRS = (
    *("seed", "init"),
    *("loss", "style-loss"),
    *("alpha", "beta"),
    *("content-layers", "style-layers"),
    *("guides", "color-match"),
    *("fine-layers", "style-crop"),
    *("pooling", "padding"),
    *("tv", "tv-beta"),
    *("alpha-norm", "alpha-norm-exponent"),
    *("optimizer", "iterations"),
    *("coarsest", "model"),
    *("engine", "device"),
    *("max-memory", "max-device-memory"),
)
"""What stands side by side behind "Advanced"; settings that are not named here follow."""


class StyleDialog:
    """One dialog for as many tries as the user makes."""

    def __init__(self, procedure, config, subject) -> None:
        self.config, self.subject = config, subject
        self.warm_engine = WarmEngine()
        self.window = GimpUi.ProcedureDialog.new(procedure, config, _("Neural Style"))
        self.window.set_ok_label(_("_Paint"))
        self.expected = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=34)
        self.expected.get_style_context().add_class("dim-label")
        self.expected.set_text(_("Asking the engine…"))
        self.trouble = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=60, selectable=True)
        self.bar = Gtk.InfoBar(message_type=Gtk.MessageType.ERROR, no_show_all=True)
        self.bar.get_content_area().pack_start(self.trouble, True, True, 0)
        self.trouble.show()
        self.trial = TrialView(self.warm_engine, subject, config)
        body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, border_width=12)
        left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12)
        left.pack_start(self.trial, False, False, 0)
        left.pack_end(self.expected, False, False, 0)
        upper = Gtk.Box(spacing=18)
        upper.pack_start(left, False, False, 0)
        upper.pack_start(self._pages(), True, True, 0)
        body.pack_start(self.bar, False, False, 0)
        body.pack_start(upper, True, True, 0)
        area = self.window.get_content_area()
        area.pack_start(body, True, True, 0)
        area.reorder_child(body, 0)
        body.show_all()
        self._own_help()
        for name in ("style-file", "style-layer", "region-masks", "outside"):
            config.connect(f"notify::{name}", lambda *_args: self._ready())
        self._ready()

    def _pages(self) -> Gtk.Widget:
        self.several = SeveralPage(self.config, self.subject)
        pages = Gtk.Notebook()
        for words, page in (
            (_("St_yle"), look_page.LookPage(self.config, self.subject, self.tell)),
            (_("Se_veral styles, regions"), self.several),
            (_("_Advanced"), self._advanced()),
        ):
            page.set_border_width(10)
            pages.append_page(page, Gtk.Label(label=words, use_underline=True, margin=4))
        pages.connect("switch-page", lambda _pages, page, _number: page is self.several and page.refresh())
        return pages

    def _advanced(self) -> Gtk.Widget:
        rest = [setting.name for setting in SETTINGS if setting.name not in look_page.SETTINGS]
        names = [name for name in PAIRS if name in rest] + [name for name in rest if name not in PAIRS]
        scrolled = Gtk.ScrolledWindow(propagate_natural_width=True)
        scrolled.add(widgets.table(self.config, names))
        return scrolled

    def _own_help(self) -> None:
        """Let Help open this plug-in's pages: GIMP's help browser knows nothing of them."""
        stock = self.window.get_widget_for_response(Gtk.ResponseType.HELP)
        if stock is None:
            return
        area = stock.get_parent()
        button = Gtk.Button.new_with_mnemonic(_("_Help"))
        button.connect("clicked", lambda _button: self._open_help())
        area.pack_start(button, False, False, 0)
        area.set_child_secondary(button, True)
        area.reorder_child(button, 0)
        stock.set_no_show_all(True)
        stock.hide()
        button.show()
        self.window.connect("key-press-event", self._help_key)

    def _help_key(self, _window, event) -> bool:
        if event.keyval == Gdk.KEY_F1:
            self._open_help()
            return True
        return False

    def _open_help(self) -> None:
        try:
            help_pages.open_page()
        except UserError as error:
            self.tell(str(error))

    def _ready(self) -> None:
        given = any(self.config.get_property(name) is not None for name in ("style-file", "style-layer"))
        chosen = given or bool(self.config.get_property("region-masks"))
        self.window.set_response_sensitive(Gtk.ResponseType.OK, chosen)
        self.trial.set_ready(chosen)

    def tell(self, sentence: str) -> None:
        """Show what went wrong with the last try; "" shows nothing."""
        self.trouble.set_text(sentence)
        self.bar.set_visible(bool(sentence))
        if sentence:
            self._grow()

    def _grow(self) -> None:
        """Be as high as what is shown, as far as the screen is; or else the first page would be scrolled."""
        room = Gdk.Display.get_default().get_monitor(0).get_workarea()
        width, height = self.window.get_size()
        _least, wanted = self.window.get_preferred_height_for_width(width)
        self.window.resize(width, max(height, min(wanted, room.height)))

    def ask(self) -> bool:
        """Show the dialog until it is answered; return whether to paint."""
        show = self.expected.set_text
        expectation = Expectation(self.warm_engine, lambda: self.trial.subject, self.config, show)
        self.trial.when_begun = expectation.ask_soon
        try:
            return bool(self.window.run())
        finally:
            self.trial.stop()
            expectation.stop()
            self.warm_engine.close()  # the run needs the memory
            self.window.hide()
            while Gtk.events_pending():
                Gtk.main_iteration()

    def close(self) -> None:
        """Take the dialog away for good."""
        self.window.destroy()


def reset_missing_style(config) -> None:
    """Keep what is left of the last run from standing in the way.

    A style file that is gone is forgotten; a layer, named by the caller or of the last run in this session,
    goes before the last run's file.
    """
    file, layer = config.get_property("style-file"), config.get_property("style-layer")
    if file is None and layer is None:
        layer = style.last_layer(config)
        config.set_property("style-layer", layer)
    path = file.get_path() if isinstance(file, Gio.File) else None
    if layer is not None or (path and not os.path.exists(path)):
        config.set_property("style-file", None)
