"""A small trial of the run that the dialog describes: the coarse level of it, 256 pixels, in a few seconds.

The real run begins at the same size with the same strokes, so that the trial looks as that will. Where the
machine is slow it is cut off after a while, with the best that is there. Knows nothing of widgets.
"""

from __future__ import annotations

from pathlib import Path

from gi.repository import GLib

from nst_gimp import arguments, ingredients, layers, previews, recipe
from nst_gimp.messages import UserError

SIDE = 256
PREVIEW_SECONDS = 0.3
MOST_SECONDS = 15
"""Of painting; the first evaluations, which wait for the network to be loaded, do not count."""

KIND = "trial"


class Trial:
    """One trial at a time; ``watcher`` has ``working(fraction)``, ``shows(picture)``, ``ended(error)``."""

    def __init__(self, companion, subject, config, watcher) -> None:
        self.companion, self.subject, self.config, self.watcher = companion, subject, config, watcher
        self._kept, self._kept_in = {}, None
        self._timer = 0
        self._content = None

    def start(self) -> None:
        """Begin, in the background."""
        self.companion.ask(KIND, self._request, self._take, self._failed)

    def finish(self) -> None:
        """Have it end soon with what is there."""
        self._forget_time()
        self.companion.finish(KIND)

    def drop(self) -> None:
        """Throw it away."""
        self._forget_time()
        self.companion.drop(KIND)

    def _request(self, job) -> dict:
        settings = arguments.read(self.config)
        wanted = recipe.resolve(self.config, self.subject.image)
        side = min(SIDE, settings["size"] or SIDE)
        scale = min(1.0, side / max(self.subject.box[2:]))
        settings["size"] = side
        if self._kept_in != job.folder:
            self._kept, self._kept_in = {}, job.folder
        reader = ingredients.Reader(self.subject, settings, job, scale, self._kept)
        self._content = layers.read(self.subject, job.path("content.f32"), scale=scale)
        return job.request(self._content, reader.fields(wanted), settings, (SIDE, PREVIEW_SECONDS))

    def _take(self, event: dict) -> None:
        kind = event["event"]
        like = self.subject.layer.get_format()
        if kind == "progress":
            if not self._timer:
                self._timer = GLib.timeout_add_seconds(MOST_SECONDS, self._enough)
            self.watcher.working(float(event.get("fraction") or 0.0))
        elif kind == "preview":
            data = self.companion.job.read_preview(event)
            if data is not None:
                self.watcher.shows(previews.of_raw(data, event["width"], event["height"], 3, "u8", like))
        elif kind == "done":
            self._forget_time()
            try:
                path = self.companion.job.check_result(self._content, event)
                _path, *shape = self._content
                self.watcher.shows(previews.of_raw(Path(path).read_bytes(), *shape, "float", like))
            except UserError as error:
                self.watcher.ended(error)
            else:
                self.watcher.ended(None)

    def _failed(self, error: UserError) -> None:
        self._forget_time()
        self.watcher.ended(error)

    def _enough(self) -> bool:
        self._timer = 0
        self.finish()
        return False

    def _forget_time(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0
