"""The line with the plan of an animation: the time that all frames take, and the device.

It is the line of the other dialog with other requests: a plan of as many frames as there are.
"""

from __future__ import annotations

from nst_gimp.image.frames import subject_of
from nst_gimp.process.job_folder import PixelFile
from nst_gimp.run import animate
from nst_gimp.run.run_request import RunRequest
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _
from nst_gimp.ui.plan_line import STYLE_SIDE, PlanLine


class AnimationPlan(PlanLine):
    """Calls ``show(text, plans)`` whenever a plan changes; ``frames()`` returns the frames to paint."""

    def __init__(self, warm_engine, frames, config, show) -> None:
        self.frames = frames
        super().__init__(warm_engine, lambda: subject_of(frames()), config, show)

    def _sentences(self, plan: dict) -> str:
        text = super()._sentences(plan)
        count = len(self.frames().frames)
        return _("{count} frames together. The first takes longest.").format(count=count) + "\n" + text

    def _inputs(self) -> tuple:
        """Return (number of styles, whether a fine style is used, number of frames)."""
        count = len(self.frames().frames)
        try:
            styles = RunRequest.of_blend(self.config, self.frames().image)
        except UserError:  # nothing is chosen yet
            return 1, False, count
        return len(styles.styles), styles.fine is not None, count

    def _request(self, job_folder, settings: dict, size: tuple, inputs: tuple) -> dict:  # noqa: ARG002
        style_count, fine, _count = inputs
        # These files are never written: a plan needs sizes only.
        style = PixelFile(job_folder.path("planned-style.f32"), STYLE_SIDE, STYLE_SIDE, 3)._asdict()
        if fine:
            style = dict(style, fine=style)
        fields = {"styles": [style] * style_count}
        return animate.build_request(job_folder, self.frames(), fields, settings, command="plan")
