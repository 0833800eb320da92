"""What the engine expects of the run that the dialog describes: where, how long, how much memory, how done.

Asked for in the background, again whenever a setting changes; the dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp.image import masks
from nst_gimp.process.job_folder import PixelFile
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text import plan_words
from nst_gimp.text.messages import UserError

QUIET_MILLISECONDS = 500

STYLE_SIDE = 512
"""Nobody has read the style yet; its size hardly matters to the plan, which is about the content."""


class Expectation:
    """Calls ``show(text)`` with a sentence whenever there is a new one; ``subject()`` is what is painted."""

    def __init__(self, warm_engine, subject, config, show) -> None:
        self.warm_engine, self.subject, self.config, self.show = warm_engine, subject, config, show
        self.device = ""
        self._boxes: dict = {}  # of masks, by the item's number and the subject's box
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
        self.warm_engine.cancel("plan")

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
        question = (settings, self.subject().box[2:], self._inputs())
        if question != self._asked:
            self._asked = question
            self.warm_engine.submit(
                "plan", lambda job_folder: self._request(job_folder, *question), self._take, self._failed
            )
        return False

    def _inputs(self) -> tuple:
        """Return (styles for all, (styles, colours, box) by region, whether strokes are another's)."""
        try:
            run_request = RunRequest.from_config(self.config, self.subject().image)
        except UserError:  # nothing is chosen yet, or a region has no style
            return 1, (), False
        kept = not run_request.styles  # only then does it matter how much of the picture they cover
        regions = tuple(
            (len(each.styles), each.colors, self._box(each.mask) if kept else None)
            for each in run_request.regions
        )
        return len(run_request.styles), regions, run_request.fine is not None

    def _box(self, mask):
        subject = self.subject()
        x, y, width, height = subject.box
        key = mask.get_id(), subject.box
        if key not in self._boxes:
            _ok, left, top = subject.layer.get_offsets()
            self._boxes[key] = masks.bounding_box(mask, (width, height), (left + x, top + y))
        return self._boxes[key]

    def _request(self, job_folder, settings: dict, size: tuple, inputs: tuple) -> dict:
        width, height = size
        content = PixelFile(
            job_folder.path("planned.f32"), width, height, 3
        )  # never written: sizes are enough
        mask = PixelFile(job_folder.path("planned-mask.f32"), width, height, 1)._asdict()
        style = PixelFile(job_folder.path("planned-style.f32"), STYLE_SIDE, STYLE_SIDE, 3)._asdict()
        whole, regions, fine = inputs
        if fine:
            style = dict(style, fine=style)
        fields = {"styles": [style] * whole}
        if regions:
            fields["regions"] = [
                {
                    "mask": {**mask, **({"covered": box} if box else {})},
                    "styles": [style] * count,
                    "name": "",
                    **({"keep_colors": colors} if colors else {}),
                }
                for count, colors, box in regions
            ]
        return job_folder.build_request(content, fields, settings, command="plan")

    def _take(self, event: dict) -> None:
        if event["event"] == "plan":
            self.device = str(event.get("device") or self.device)
            limited = self.config.get_property("time-limit") > 0
            self.show(plan_words.describe_plan(event, self.device, limited=limited))

    def _failed(self, error: UserError) -> None:
        self._asked = None
        self.show(str(error))
