"""Run ``nst film``: look through the film, plan it, paint its frames, and write the result.

The film is read twice: once to count its frames and to find its cuts, and once to paint. Finished frames are
kept in a hidden folder beside the result until that is complete.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.backends.choose import Engine, open_engine
from nst_core.cli.file_arguments import read_start, read_styles
from nst_core.cli.film_options import FilmOptions
from nst_core.cli.interrupts import catch_interrupts
from nst_core.cli.progress_output import ProgressReporter, open_reporter
from nst_core.contract import format_bytes
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Progress
from nst_core.film.files import check_film_output, disk_bytes, is_folder, open_film, write_film
from nst_core.film.finished import FinishedFrames, frames_folder
from nst_core.film.model import FilmFrame, FilmSource, Selection
from nst_core.film.painter import PaintedFrame, ShotPainter, is_invisible, later_seconds
from nst_core.film.shots import shot_starts
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.images.picture import Picture
from nst_core.images.resize import fit, resize_picture
from nst_core.job.control_files import StyleFile
from nst_core.job.identity import run_identity
from nst_core.job.model import Job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.system.resource_errors import translate_resource_errors
from nst_core.vgg.fetched_files import file_hash
from nst_core.vgg.store import ModelStore

CANCELLED = "Cancelled; the finished frames are kept. Run the command again with --resume to continue."


@dataclass(frozen=True)
class FoundFilm:
    """What the first look at a film found: the ``times`` (start, duration) of its frames, and its cuts."""

    times: tuple[tuple[float, float], ...]
    starts: tuple[bool, ...]
    first: Picture

    @property
    def shots(self) -> int:
        """Number of shots."""
        return sum(self.starts)


@translate_resource_errors()
def run_film(path: Path, styles: Sequence[StyleFile], settings: Settings, options: FilmOptions) -> None:
    """Paint a film and write it.

    Raises:
        NstError: it cannot be painted; finished frames are kept for ``--resume``.
        Cancelled: the user cancelled; finished frames are kept.
    """
    with open_reporter(options.reporting) as reporter, catch_interrupts(reporter.say, CANCELLED):
        source = open_film(path, rate=options.rate)
        check_film_output(options.output, force=options.force)
        check_not_an_input(options.output, [path, *(style.path for style in styles)])
        reader = _Reader(
            source, Selection(start=options.start, stop=options.stop, every=options.every), settings
        )
        found = reader.look_through(reporter, display_name(path))
        job = Job(
            content=found.first,
            styles=read_styles(styles, reporter.report),
            settings=settings.model_copy(update={"size": 0}),
            init_image=read_start(settings, reporter.report),
        )
        engine = open_engine(settings, ModelStore(options.store), reporter.report)
        try:
            run = _FilmRun(job, engine, found, reporter, options)
            run.plan()
            run.paint(reader, _film_identity(path, options))
        finally:
            engine.close()
        run.write(source)


def _film_identity(path: Path, options: FilmOptions) -> dict[str, str]:
    """Return what is painted of which film."""
    files = [path] if path.is_file() else sorted(path.iterdir())
    names = [f"{file.name} {file_hash(file)}" for file in files if file.is_file()]
    return {
        "film": hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest(),
        "--from": str(options.start),
        "--to": str(options.stop),
        "--every": str(options.every),
    }


@dataclass(frozen=True)
class _Reader:
    """Reads the selected frames of a film, at the size at which they are painted."""

    source: FilmSource
    selection: Selection
    settings: Settings

    def frames(self, reporter: ProgressReporter | None = None) -> Iterator[FilmFrame]:
        report = (lambda _notice: None) if reporter is None else reporter.report
        for frame in self.selection.of(self.source.frames(report)):
            yield replace(frame, picture=self._at_size(frame.picture))

    def _at_size(self, picture: Picture) -> Picture:
        """Shrink a frame to the setting ``size``, to even sides, which video codecs need."""
        height, width = picture.height, picture.width
        if not self.settings.size or self.settings.size >= max(height, width):
            return picture
        height, width = (side + side % 2 for side in fit(height, width, self.settings.size))
        return resize_picture(picture, height, width)

    def look_through(self, reporter: ProgressReporter, name: str) -> FoundFilm:
        """Count the frames and find the cuts.

        Raises:
            NstError: ``bad-image`` if there are no frames, or of several sizes.
        """
        times: list[tuple[float, float]] = []
        first: Picture | None = None

        def pictures() -> Iterator[Picture]:
            nonlocal first
            for frame in self.frames(reporter):
                picture = frame.picture
                first = first or picture
                if (picture.height, picture.width) != (first.height, first.width):
                    raise NstError(
                        ErrorCode.BAD_IMAGE,
                        f"Frame {len(times) + 1} of {name} is {picture.width} x {picture.height} pixels, and "
                        f"the first one is {first.width} x {first.height}.",
                        "Give all frames one size.",
                    )
                times.append((frame.start, frame.duration))
                yield picture

        starts = tuple(shot_starts(pictures()))
        if first is None:
            raise NstError(
                ErrorCode.BAD_IMAGE, f"There are no frames to paint in {name}.", "Check --from and --to."
            )
        return FoundFilm(tuple(times), starts, first)


class _FilmRun:
    """Paints a film, reports its progress, and keeps its frames."""

    def __init__(
        self, job: Job, engine: Engine, found: FoundFilm, reporter: ProgressReporter, options: FilmOptions
    ) -> None:
        self.job, self.engine, self.found = job, engine, found
        self.reporter, self.options = reporter, options
        self.finished = FinishedFrames(frames_folder(options.output), options.output)
        self.notices: set[str] = set()
        self.seconds: tuple[float, float] = (1.0, 1.0)
        self.number, self.resumed = 0, 0
        self.started = time.monotonic()

    @property
    def _count(self) -> int:
        return len(self.found.times)

    def plan(self) -> None:
        """Tell how long the film will take, and check the disk.

        Raises:
            NstError: ``disk-full``.
        """
        plan = ShotPainter(self.job, self.engine).plan
        self.seconds = plan.seconds, later_seconds(plan, self.job, self.engine)
        content = self.found.first
        needed = disk_bytes(self._count, content.height, content.width)
        folder = self.options.output.absolute().parent
        free = shutil.disk_usage(folder).free if folder.is_dir() else needed
        if free < needed:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"The film may need {format_bytes(needed)}, and {format_bytes(free)} are free.",
                "Free some space, or write to another disk.",
            )
        minutes = self._work(self._count) / 60.0
        about = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{max(1.0, minutes * 60):.0f} seconds"
        self.reporter.say(
            f"{self._count} frames in {self.found.shots} {'shot' if self.found.shots == 1 else 'shots'}, "
            f"{content.width} x {content.height}: about {about}, up to {format_bytes(needed)} of the disk."
        )

    def _work(self, frames: int) -> float:
        """Return the expected seconds of the first ``frames``."""
        shots = sum(self.found.starts[:frames])
        return shots * self.seconds[0] + (frames - shots) * self.seconds[1]

    def paint(self, reader: _Reader, film: dict[str, str]) -> None:
        """Paint the frames that are not finished yet."""
        identity = run_identity(self.job, self.engine.network) | film
        self.resumed = self.finished.begin(identity, resume=self.options.resume)
        if self.resumed:
            self.reporter.report(Notice("resumed", f"Continues after frame {self.resumed} of {self._count}."))
        self.started = time.monotonic()
        callbacks = RunCallbacks(on_event=self._on_event)
        painter: ShotPainter | None = None
        for number, frame in enumerate(reader.frames()):
            self.number = number
            if self.found.starts[number]:
                painter = None
            if painter is None and not is_invisible(frame.picture):
                painter = ShotPainter(replace(self.job, content=frame.picture), self.engine, callbacks)
            if number < self.resumed:
                self._take_over(painter, frame.picture)
                continue
            self.reporter.start_step(f"Frame {number + 1} of {self._count}")
            painted = PaintedFrame(picture=frame.picture, painting=None)
            if painter is not None:
                painted = painter.paint(frame.picture)
            self.finished.keep(number, painted)

    def _take_over(self, painter: ShotPainter | None, content: Picture) -> None:
        frame = self.finished.frame(self.number)
        if painter is not None and frame is not None:
            painter.go_on_from(content, frame)

    def _on_event(self, event: Event) -> None:
        """Report progress of the whole film, and each notice once."""
        if isinstance(event, Progress):
            total = max(self._work(self._count), 1e-6)
            before, after = self._work(self.number), self._work(self.number + 1)
            done = before + event.fraction * (after - before)
            here = done - self._work(self.resumed)
            passed = time.monotonic() - self.started
            left = passed * (total - done) / here if here > 0.005 * total else None
            self.reporter.report(replace(event, fraction=done / total, seconds=passed, seconds_left=left))
        elif isinstance(event, Notice) and str(event) not in self.notices:
            self.notices.add(str(event))
            self.reporter.report(event)

    def write(self, source: FilmSource) -> None:
        """Write the film, and delete the frames that were kept for it."""
        output = self.options.output
        frames = (
            FilmFrame(self.finished.picture(number), start, duration)
            for number, (start, duration) in enumerate(self.found.times)
        )
        write_film(output, frames, source.traits, self.reporter.report, force=self.options.force)
        self.finished.remove()
        picture = self.found.first
        seconds = time.monotonic() - self.started
        self.reporter.finish(
            f"{display_name(output)}: {self._count} frames, {picture.width} x {picture.height}, "
            f"{seconds:.0f} s.",
            {
                "path": str(output),
                "frames": self._count,
                "shots": self.found.shots,
                "width": picture.width,
                "height": picture.height,
                "seconds": seconds,
                "folder": is_folder(output),
            },
        )
