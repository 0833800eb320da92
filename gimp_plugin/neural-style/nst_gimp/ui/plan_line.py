"""A line with the plan of the run: device, time, memory, tiles; and the plans of the other choices of time.

The engine is asked in the background, again whenever a setting changes. The dialog never waits for it.
"""

from __future__ import annotations

from gi.repository import GLib

from nst_gimp.image import masks
from nst_gimp.process.job_folder import PixelFile
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments, how_long
from nst_gimp.text import plan_words
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

SETTLE_MILLISECONDS = 500

PATIENCE_SECONDS = 8
"""After this the line says why an estimate takes long. On a quiet machine the first takes two to five."""

STYLE_SIDE = 512
"""Assumed size of a style, which has not been read yet. It hardly changes the plan."""


class PlanLine:
    """Calls ``show(text, plans)`` whenever a plan changes; ``subject()`` returns the subject to paint.

    ``plans`` has an entry for each choice of ``settings.how_long`` that was answered: the engine's event, or
    the error instead of it.
    """

    def __init__(self, warm_engine, subject, config, show) -> None:
        self.warm_engine, self.subject, self.config, self.show = warm_engine, subject, config, show
        self.device = ""
        self.plans: dict = {}
        self._current = how_long.CUSTOM
        self._boxes: dict = {}  # the masks' bounding boxes, by the item's ID and the subject's box
        self._asked: dict = {}  # the latest question for each choice
        self._handler = config.connect("notify", lambda *_args: self.ask_soon())
        self._timer = GLib.timeout_add(1, self._ask)
        self._patience = GLib.timeout_add_seconds(PATIENCE_SECONDS, self._explain_wait)

    def ask_soon(self) -> None:
        """Ask as soon as no setting has changed for a moment."""
        self._stop_timer()
        self._timer = GLib.timeout_add(SETTLE_MILLISECONDS, self._ask)

    def ask_again(self) -> None:
        """Ask for all plans again: the engine has changed."""
        self._asked.clear()
        self.plans.clear()
        self.ask_soon()

    def stop(self) -> None:
        """Stop asking, and drop a question that is waiting."""
        self.config.disconnect(self._handler)
        self._stop_timer()
        self._stop_patience()
        for choice in self._asked:
            self.warm_engine.cancel(self._kind(choice))

    @staticmethod
    def _kind(choice: str) -> str:
        return f"plan {choice}"

    def _explain_wait(self) -> bool:
        self._patience = 0
        text = _("Estimating the time. The computer is busy, perhaps with another painting: it takes longer.")
        self.show(text, self.plans)
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
            self._asked.clear()
            self.show(error.message, self.plans)
            return False
        size, inputs = self.subject().box[2:], self._inputs()
        side = max(size)
        self._current = how_long.choice_of(settings, side)
        questions = {self._current: settings}  # the first to be answered
        for choice in how_long.offered(side):
            questions.setdefault(choice, {**settings, **how_long.values(choice, side)})
        for choice, values in questions.items():
            self._ask_for(choice, (values, size, inputs))
        self._show()
        return False

    @property
    def seconds(self):
        """The seconds of the plan for the present settings, or None if they are unknown."""
        return plan_words.seconds_of(self.plans.get(self._current))

    def painted_side(self) -> int:
        """Return the long side, in pixels, of the planned painting, or 0 if it is unknown."""
        plan = self.plans.get(self._current)
        return max(plan_words.painted_size(plan), default=0) if isinstance(plan, dict) else 0

    def _ask_for(self, choice: str, question: tuple) -> None:
        if question == self._asked.get(choice):
            return
        self._asked[choice] = question

        def take(event: dict) -> None:
            if event["event"] == "plan":
                self._take(choice, event)

        def take_error(error: UserError) -> None:
            self._asked.pop(choice, None)
            self._take(choice, error)

        self.warm_engine.submit(
            self._kind(choice), lambda job_folder: self._request(job_folder, *question), take, take_error
        )

    def _take(self, choice: str, plan) -> None:
        self.plans[choice] = plan
        self._stop_patience()
        self._show()

    def _show(self) -> None:
        plan = self.plans.get(self._current)
        if isinstance(plan, UserError):
            self.show(str(plan), self.plans)
        elif plan is not None:
            self.device = str(plan.get("device") or self.device)
            self.show(self._sentences(plan), self.plans)

    def _sentences(self, plan: dict) -> str:
        size = self.subject().box[2:]
        is_soft, seconds = plan_words.is_soft(plan, size), plan_words.seconds_of(plan)
        advice = how_long.advice(self._current, seconds, is_soft=is_soft)
        return f"{plan_words.describe_plan(plan, self.device, size)}\n{advice}".strip()

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
