"""A small trial of the run that the dialog describes: the coarse level of it, 256 pixels, in a few seconds.

The real run begins at the same size with the same strokes, so that the trial looks as that will. Where the
machine is slow it is cut off after a while, with the best that is there. Knows nothing of widgets.
"""

from __future__ import annotations

import time
from pathlib import Path

from nst_gimp.image import layers, previews
from nst_gimp.run.inputs import InputReader
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text.messages import UserError

SIDE = 256
PREVIEW_SECONDS = 0.3
ENOUGH_SECONDS, ENOUGH_EVALUATIONS, MOST_SECONDS = 15, 40, 45
"""When a trial is cut off: after the first two, or the last. The painting starts with noise, which takes some
evaluations to go. Loading the network does not count."""

KIND = "trial"


class Trial:
    """One trial at a time, of the subject as it is when the trial begins.

    ``watcher`` has ``begins(subject)``, ``working(fraction)``, ``shows(picture)``, ``ended(error)``.
    """

    def __init__(self, warm_engine, subject, config, watcher) -> None:
        self.warm_engine, self.subject, self.config, self.watcher = warm_engine, subject, config, watcher
        self._kept, self._kept_in = {}, None
        self._began = self._content = None

    def start(self) -> None:
        """Begin, in the background."""
        self._began = None
        self.warm_engine.submit(KIND, self._request, self._take, self._failed)

    def finish(self) -> None:
        """Have it end soon with what is there."""
        self.warm_engine.stop_early(KIND)

    def drop(self) -> None:
        """Throw it away."""
        self.warm_engine.cancel(KIND)

    def _request(self, job_folder) -> dict:
        # The selection may be another one since the dialog was opened, as it may be when it is answered.
        self.subject = layers.get_subject(self.subject.image, [self.subject.layer])
        self.watcher.begins(self.subject)
        settings = arguments.read(self.config)
        run_request = RunRequest.from_config(self.config, self.subject.image)
        side = min(SIDE, settings["size"] or SIDE)
        scale = min(1.0, side / max(self.subject.box[2:]))
        settings["size"] = side
        if self._kept_in != job_folder.directory:
            self._kept, self._kept_in = {}, job_folder.directory
        reader = InputReader(self.subject, settings, job_folder, scale, self._kept)
        self._content = layers.read(self.subject, job_folder.path("content.f32"), scale=scale)
        return job_folder.build_request(
            self._content, reader.read(run_request), settings, (SIDE, PREVIEW_SECONDS)
        )

    def _take(self, event: dict) -> None:
        kind = event["event"]
        like = self.subject.format
        if kind == "progress":
            self._cut_off(int(event.get("iteration") or 0))
            self.watcher.working(float(event.get("fraction") or 0.0))
        elif kind == "preview":
            data = self.warm_engine.job_folder.read_preview(event)
            if data is not None:
                self.watcher.shows(previews.of_raw(data, event["width"], event["height"], 3, "u8", like))
        elif kind == "done":
            try:
                path = self.warm_engine.job_folder.check_result(self._content, event)
                _path, *shape = self._content
                self.watcher.shows(previews.of_raw(Path(path).read_bytes(), *shape, "float", like))
            except UserError as error:
                self.watcher.ended(error)
            else:
                self.watcher.ended(None)

    def _failed(self, error: UserError) -> None:
        self.watcher.ended(error)

    def _cut_off(self, evaluations: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        seconds = now - self._began
        enough = seconds > ENOUGH_SECONDS and evaluations >= ENOUGH_EVALUATIONS
        if enough or seconds > MOST_SECONDS:
            self.finish()
