"""What the engine expects of the run that the dialog describes: on which device, how long, how much memory.

Asked for in the background, again whenever a setting changes; the dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp import arguments
from nst_gimp.job import Pixels
from nst_gimp.messages import UserError
from nst_gimp.words import _, amount, roughly

QUIET_MILLISECONDS = 500
STYLE_SIDE = 512
"""Nobody has read the style yet; its size hardly matters to the plan, which is about the content."""


class Expectation:
    """Calls ``show(text)`` with a sentence whenever there is a new one."""

    def __init__(self, companion, subject, config, show) -> None:
        self.companion, self.subject, self.config, self.show = companion, subject, config, show
        self.device = ""
        self._asked = None
        self._handler = config.connect("notify", lambda *_args: self.ask_soon())
        self._timer = GLib.timeout_add(1, self._ask)

    def ask_soon(self) -> None:
        """Ask once nothing has changed for a moment."""
        self._quiet()
        self._timer = GLib.timeout_add(QUIET_MILLISECONDS, self._ask)

    def stop(self) -> None:
        """Ask no more and let go of what was asked."""
        self.config.disconnect(self._handler)
        self._quiet()
        self.companion.drop("plan")

    def _quiet(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _ask(self) -> bool:
        self._timer = 0
        try:
            settings = arguments.read(self.config)
        except UserError as error:
            self._asked = None
            self.show(error.message)
            return False
        if settings != self._asked:  # a style or a mask that changes is not planned for
            self._asked = settings
            self.companion.ask("plan", lambda job: self._request(job, settings), self._take, self._failed)
        return False

    def _request(self, job, settings: dict) -> dict:
        _x, _y, width, height = self.subject.box
        content = Pixels(job.path("planned.f32"), width, height, 3)  # never written: sizes are enough
        style = Pixels(job.path("planned-style.f32"), STYLE_SIDE, STYLE_SIDE, 3)
        return job.request(content, {"styles": [style._asdict()]}, settings, command="plan")

    def _take(self, event: dict) -> None:
        if event["event"] == "plan":
            self.device = str(event.get("device") or self.device)
            self.show(self._sentence(*(event.get(name) for name in ("seconds", "bytes", "device_bytes"))))

    def _failed(self, error: UserError) -> None:
        self._asked = None
        self.show(str(error))

    def _sentence(self, seconds, size, device_size) -> str:
        where = _("On {device}").format(device=self.device or "?")
        parts = [_("about {time}").format(time=roughly(seconds))] if _is_number(seconds) else []
        if _is_number(size) and size > 0:
            parts.append(_("{amount} of memory").format(amount=amount(size)))
        if _is_number(device_size) and device_size > 0:
            parts.append(_("{amount} of the device’s").format(amount=amount(device_size)))
        if not _is_number(seconds):
            parts.append(_("how long it takes is known after the first painting"))
        return where + ": " + ", ".join(parts)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
