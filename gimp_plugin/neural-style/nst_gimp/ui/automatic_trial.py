"""Starts trials by themselves: when nothing has changed for a second, unless something speaks against it."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402

from nst_gimp.process import machine_state  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import preferences  # noqa: E402

REST_MILLISECONDS = 1000
"""A trial starts when nothing has changed for so long."""

RETRY_MILLISECONDS = 5000
"""Time between two looks at what speaks against it."""

PREFERENCE = "automatic-trial"


class AutomaticTrial:
    """Calls ``start()`` at the end of a rest if ``is_wanted()``; the box :attr:`check` turns that off."""

    def __init__(self, is_wanted, start) -> None:
        self.is_wanted, self.start = is_wanted, start
        self.is_queue_busy = False
        self._timer = 0
        self.check = Gtk.CheckButton(label=_("Try _when idle"), use_underline=True)
        self.check.set_active(preferences.read(PREFERENCE, True))
        self.check.connect("toggled", lambda _check: self._turn())
        self.check.connect("destroy", lambda _check: self.stop())
        self._explain("")

    def rest(self) -> None:
        """Something has changed: start when nothing else has changed for a moment."""
        self.stop()
        if self.check.get_active() and self.is_wanted():
            self._timer = GLib.timeout_add(REST_MILLISECONDS, self._try_to_start)

    def stop(self) -> None:
        """Start nothing until the next :meth:`rest`."""
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _turn(self) -> None:
        preferences.write(PREFERENCE, self.check.get_active())
        self.rest()

    def _try_to_start(self) -> bool:
        self._timer = 0
        if not self.is_wanted():
            return False
        reason = machine_state.reason_to_rest()
        if self.is_queue_busy:
            reason = _("A painting needs the computer.")
        self._explain(reason)
        if reason:
            self._timer = GLib.timeout_add(RETRY_MILLISECONDS, self._try_to_start)
        else:
            self.start()
        return False

    def _explain(self, reason: str) -> None:
        text = _("A trial starts by itself when nothing has changed for a second.")
        if reason:
            text += "\n" + _("It does not at the moment: {reason}").format(reason=reason)
        self.check.set_tooltip_text(text)
