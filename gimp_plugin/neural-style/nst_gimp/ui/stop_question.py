"""The question before a long painting is stopped: keep the result, throw it away, or go on painting.

It is open while the painting goes on, and closes with the painting window.
"""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.text.words import _, format_estimate  # noqa: E402

ASK_AFTER_SECONDS = 60.0
"""A shorter painting is thrown away without a question."""

KEEP, THROW_AWAY, GO_ON = 1, 2, 3


class StopQuestion:
    """Opens the question; calls ``answer(KEEP | THROW_AWAY | GO_ON)`` once, unless ``parent`` closes first.

    ``seconds`` is the time that has gone into the painting. :attr:`keep` is the button for the result.
    """

    def __init__(self, parent, seconds: float, answer) -> None:
        self.window = Gtk.MessageDialog(
            transient_for=parent,
            modal=True,
            destroy_with_parent=True,
            message_type=Gtk.MessageType.QUESTION,
            title=_("Stop Painting"),
            text=_("Keep what has been painted so far?"),
            secondary_text=_("It has taken {time} so far and is not finished.").format(
                time=format_estimate(seconds)
            ),
        )
        self.window.add_button(_("_Throw It Away"), THROW_AWAY)
        self.window.add_button(_("_Go On Painting"), GO_ON)
        self.keep = self.window.add_button(_("_Keep This Result"), KEEP)
        self.window.set_default_response(GO_ON)  # nothing is lost by a key
        self.window.connect("response", self._answered, answer)
        self.window.show_all()

    def _answered(self, window, response: int, answer) -> None:
        window.destroy()
        answer(response if response in (KEEP, THROW_AWAY) else GO_ON)
