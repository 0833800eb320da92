"""A small trial of the run: the whole picture at 256 pixels, or a part of it as large as in the painting.

It begins at 128 pixels, so that there is something to see at once. The real run begins at 256 pixels with
the same strokes, so the trial shows what it will look like. On a slow machine it stops after a while with the
best picture so far. Independent of widgets.
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
FIRST_SIDE = 128
PREVIEW_SECONDS = 0.3
Patience = namedtuple("Patience", "seconds evaluations most_seconds")
"""A trial stops after the first two, or after the last. The painting starts with noise, which takes some
evaluations to disappear. Loading the network does not count."""

PATIENCE = Patience(45, 0, 45)

ITERATIONS = {"quality": "draft", "iterations": 20}
"""For two levels: 53 evaluations at the first, 20 at the last."""

SINGLE_ITERATIONS = {"quality": "draft", "iterations": 60}
"""For trials that are too small for two levels."""

TrialResult = namedtuple("TrialResult", "picture title values")
"""A finished trial: its picture, whose transparency is kept, the names of its styles, and its arguments as
``run/stored_values`` captures them."""


class Trial:
    """One trial at a time, of the subject as it is when the trial begins.

    ``watcher`` has ``on_begin(subject)``, ``on_progress(fraction)``, ``on_picture(picture)``,
    ``on_result(result)`` with a :class:`TrialResult`, and ``on_end(error)``. ``find_part(subject)`` returns
    the part to paint, a ``detail.Detail`` of ``run/detail``, or None for the whole picture.
    """

    kind = "trial"
    """What the engine calls it: of one kind, only the latest waits."""

    side, patience = SIDE, PATIENCE
    """Its long side in pixels, and when it stops."""

    def __init__(self, warm_engine, subject, config, watcher, find_part=lambda _subject: None) -> None:
        self.warm_engine, self.subject, self.config, self.watcher = warm_engine, subject, config, watcher
        self.find_part = find_part
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
        part, subject = self.find_part(self.subject), self.subject
        self.watcher.on_begin(subject)
        settings = {**arguments.read(self.config), **self._changes}
        run_request = RunRequest.from_config(self.config, self.subject.image)
        self._title = run_request.title()
        self._values = {**stored_values.capture(self.config), **self._changes}
        if part is None:
            side = min(self.side, settings["size"] or self.side)
            scale = min(1.0, side / max(subject.box[2:]))
        else:
            subject, scale = layers.part_of(subject, part.box), part.scale
            side = round(scale * max(part.box[2:]))
            settings["style-scale"] = part.style_scale
        settings.update(trial_settings(settings, side), size=side)
        if self._cache_folder != job_folder.directory:
            self._cache, self._cache_folder = {}, job_folder.directory
        reader = InputReader(subject, settings, job_folder, scale, self._cache)
        inputs = reader.read(run_request) if part is None else reader.read_part(run_request, part.style_share)
        self._content = layers.read(subject, job_folder.path("content.f32"), scale=scale)
        return job_folder.build_request(self._content, inputs, settings, (self.side, PREVIEW_SECONDS))

    def _handle(self, event: dict) -> None:
        kind = event["event"]
        pixel_format = self.subject.format
        if kind == "progress":
            share = self._stop_if_enough(int(event.get("iteration") or 0))
            self.watcher.on_progress(max(share, float(event.get("fraction") or 0.0)))
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

    def _stop_if_enough(self, evaluations: int) -> float:
        """Stop the trial after its patience. Return the share of the longest time that is over."""
        now = time.monotonic()
        if self._start_time is None:
            self._start_time = now
        seconds = now - self._start_time
        enough = seconds > self.patience.seconds and evaluations >= self.patience.evaluations
        if enough or seconds > self.patience.most_seconds:
            self.finish()
        return seconds / self.patience.most_seconds


def trial_settings(settings: dict, long_side: int) -> dict:
    """Return what a trial of ``long_side`` pixels changes in the settings of the painting."""
    if long_side < FIRST_SIDE * 2**0.5 or settings["coarsest"] == 0:
        return {**SINGLE_ITERATIONS, "time-limit": 0.0}
    return {**ITERATIONS, "coarsest": FIRST_SIDE, "time-limit": 0.0}
