"""What the engine expects of the run that the dialog describes: where, how long, how much memory, how done.

Asked for in the background, again whenever a setting changes; the dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp import arguments, recipe
from nst_gimp.job import Pixels
from nst_gimp.messages import UserError
from nst_gimp.words import _, amount, roughly

QUIET_MILLISECONDS = 500
LONG_SECONDS = 20 * 60
"""From here on it is worth saying what makes a painting take less."""

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
        question = (settings, self._ingredients())
        if question != self._asked:
            self._asked = question
            self.companion.ask("plan", lambda job: self._request(job, *question), self._take, self._failed)
        return False

    def _ingredients(self) -> tuple:
        """Return (styles for all, styles of each region, whether strokes are another's): what counts."""
        try:
            wanted = recipe.resolve(self.config, self.subject.image)
        except UserError:  # nothing is chosen yet, or a region has no style
            return 1, (), False
        return len(wanted.styles), tuple(len(each.styles) for each in wanted.regions), wanted.fine is not None

    def _request(self, job, settings: dict, ingredients: tuple) -> dict:
        _x, _y, width, height = self.subject.box
        content = Pixels(job.path("planned.f32"), width, height, 3)  # never written: sizes are enough
        mask = Pixels(job.path("planned-mask.f32"), width, height, 1)._asdict()
        style = Pixels(job.path("planned-style.f32"), STYLE_SIDE, STYLE_SIDE, 3)._asdict()
        whole, regions, fine = ingredients
        if fine:
            style = dict(style, fine=style)
        fields = {"styles": [style] * whole}
        if regions:
            fields["regions"] = [{"mask": mask, "styles": [style] * count, "name": ""} for count in regions]
        return job.request(content, fields, settings, command="plan")

    def _take(self, event: dict) -> None:
        if event["event"] == "plan":
            self.device = str(event.get("device") or self.device)
            self.show("\n".join(filter(None, (self._sentence(event), how(event), self._advice(event)))))

    def _failed(self, error: UserError) -> None:
        self._asked = None
        self.show(str(error))

    def _advice(self, event: dict) -> str:
        seconds = event.get("seconds")
        limited = self.config.get_property("time-limit") > 0
        long = _is_number(seconds) and seconds > LONG_SECONDS
        return _("A time limit makes it shorter.") if long and not limited else ""

    def _sentence(self, event: dict) -> str:
        seconds, size, device_size = (event.get(name) for name in ("seconds", "bytes", "device_bytes"))
        where = _("On {device}").format(device=self.device or "?")
        parts = [_("about {time}").format(time=roughly(seconds))] if _is_number(seconds) else []
        if _is_number(size) and size > 0:
            parts.append(_("{amount} of memory").format(amount=amount(size)))
        if _is_number(device_size) and device_size > 0:
            parts.append(_("{amount} of the device’s").format(amount=amount(device_size)))
        if not _is_number(seconds):
            parts.append(_("how long it takes is known after the first painting"))
        return where + ": " + ", ".join(parts) + "."


def how(plan: dict) -> str:
    """Say what is particular about a large painting: that it is carried up, that it is painted in tiles."""
    levels = plan.get("levels") or []
    if not levels:
        return ""
    last, size = levels[-1], (plan.get("width") or 0, plan.get("height") or 0)
    own = (last.get("width"), last.get("height"))
    said = []
    if all(size) and size != own:
        said.append(
            _("Painted at {own} pixels and carried up to {full}.").format(own=across(own), full=across(size))
        )
    if (last.get("tiles") or 1) > 1:
        said.append(_("Painted in {count} tiles, to fit into memory.").format(count=last["tiles"]))
    return "\n".join(said)


def across(size) -> str:
    """Say a size: "6000 × 4000"."""
    return " × ".join(str(side) for side in size)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
