"""A line with the plan of the run: device, time, memory, tiles.

The engine is asked in the background, again whenever a setting changes. The dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp.image import masks
from nst_gimp.process.job_folder import PixelFile
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text import plan_words
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

SETTLE_MILLISECONDS = 500

PATIENCE_SECONDS = 8
"""After this the line says why an estimate takes long. On a quiet machine the first takes two to five."""

STYLE_SIDE = 512
"""Assumed size of a style, which has not been read yet. It hardly changes the plan."""


class PlanLine:
    """Calls ``show(text)`` whenever the plan changes; ``subject()`` returns the subject to paint."""

    def __init__(self, warm_engine, subject, config, show) -> None:
        self.warm_engine, self.subject, self.config, self.show = warm_engine, subject, config, show
        self.device = ""
        self._boxes: dict = {}  # the masks' bounding boxes, by the item's ID and the subject's box
        self._asked = None
        self._handler = config.connect("notify", lambda *_args: self.ask_soon())
        self._timer = GLib.timeout_add(1, self._ask)
        self._patience = GLib.timeout_add_seconds(PATIENCE_SECONDS, self._explain_wait)

    def ask_soon(self) -> None:
        """Ask as soon as no setting has changed for a moment."""
        self._stop_timer()
        self._timer = GLib.timeout_add(SETTLE_MILLISECONDS, self._ask)

    def stop(self) -> None:
        """Stop asking, and drop a question that is waiting."""
        self.config.disconnect(self._handler)
        self._stop_timer()
        self._stop_patience()
        self.warm_engine.cancel("plan")

    def _explain_wait(self) -> bool:
        self._patience = 0
        self.show(
            _("Estimating the time. The computer is busy, perhaps with another painting, so it takes longer.")
        )
        return False

    def _stop_patience(self) -> None:
        if self._patience:
            GLib.source_remove(self._patience)
            self._patience = 0

    def _stop_timer(self) -> None:
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
                "plan",
                lambda job_folder: self._request(job_folder, *question),
                self._show_plan,
                self._show_error,
            )
        return False

    def _inputs(self) -> tuple:
        """Return (number of styles, (styles, colours, box) of each region, whether a fine style is used)."""
        try:
            run_request = RunRequest.from_config(self.config, self.subject().image)
        except UserError:  # nothing is chosen yet, or a region has no style
            return 1, (), False
        keeps_outside = not run_request.styles  # only then does the covered area matter
        regions = tuple(
            (len(region.styles), region.colors, self._box(region.mask) if keeps_outside else None)
            for region in run_request.regions
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
        # These files are never written: a plan needs sizes only.
        content = PixelFile(job_folder.path("planned.f32"), width, height, 3)
        mask = PixelFile(job_folder.path("planned-mask.f32"), width, height, 1)._asdict()
        style = PixelFile(job_folder.path("planned-style.f32"), STYLE_SIDE, STYLE_SIDE, 3)._asdict()
        style_count, regions, fine = inputs
        if fine:
            style = dict(style, fine=style)
        fields = {"styles": [style] * style_count}
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

    def _show_plan(self, event: dict) -> None:
        self._stop_patience()
        if event["event"] == "plan":
            self.device = str(event.get("device") or self.device)
            limited = self.config.get_property("time-limit") > 0
            self.show(plan_words.describe_plan(event, self.device, limited=limited))

    def _show_error(self, error: UserError) -> None:
        self._stop_patience()
        self._asked = None
        self.show(str(error))
