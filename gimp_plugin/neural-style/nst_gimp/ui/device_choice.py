"""A menu of the devices that can compute: automatic, each graphics card by its name, the processor.

The engine knows the cards. Until it has answered, and if it is too old to know the question, the menu has
what needs no answer, and the device that is set.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
gi.require_version("Pango", "1.0")
from gi.repository import Gtk, Pango  # noqa: E402

from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.settings.contract import PROTOCOL  # noqa: E402
from nst_gimp.text import device_words  # noqa: E402
from nst_gimp.ui import widgets  # noqa: E402

NAME = "device"
KIND = "devices"
"""The kind of the question among those of the warm engine."""

WIDTH = 16
"""Characters of a name that are shown while the menu is closed."""


class DeviceChoice(Gtk.ComboBoxText):
    """The menu, bound to the setting ``device``."""

    def __init__(self, config) -> None:
        super().__init__(hexpand=True)
        self.config, self._cards, self._entries = config, [], []
        self._is_asked = self._is_filling = False
        for cell in self.get_cells():  # a long name must not widen the dialog
            cell.set_property("ellipsize", Pango.EllipsizeMode.END)
            cell.set_property("width-chars", WIDTH)
        self.set_tooltip_text(widgets.tip(arguments.BY_NAME[NAME]))
        self.connect("changed", lambda _menu: self._store())
        config.connect(f"notify::{NAME}", lambda *_args: self._fill())
        self._fill()

    def ask(self, warm_engine) -> None:
        """Ask the engine for the cards, once; again if it ended instead of answering."""
        if self._is_asked:
            return
        self._is_asked = True
        request = {"protocol": PROTOCOL, "command": "devices"}
        warm_engine.submit(KIND, lambda _job_folder: request, self._take, self._take_error)

    def _take(self, event: dict) -> None:
        if event["event"] == "devices":
            self._cards = device_words.read_cards(event)
            self._fill()

    def _take_error(self, error) -> None:
        self._is_asked = error.engine_is_alive

    def _fill(self) -> None:
        """Offer what is known now, with the device that is set among it."""
        chosen = self.config.get_property(NAME) or device_words.AUTOMATIC
        entries = device_words.choices(self._cards, chosen)
        self._is_filling = True
        if entries != self._entries:  # a menu that is filled again loses the focus
            self._entries = entries
            self.remove_all()
            for device, label in entries:
                self.append(device, label)
        self.set_active_id(device_words.canonical(chosen, self._cards))
        self._is_filling = False

    def _store(self) -> None:
        device = self.get_active_id()
        if device is not None and not self._is_filling:
            self.config.set_property(NAME, device)
