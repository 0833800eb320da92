"""What the commands that paint have in common: a task and options in, a run, and its files out.

Everything that can be refused is refused before anything is computed; everything is written after the run has
ended, but for frames, which a run that fails takes with it. The method is :mod:`nst_core.job.run`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nst_core.cli.folders import Folder, check_folder, filling
from nst_core.cli.frames import Frames, is_frame
from nst_core.cli.inputs import (
    check_output,
    default_output,
    parse_sides,
    read_start,
    read_styles,
)
from nst_core.cli.interrupts import listening
from nst_core.cli.options import FRAMES_EVERY, chosen_settings
from nst_core.cli.telling import ProgressReporter, reporting_progress
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, OnEvent, Plan, Preview
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input, replace_file
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable, write_picture
from nst_core.job.control_files import ControlFiles, StyleFile, read_control_files
from nst_core.job.metadata import RunRecord, describe_run, read_run_record, settings_to_repeat
from nst_core.job.model import Job, start_file
from nst_core.job.prepare import painted_size
from nst_core.job.run import Result, run_job
from nst_core.pages import run_report
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True)
class Task:
    """What a command paints: pictures by path, and how its defaults differ from the table's.

    ``words`` follow the first picture's name in the name of the result where none is given.
    """

    content: str | None
    styles: tuple[StyleFile, ...]
    instead: Mapping[str, object] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    texture_size: str | None = None
    control: ControlFiles = field(default_factory=ControlFiles)

    @property
    def files(self) -> list[str]:
        """The pictures to read."""
        first = [self.content] if self.content else []
        return [*first, *(style.path for style in self.styles), *self.control.files]


@dataclass(frozen=True)
class RunOptions:
    """The options of a run, checked: see :func:`nst_core.cli.options.output_options`."""

    settings: Settings
    stored: RunRecord
    texture_size: str
    output: Path
    force: bool
    frames: Path | None
    frames_every: int
    report: Path | None
    as_json: bool
    progress: bool | None
    verbose: bool
    store: ModelStore


def wanted(task: Task, given: Mapping[str, Any]) -> RunOptions:
    """Read and check the options, touching no picture.

    Raises:
        NstError: for settings, places to write or combinations that will not do.
    """
    named = given["settings_file"]
    stored = read_run_record(named) if named else RunRecord({})
    suiting = task.styles[0].settings if task.styles else {}
    settings = chosen_settings(given, {**task.instead, **suiting}, stored.settings)
    output = given["output"] or default_output(task.files[0], *task.words)
    start = start_file(settings)
    read = [*task.files, start] if start else task.files
    check_output(output, given["force"], read)
    if given["frames_every"] and not given["frames"]:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--frames-every says how often, but no --frames says where.",
            "Add --frames DIR.",
        )
    frames = [name for path in read if is_frame(name := Path(path).name)]
    for folder, names in (
        (given["frames"], frames),
        (given["report"], [run_report.NUMBERS, run_report.CURVES]),
    ):
        if folder:
            check_folder(folder, given["force"])
            for name in names:
                check_not_an_input(folder / name, read)
    if given["report"]:
        run_report.check_installed()
    every = (given["frames_every"] or FRAMES_EVERY) if given["frames"] else 0
    return RunOptions(
        settings,
        stored,
        task.texture_size or stored.texture_size,
        output,
        given["force"],
        given["frames"],
        every,
        given["report"],
        given["as_json"],
        given["progress"],
        given["verbose"],
        ModelStore(given["store"]),
    )


def read_job(task: Task, settings: Settings, texture_size: str, on_event: OnEvent) -> Job:
    """Read a task's pictures.

    Raises:
        NstError: what is wrong with one of them.
    """
    content = read_picture(task.content, on_notice=on_event) if task.content else None
    styles = read_styles(task.styles, on_event)
    start = read_start(settings, on_event)
    job = read_control_files(Job(content, styles, settings, start), task.control, on_event)
    return replace(job, texture_size=parse_sides(texture_size)) if texture_size else job


def run(task: Task, given: Mapping[str, Any]) -> None:
    """Do a command that paints.

    Raises:
        NstError: whatever keeps it from being done; nothing is left behind.
        BrokenOff: the user broke it off; nothing is left behind.
    """
    want = wanted(task, given)
    with (
        reporting_progress(as_json=want.as_json, progress=want.progress, verbose=want.verbose) as teller,
        listening(teller.say) as interrupts,
        ExitStack() as folders,
    ):
        job = read_job(task, want.settings, want.texture_size, teller.event)
        check_writable(want.output, want.force, painted_size(job))
        course = run_report.Course()
        frames: Frames | None = None

        def on_event(event: Event) -> None:
            nonlocal frames
            course.event(event)
            path = None
            if isinstance(event, Plan):
                interrupts.painting_begins()
                if want.frames:  # the folder is made once nothing can be refused any more
                    frames = Frames(folders.enter_context(filling(want.frames)))
            elif isinstance(event, Preview) and frames:
                path = frames.write(event)
            teller.event(event, path)
            if isinstance(event, Plan):
                for notice in differences(event, want.stored, task):
                    teller.event(notice)

        watch = RunCallbacks(on_event, interrupts.should_stop, frames_every=want.frames_every)
        result = run_job(job, watch, want.store)
        if frames:
            frames.write_sheet()
        texture_size = f"{job.texture_size[1]}x{job.texture_size[0]}" if job.content is None else ""
        if want.report:
            write_report(folders.enter_context(filling(want.report)), course, result, task, texture_size)
        styles = [(style.path, style.weight) for style in task.styles]
        write_picture(
            result.picture,
            want.output,
            force=want.force,
            metadata=describe_run(
                result,
                content=task.content,
                styles=styles,
                texture_size=texture_size,
                control=task.control.recorded(),
            ),
            on_notice=teller.event,
        )
        tell_end(teller, result, want)


def differences(plan: Plan, stored: RunRecord, task: Task) -> Iterator[Notice]:
    """Say why a repetition will differ: another network, or masks and the like that were not given again."""
    if stored.model_sha256 not in ("", plan.model_sha256):
        yield Notice(
            "other-network",
            f"The settings were recorded with another network than {plan.model}: its weights began "
            f"{stored.model_sha256[:12]}, these begin {plan.model_sha256[:12]}; the picture will differ.",
        )
    given = task.control.recorded()
    missing = [f"--{'region' if name == 'regions' else name}" for name in stored.control if name not in given]
    if missing:
        yield Notice(
            "other-control",
            f"The settings were recorded beside {', '.join(missing)}; without, the picture will differ.",
        )


def write_report(
    folder: Folder, course: run_report.Course, result: Result, task: Task, texture_size: str
) -> None:
    """Write the report's two files."""
    files = {
        "content": task.content,
        "styles": [[style.path, style.weight] for style in task.styles],
        "texture_size": texture_size,
        **task.control.recorded(),
    }
    replace_file(
        folder.new(run_report.NUMBERS), run_report.numbers(course, result, files).encode(), force=True
    )
    replace_file(folder.new(run_report.CURVES), run_report.curves(course.steps), force=True)


def tell_end(teller: ProgressReporter, result: Result, want: RunOptions) -> None:
    """Say where the picture is."""
    picture = result.picture
    sentence = f"{display_name(want.output)}: {picture.width} x {picture.height}, {result.seconds:.1f} s"
    if result.stopped:
        last = result.curve[-1]
        sentence += f"; stopped at level {last.level + 1} of {len(result.levels)}, iteration {last.iteration}"
    teller.done(
        f"{sentence}.",
        {
            "path": str(want.output),
            "width": picture.width,
            "height": picture.height,
            "seed": result.seed,
            "model": result.model,
            "model_sha256": result.model_sha256,
            "engine": result.engine,
            "device": result.device,
            "loss": result.loss,
            "terms": dict(result.terms),
            "seconds": result.seconds,
            "stopped": result.stopped,
            "settings": settings_to_repeat(result),
            "frames": str(want.frames) if want.frames else None,
            "report": str(want.report) if want.report else None,
        },
    )
