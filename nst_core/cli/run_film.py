"""Run ``nst film``: look through the film, plan it, paint its frames, and write the result.

Finished frames are kept in a hidden folder beside the result until that is complete.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from nst_core.backends.choose import Engine, open_engine
from nst_core.batch.ray_cluster import check_ray_installed, connect_to_ray
from nst_core.cli.file_arguments import read_start, read_styles
from nst_core.cli.film_options import FilmOptions
from nst_core.cli.interrupts import Interrupts, catch_interrupts
from nst_core.cli.progress_output import ProgressReporter, format_duration, format_time_left, open_reporter
from nst_core.contract import format_bytes
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, Progress
from nst_core.film.clock import FilmClock, FrameSeconds
from nst_core.film.cluster import FilmPayload, ShotCallbacks, paint_shots, painters_for
from nst_core.film.files import check_film_output, is_folder, open_film, write_film
from nst_core.film.finished import FinishedFrames, disk_bytes, frames_folder
from nst_core.film.frame_tasks import FramePainter, FrameTask, frames_to_paint
from nst_core.film.model import FilmFrame, FilmSource, Selection
from nst_core.film.painter import PaintedFrame, ShotPainter, later_seconds
from nst_core.film.reading import FilmReader, FoundFilm
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.job.control_files import StyleFile
from nst_core.job.identity import run_identity
from nst_core.job.model import Job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.system.resource_errors import translate_resource_errors
from nst_core.vgg.fetched_files import file_hash
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore

CANCELLED = "Cancelled; the finished frames are kept. Run the command again with --resume to continue."


@translate_resource_errors()
def run_film(path: Path, styles: Sequence[StyleFile], settings: Settings, options: FilmOptions) -> None:
    """Paint a film and write it.

    Raises:
        NstError: it cannot be painted; finished frames are kept for ``--resume``.
        Cancelled: the user cancelled; finished frames are kept.
    """
    if options.ray_address:
        check_ray_installed()
    with (
        open_reporter(options.reporting) as reporter,
        catch_interrupts(reporter.say, CANCELLED) as interrupts,
    ):
        source = open_film(path, rate=options.rate)
        check_film_output(options.output, force=options.force)
        check_not_an_input(options.output, [path, *(style.path for style in styles)])
        selection = Selection(start=options.start, stop=options.stop, every=options.every)
        reader = FilmReader(source, selection, settings.size)
        found = reader.look_through(display_name(path), reporter.report)
        job = Job(
            content=found.first,
            styles=read_styles(styles, reporter.report),
            settings=settings.model_copy(update={"size": 0}),
            init_image=read_start(settings, reporter.report),
        )
        run = _FilmRun(job, reader, found, reporter, options)
        engine = open_engine(settings, ModelStore(options.store), reporter.report)
        try:
            run.measure(engine)
            identity = run_identity(job, engine.network) | _film_identity(path, options)
            if not options.ray_address:
                run.plan(painters=1)
                run.begin(identity)
                run.paint(engine)
        finally:
            engine.close()
        if options.ray_address:
            with connect_to_ray(options.ray_address, options.painters) as ray:
                painters = painters_for(ray, options.painters, len(found.shots))
                run.plan(painters)
                run.begin(identity)
                run.paint_on_cluster(ray, painters, engine.network, interrupts)
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


class _FilmRun:
    """Paints a film, reports its progress, and keeps its frames."""

    def __init__(
        self, job: Job, reader: FilmReader, found: FoundFilm, reporter: ProgressReporter, options: FilmOptions
    ) -> None:
        self.job, self.reader, self.found = job, reader, found
        self.reporter, self.options = reporter, options
        self.finished = FinishedFrames(frames_folder(options.output), options.output)
        self.notices: set[str] = set()
        self.seconds = FrameSeconds(1.0, 1.0)
        self.current, self.count, self.done = 0.0, 0, 0.0
        self.clock = FilmClock(0.0)

    @property
    def _frames(self) -> int:
        return len(self.found.times)

    def measure(self, engine: Engine) -> None:
        """Estimate the seconds of the first frame of a shot, and of a later one."""
        plan = ShotPainter(self.job, engine).plan
        self.seconds = FrameSeconds(plan.seconds, later_seconds(plan, self.job, engine))

    def plan(self, painters: int) -> None:
        """Tell how long the film will take, and check the disk.

        Raises:
            NstError: ``disk-full``.
        """
        content, shots = self.found.first, len(self.found.shots)
        needed = disk_bytes(self._frames, content, transparent=self.found.transparent, painters=painters)
        kept = self.finished.bytes() if self.options.resume else 0
        folder = self.options.output.absolute().parent
        free = shutil.disk_usage(folder).free + kept if folder.is_dir() else needed
        if free < needed:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"The film may need {format_bytes(needed)}, and {format_bytes(free)} are free.",
                "Free some space, or write to another disk.",
            )
        works = [self.seconds.of(len(shot), 1) for shot in self.found.shots]
        seconds = max(sum(works) / painters, *works)
        about = format_duration(max(1.0, seconds))
        at_once = f" with {painters} painters as fast as this machine" if painters > 1 else ""
        self.reporter.say(
            f"{self._frames} frames in {shots} {'shot' if shots == 1 else 'shots'}, "
            f"{content.width} x {content.height}: about {about}{at_once}, up to {format_bytes(needed)} of "
            "the disk."
        )

    def begin(self, identity: dict[str, str]) -> None:
        """Find what an interrupted run has finished, or start anew.

        Raises:
            NstError: ``bad-setting`` if that was another film; ``unwritable-output``.
        """
        self.finished.begin(identity, resume=self.options.resume)
        counts = [self.finished.count(shot) for shot in self.found.shots]
        self.count = sum(counts)
        self.done = self.seconds.of(self.count, sum(map(bool, counts)))
        if self.count:
            message = f"Continues: {self.count} of {self._frames} frames are finished."
            self.reporter.report(Notice("resumed", message))
        self.clock = FilmClock(self.seconds.of(self._frames, len(self.found.shots)), self.done)

    def paint(self, engine: Engine) -> None:
        """Paint the frames that are not finished yet, one after another."""
        painter = FramePainter(self.job, engine, RunCallbacks(on_event=self._on_event))
        for task in frames_to_paint(self.reader.pictures(), self.found.shots, self.finished):
            self.current = self._work_of(task)
            self.reporter.start_step(f"Frame {task.number + 1} of {self._frames}")
            self._keep(task, painter.paint(task))

    def paint_on_cluster(
        self, ray: ModuleType, painters: int, network: Network, interrupts: Interrupts
    ) -> None:
        """Paint the frames that are not finished yet, several shots at once."""
        shots = [
            frames_to_paint(self.reader.pictures(shot), [shot], self.finished)
            for shot in self.found.shots
            if self.finished.count(shot) < len(shot)
        ]
        callbacks = ShotCallbacks(self._take_frame, self._on_event, interrupts.raise_if_cancelled)
        paint_shots(ray, FilmPayload.pack(network, self.job), shots, callbacks, painters)

    def _take_frame(self, task: FrameTask, frame: PaintedFrame) -> None:
        self._keep(task, frame)
        left = format_time_left(self.clock.left(self.done))
        sentence = f"Frame {task.number + 1} is painted, {self.count} of {self._frames}"
        self.reporter.say(", ".join(filter(None, [sentence, left])) + ".")

    def _keep(self, task: FrameTask, frame: PaintedFrame) -> None:
        self.finished.keep(task.number, task.shot, frame)
        self.done += self._work_of(task)
        self.count += 1

    def _work_of(self, task: FrameTask) -> float:
        return self.seconds.of(1, int(task.number == task.shot.start))

    def _on_event(self, event: Event) -> None:
        """Report progress of the whole film, and each notice once."""
        if isinstance(event, Progress):
            self.reporter.report(self.clock.of_film(event, self.done + event.fraction * self.current))
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
        traits = replace(source.traits, transparent=self.found.transparent)
        write_film(output, frames, traits, self.reporter.report, force=self.options.force)
        self.finished.remove()
        picture = self.found.first
        seconds = self.clock.passed
        self.reporter.finish(
            f"{display_name(output)}: {self._frames} frames, {picture.width} x {picture.height}, "
            f"{seconds:.0f} s.",
            {
                "path": str(output),
                "frames": self._frames,
                "shots": len(self.found.shots),
                "width": picture.width,
                "height": picture.height,
                "seconds": seconds,
                "folder": is_folder(output),
            },
        )
