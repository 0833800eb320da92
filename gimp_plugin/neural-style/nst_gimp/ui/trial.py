"""A small trial of the run: its coarsest level, 256 pixels, in a few seconds.

The real run begins at the same size with the same strokes, so the trial shows what it will look like. On a
slow machine it stops after a while with the best picture so far. Independent of widgets.
"""

from __future__ import annotations

import time
from collections import namedtuple
from pathlib import Path

from nst_gimp.image import layers, previews
from nst_gimp.run import paint_layer, stored_values
from nst_gimp.run.inputs import InputReader
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text.messages import UserError

SIDE = 256
PREVIEW_SECONDS = 0.3
Patience = namedtuple("Patience", "seconds evaluations most_seconds")
"""A trial stops after the first two, or after the last. The painting starts with noise, which takes some
evaluations to disappear. Loading the network does not count."""

PATIENCE = Patience(15, 40, 45)

TrialResult = namedtuple("TrialResult", "picture title values")
"""A finished trial: its picture, whose transparency is kept, the names of its styles, and its arguments as
``run/stored_values`` captures them."""


class Trial:
    """One trial at a time, of the subject as it is when the trial begins.

    ``watcher`` has ``on_begin(subject)``, ``on_progress(fraction)``, ``on_picture(picture)``,
    ``on_result(result)`` with a :class:`TrialResult`, and ``on_end(error)``.
    """

    kind = "trial"
    """What the engine calls it: of one kind, only the latest waits."""

    side, patience = SIDE, PATIENCE
    """Its long side in pixels, and when it stops."""

    def __init__(self, warm_engine, subject, config, watcher) -> None:
        self.warm_engine, self.subject, self.config, self.watcher = warm_engine, subject, config, watcher
        self._changes, self._title, self._values = {}, "", {}
        self._cache, self._cache_folder = {}, None
        self._start_time = self._content = None
        self._has_live_layout = False

    def start(self, changes=None) -> None:
        """Start a trial in the background, with ``changes``, by name, to the dialog's settings."""
        self._has_live_layout = False
        self._start_time = None
        self._changes = dict(changes or {})
        self.warm_engine.submit(self.kind, self._request, self._handle, self._fail)

    def finish(self) -> None:
        """Stop soon, with the picture so far."""
        self.warm_engine.stop_early(self.kind)

    def set_color_layout(self, value: float) -> bool:
        """Change that setting of the running trial. Return False if the engine cannot, or not yet."""
        if self._has_live_layout:
            self.warm_engine.set_color_layout(self.kind, value)
        return self._has_live_layout

    def discard(self) -> None:
        """Discard the trial."""
        self.warm_engine.cancel(self.kind)

    def _request(self, job_folder) -> dict:
        # The selection may have changed since the dialog was opened.
        self.subject = layers.get_subject(self.subject.image, [self.subject.layer])
        self.watcher.on_begin(self.subject)
        settings = {**arguments.read(self.config), **self._changes}
        run_request = RunRequest.from_config(self.config, self.subject.image)
        self._title = run_request.title()
        self._values = {**stored_values.capture(self.config), **self._changes}
        side = min(self.side, settings["size"] or self.side)
        scale = min(1.0, side / max(self.subject.box[2:]))
        settings.update({"size": side, "time-limit": 0.0})
        if self._cache_folder != job_folder.directory:
            self._cache, self._cache_folder = {}, job_folder.directory
        reader = InputReader(self.subject, settings, job_folder, scale, self._cache)
        self._content = layers.read(self.subject, job_folder.path("content.f32"), scale=scale)
        return job_folder.build_request(
            self._content, reader.read(run_request), settings, (self.side, PREVIEW_SECONDS)
        )

    def _handle(self, event: dict) -> None:
        kind = event["event"]
        pixel_format = self.subject.format
        if kind == "progress":
            self._stop_if_enough(int(event.get("iteration") or 0))
            self.watcher.on_progress(float(event.get("fraction") or 0.0))
        elif kind == "preview":
            self._has_live_layout = event.get("color_layout") is not None
            data = self.warm_engine.job_folder.read_preview(event)
            if data is not None:
                self.watcher.on_picture(
                    previews.of_raw(data, event["width"], event["height"], 3, "u8", pixel_format)
                )
        elif kind == "done":
            try:
                path = self.warm_engine.job_folder.check_result(self._content, event)
                _path, *shape = self._content
                picture = previews.read_raw(Path(path).read_bytes(), *shape, "float", pixel_format)
            except UserError as error:
                self.watcher.on_end(error)
                return
            self.watcher.on_picture(previews.on_checkerboard(picture))
            self.watcher.on_end(None)
            values = {**self._values, **paint_layer.changed_settings(event)}
            self.watcher.on_result(TrialResult(picture, self._title, values))

    def _fail(self, error: UserError) -> None:
        self.watcher.on_end(error)

    def _stop_if_enough(self, evaluations: int) -> None:
        now = time.monotonic()
        if self._start_time is None:
            self._start_time = now
        seconds = now - self._start_time
        enough = seconds > self.patience.seconds and evaluations >= self.patience.evaluations
        if enough or seconds > self.patience.most_seconds:
            self.finish()
