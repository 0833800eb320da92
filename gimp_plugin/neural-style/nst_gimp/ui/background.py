"""A painting whose window is closed: GIMP's status bar shows it, until the window is opened again."""

from __future__ import annotations

from nst_gimp.run.progress import StatusBar


class Background:
    """Closes and opens ``window``. ``title`` says in the status bar what goes on."""

    def __init__(self, window, title: str) -> None:
        self.window, self.title = window, title
        self._bar = None

    def begin(self) -> None:
        """Close the window; the painting goes on."""
        if self._bar is None:
            self.window.hide()
            self._bar = StatusBar(self.title)

    def end(self) -> None:
        """Open the window, or bring it to the front."""
        self.close()
        self.window.present()

    def wait(self, ahead: list) -> None:
        """Show what the painting waits for."""
        if self._bar is not None:
            self._bar.wait(ahead)

    def take(self, event: dict) -> None:
        """Show an event of the engine."""
        if self._bar is not None:
            self._bar.take(event)

    def close(self) -> None:
        """Remove the progress from the status bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
