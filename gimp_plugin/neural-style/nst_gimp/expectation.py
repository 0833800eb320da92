"""What the engine expects of the run that the dialog describes: on which device, how long.

Asked for in the background, again whenever a setting changes; the dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp import arguments
from nst_gimp.engine import Engine
from nst_gimp.job import Job, Pixels
from nst_gimp.messages import UserError
from nst_gimp.words import _, duration

QUIET_MILLISECONDS = 700
LOOK_MILLISECONDS = 100
STYLE_SIDE = 512
"""Nobody has read the style yet; its size hardly matters to the plan, which is about the content."""


class Expectation:
    """Calls ``show(text)`` with a sentence whenever there is a new one."""

    def __init__(self, subject, config, show) -> None:
        self.subject, self.config, self.show = subject, config, show
        self.engine = self.job = None
        self.device = ""
        self._timers = []
        self._handler = config.connect("notify", lambda *_args: self.ask_soon())
        self.ask_soon(1)

    def ask_soon(self, milliseconds: int = QUIET_MILLISECONDS) -> None:
        """Ask once nothing has changed for a moment."""
        self._forget()
        self._timers = [GLib.timeout_add(milliseconds, self._ask)]

    def stop(self) -> None:
        """Ask no more and let go of what was asked."""
        self.config.disconnect(self._handler)
        self._forget()

    def _forget(self) -> None:
        for timer in self._timers:
            GLib.source_remove(timer)
        self._timers = []
        if self.engine is not None:
            self.engine.close(0.5)
            self.job.__exit__()
            self.engine = self.job = None

    def _ask(self) -> bool:
        self._timers = []
        try:
            settings = arguments.read(self.config)
            settings.pop("style-crop", None)
            self.job = Job()
            try:
                self.engine = Engine(self.job.folder)
            except UserError:
                self.job.__exit__()
                raise
        except UserError as error:
            self.show(error.message)
            return False
        _x, _y, width, height = self.subject.box
        content = self._blank("content.f32", width, height)
        style = self._blank("style.f32", STYLE_SIDE, STYLE_SIDE)
        request = self.job.request(content, style, "style", settings, False)
        del request["result"]
        self.engine.send(dict(request, command="plan"))
        self._timers = [GLib.timeout_add(LOOK_MILLISECONDS, self._look)]
        return False

    def _blank(self, name: str, width: int, height: int) -> Pixels:
        """Return black pixels that take no room on the disk: a plan depends on sizes alone."""
        pixels = Pixels(self.job.path(name), width, height, 3)
        with open(pixels.path, "wb") as file:
            file.truncate(width * height * 3 * 4)
        return pixels

    def _look(self) -> bool:
        try:
            while True:
                event = self.engine.next_event(0)
                if event is None:
                    return True
                if event["event"] in ("hello", "plan"):
                    self.device = str(event.get("device") or self.device)
                    self._say(event.get("seconds"))
                if event["event"] == "done":
                    break
        except UserError as error:
            self.show(error.message)
        self._timers = []
        self._forget()
        return False

    def _say(self, seconds) -> None:
        if isinstance(seconds, (int, float)):
            self.show(_("On {device}, about {time}").format(device=self.device, time=duration(seconds)))
        elif self.device:
            self.show(_("On {device}").format(device=self.device))
