"""The dialog's last page: all settings that are not on the first one, in two columns."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.settings import how_long  # noqa: E402
from nst_gimp.settings.settings_table import SETTINGS  # noqa: E402
from nst_gimp.ui import look_page, widgets  # noqa: E402
from nst_gimp.ui.device_choice import DeviceChoice  # noqa: E402

SIDE_BY_SIDE = (
    *("quality", "time-limit"),
    *("size", "finish"),
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
"""Pairs of settings in the two columns of the page "Advanced"; all other settings follow."""


class AdvancedPage(Gtk.ScrolledWindow):
    """The page, with scrollbars that are shown whenever a part of it is out of view."""

    def __init__(self, config, subject) -> None:
        super().__init__(propagate_natural_width=True, overlay_scrolling=False)
        self.config, self.subject = config, subject
        rest = [setting.name for setting in SETTINGS if setting.name not in look_page.SETTINGS]
        names = [name for name in SIDE_BY_SIDE if name in rest]
        names += [name for name in rest if name not in SIDE_BY_SIDE]
        self.device_choice = DeviceChoice(config)
        table, controls = widgets.table(config, names, {"device": self.device_choice})
        self._finish = controls["finish"]
        config.connect("notify::size", lambda *_args: self._update_finish())
        self._update_finish()
        self.add(table)

    def _update_finish(self) -> None:
        """Grey out the finish for small paintings, which it does not change."""
        side = self.config.get_property("size") or max(self.subject.box[2:])
        for widget in self._finish:
            widget.set_sensitive(side > how_long.UPSAMPLE_FROM)
