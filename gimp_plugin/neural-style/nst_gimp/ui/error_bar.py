"""The bar of a dialog that says why the last run failed, and the loop that runs until one succeeds."""

from __future__ import annotations

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.text.messages import Cancelled, Dropped, UserError, to_user_error  # noqa: E402
from nst_gimp.ui import engine_help  # noqa: E402


class ErrorBar(Gtk.InfoBar):
    """The bar, hidden as long as there is no error; ``on_shown()`` is called when there is one.

    ``help`` is the dialog's :class:`nst_gimp.ui.engine_help.EngineHelp`, which shows what it can help with.
    """

    def __init__(self, help, on_shown=lambda: None) -> None:  # noqa: A002
        super().__init__(message_type=Gtk.MessageType.ERROR, no_show_all=True)
        self.help, self.on_shown = help, on_shown
        self.sentence = Gtk.Label(xalign=0.0, wrap=True, max_width_chars=60, selectable=True)
        self.get_content_area().pack_start(self.sentence, True, True, 0)
        self.sentence.show()

    def show_failure(self, error: UserError) -> None:
        """Show why the last run failed, with the buttons that help if the engine is not usable."""
        if engine_help.is_unusable(error):
            self.help.show_problem(error)
        else:
            self.show_error(str(error))

    def show_error(self, sentence: str) -> None:
        """Show a sentence; "" hides the bar."""
        self.sentence.set_text(sentence)
        self.set_visible(bool(sentence))
        if sentence:
            self.on_shown()


def paint_until_done(dialog, paint):
    """Show ``dialog`` and call ``paint()``, again after each failure; return what it returned.

    Returns None if the user cancelled the dialog.

    Raises:
        Dropped: the painting was dropped from the queue.
    """
    while dialog.ask():
        try:
            return paint()
        except Dropped:
            raise
        except Cancelled:
            dialog.bar.show_error("")
        except Exception as error:
            dialog.bar.show_failure(to_user_error(error))
    return None
