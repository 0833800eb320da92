"""The first choice in the dialog: how long to paint, with the time and the size that each choice means.

It sets the settings that the page "Advanced" shows in detail (see ``settings/how_long``), and follows them.
Until the user has chosen, it chooses the longest that takes about five minutes, once the plans are known.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.settings import how_long  # noqa: E402
from nst_gimp.text import plan_words  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402


class TimeChoice(Gtk.Grid):
    """Radio buttons for the choices, for a picture whose long side is ``photo_side`` pixels."""

    def __init__(self, config, photo_side: int) -> None:
        super().__init__(column_spacing=12, row_spacing=0)
        self.config, self.photo_side = config, photo_side
        self._is_own_change = False
        self._chosen_automatically = ""
        self._idle = 0
        self._radios, self._details = {}, {}
        self._add_rows()
        how_long.adapt(config, photo_side)
        if config.get_property(how_long.NAME) == how_long.AUTOMATIC:
            self._choose(how_long.GOOD, automatic=True)
        for name in (how_long.NAME, *how_long.DEFAULTS):
            config.connect(f"notify::{name}", lambda *_args: self._settle_soon())
        self.connect("destroy", lambda _grid: self._idle and GLib.source_remove(self._idle))
        self._settle()

    def _add_rows(self) -> None:
        title = Gtk.Label(label=_("How long"), xalign=0.0, yalign=0.0, margin_top=4)
        self.attach(title, 0, 0, 1, 1)
        names = {
            how_long.QUICK: (_("_Quick"), _("To see whether style and settings suit the photo")),
            how_long.GOOD: (
                _("Goo_d"),
                _("A finished picture; of a large photo, as much as five minutes allow"),
            ),
            how_long.FULL: (_("F_ull"), _("Every pixel of the photo is painted")),
            how_long.CUSTOM: (
                _("Custo_m"),
                _("Quality, size, time limit and finish as on the page “Advanced”"),
            ),
        }
        group = None
        for row, choice in enumerate((*how_long.offered(self.photo_side), how_long.CUSTOM)):
            label, tip = names[choice]
            radio = Gtk.RadioButton.new_with_mnemonic_from_widget(group, label)
            radio.set_tooltip_text(tip)
            radio.connect("clicked", self._clicked, choice)  # also on the active one
            detail = Gtk.Label(xalign=0.0, ellipsize=3, hexpand=True)
            detail.get_style_context().add_class("dim-label")
            self.attach(radio, 1, row, 1, 1)
            self.attach(detail, 2, row, 1, 1)
            self._radios[choice], self._details[choice] = radio, detail
            group = group or radio
            self._describe(choice, None)

    def show_plans(self, plans: dict) -> None:
        """Show the plans, by choice: the engine's event, or the error instead of one."""
        for choice in self._radios:
            self._describe(choice, plans.get(choice))
        offered = how_long.offered(self.photo_side)
        if self._value() == how_long.AUTOMATIC and all(choice in plans for choice in offered):
            seconds = {choice: plan_words.seconds_of(plans[choice]) for choice in offered}
            known = {choice: value for choice, value in seconds.items() if value is not None}
            if known:
                self._choose(how_long.longest_within(known), automatic=True)

    def _describe(self, choice: str, plan) -> None:
        if choice != how_long.CUSTOM:
            values = how_long.values(choice, self.photo_side)
            side = None if values["time-limit"] else values["size"]  # the plan knows what the limit allows
            text = plan_words.describe_choice(plan, side, self.photo_side)
        elif self._radios[choice].get_active():
            text = plan_words.describe_choice(plan, None, self.photo_side)
        else:
            text = _("as set on the page “Advanced”")
        self._details[choice].set_text(text)
        self._details[choice].set_tooltip_text(text)  # a narrow screen shortens it

    def _clicked(self, radio, choice: str) -> None:
        if not radio.get_active() or self._is_own_change:
            return
        if choice == how_long.CUSTOM:
            self.config.set_property(how_long.NAME, choice)
        else:
            self._choose(choice)

    def _value(self) -> str:
        return self.config.get_property(how_long.NAME) or ""

    def _settings(self) -> dict:
        return {name: self.config.get_property(name) for name in how_long.DEFAULTS}

    def _choose(self, choice: str, automatic: bool = False) -> None:
        """Set what ``choice`` stands for."""
        self._chosen_automatically = choice if automatic else ""
        for name, value in how_long.values(choice, self.photo_side).items():
            if self.config.get_property(name) != value:
                self.config.set_property(name, value)
        self.config.set_property(how_long.NAME, how_long.AUTOMATIC if automatic else choice)

    def _settle_soon(self) -> None:
        """Follow the settings when all of them have changed: presets and Reset set one after the other."""
        if not self._idle:
            self._idle = GLib.idle_add(self._settle)

    def _settle(self) -> bool:
        self._idle = 0
        value, settings = self._value(), self._settings()
        current = how_long.choice_of(settings, self.photo_side)
        if not value and settings == how_long.DEFAULTS:
            self._choose(how_long.GOOD, automatic=True)
            current = how_long.GOOD
        elif value == how_long.CUSTOM:
            current = value
        elif current != (self._chosen_automatically if value == how_long.AUTOMATIC else value):
            self.config.set_property(how_long.NAME, current)
        self._is_own_change = True
        self._radios[current].set_active(True)
        self._is_own_change = False
        return False
