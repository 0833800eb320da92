"""Run a command that paints one picture: ``stylize``, ``reconstruct`` and ``texture``.

Takes a :class:`PaintingTask` and the options, paints with :mod:`nst_core.job.run`, and writes the files.
Everything that can be refused is refused before anything is computed. Files are written after the run has
ended, except for frames, which are removed again if the run fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from nst_core.cli.failures import Cancelled
from nst_core.cli.file_arguments import (
    check_output,
    default_output,
    parse_sides,
    read_start,
    read_stored_settings,
    read_styles,
)
from nst_core.cli.frames import FrameWriter, is_frame
from nst_core.cli.interrupts import Interrupts, catch_interrupts
from nst_core.cli.options import FRAMES_EVERY, OutputOptions, ReportingOptions
from nst_core.cli.output_folders import OutputFolder, check_folder, fill_folder
from nst_core.cli.progress_output import ProgressReporter, open_reporter
from nst_core.cli.saving import OutputFile, save_painting
from nst_core.cli.setting_options import SettingOptions, chosen_settings
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice, OnEvent, Plan, Preview
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input, replace_file
from nst_core.images.read import read_picture
from nst_core.images.resize import fit
from nst_core.images.write import check_writable, storable
from nst_core.job.checkpoint import Checkpoint, checkpoint_path
from nst_core.job.control_files import ControlFiles, StyleFile, read_control_files
from nst_core.job.metadata import RunRecord, describe_run, settings_to_repeat
from nst_core.job.model import Job, init_image_path
from nst_core.job.prepare import painted_size
from nst_core.job.run import Result, run_job
from nst_core.pages import run_report
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True, kw_only=True)
class PaintingTask:
    """A command's painting: pictures by path, and the command's own default settings.

    The default name of the result is made of the first picture's name and ``output_words``.
    """

    content: str | None
    styles: tuple[StyleFile, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    output_words: tuple[str, ...] = ()
    texture_size: str | None = None
    control: ControlFiles = field(default_factory=ControlFiles)

    @property
    def input_files(self) -> list[str]:
        """The pictures to read."""
        content = [self.content] if self.content else []
        return [*content, *(style.path for style in self.styles), *self.control.files]


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The checked options of a run; ``stored`` is the record in the file of ``--settings``."""

    settings: Settings
    stored: RunRecord
    texture_size: str
    output: Path
    is_default_output: bool
    force: bool
    keep_location: bool
    checkpoint: Checkpoint
    frames: Path | None
    frames_every: int
    frames_size: int | None
    report: Path | None
    reporting: ReportingOptions
    store: ModelStore


def check_options(task: PaintingTask, settings: SettingOptions, output: OutputOptions) -> RunOptions:
    """Check the options without reading any picture.

    Raises:
        NstError: a setting, an output path or a combination of options is not valid.
    """
    stored = read_stored_settings(settings)
    style_settings = task.styles[0].settings if task.styles else {}
    chosen = chosen_settings(settings.values, {**task.defaults, **style_settings}, stored.settings)
    path = output.output or default_output(task.input_files[0], *task.output_words)
    init_image = init_image_path(chosen)
    inputs = [*task.input_files, init_image] if init_image else task.input_files
    checkpoint = Checkpoint(checkpoint_path(path), resume=output.resume, name=display_name(path))
    force = output.force or (output.resume and checkpoint.has_saved(path))
    check_output(path, force, inputs)
    for option, value in (("--frames-every", output.frames_every), ("--frames-size", output.frames_size)):
        if value and not output.frames:
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"{option} needs --frames, which says where to write the frames.",
                "Add --frames DIR.",
            )
    _check_output_folders(output, inputs)
    return RunOptions(
        settings=chosen,
        stored=stored,
        texture_size=task.texture_size or stored.texture_size,
        output=path,
        is_default_output=output.output is None,
        force=force,
        keep_location=output.keep_location,
        checkpoint=checkpoint,
        frames=output.frames,
        frames_every=(output.frames_every or FRAMES_EVERY) if output.frames else 0,
        frames_size=output.frames_size,
        report=output.report,
        reporting=output.reporting,
        store=ModelStore(output.store),
    )


def _check_output_folders(output: OutputOptions, inputs: list[str]) -> None:
    """Check that the folders of ``--frames`` and ``--report`` can be filled without overwriting an input.

    Raises:
        NstError: ``output-exists``, ``unwritable-output``, ``disk-full``; ``bad-setting`` if a package is
        missing.
    """
    frame_names = [name for path in inputs if is_frame(name := Path(path).name)]
    for folder, names in (
        (output.frames, frame_names),
        (output.report, [run_report.REPORT_FILE, run_report.CURVES_FILE]),
    ):
        if folder:
            check_folder(folder, output.force or output.resume)
            for name in names:
                check_not_an_input(folder / name, inputs)
    if output.report:
        run_report.check_matplotlib_installed()


def read_job(task: PaintingTask, settings: Settings, texture_size: str, on_event: OnEvent) -> Job:
    """Read the pictures of a task.

    Raises:
        NstError: a picture cannot be read or used.
    """
    job = Job(
        content=read_picture(task.content, on_notice=on_event) if task.content else None,
        styles=read_styles(task.styles, on_event),
        settings=settings,
        init_image=read_start(settings, on_event),
    )
    job = read_control_files(job, task.control, on_event)
    return replace(job, texture_size=parse_sides(texture_size)) if texture_size else job


def run_painting(task: PaintingTask, settings: SettingOptions, output: OutputOptions) -> None:
    """Paint a task and write its files.

    Raises:
        NstError: the task cannot be painted; nothing is left behind.
        Cancelled: the user cancelled; nothing is left behind.
    """
    options = check_options(task, settings, output)
    output_file = OutputFile.look_up(options.output, force=options.force)
    with (
        open_reporter(options.reporting) as reporter,
        catch_interrupts(reporter.say) as interrupts,
        ExitStack() as folders,
    ):
        job = read_job(task, options.settings, options.texture_size, reporter.report)
        check_writable(options.output, force=options.force, size=painted_size(job))
        if job.content is not None:
            job = replace(job, content=storable(job.content, options.output, reporter.report))
        watcher = _RunWatcher(task, options, reporter, interrupts, folders)
        callbacks = RunCallbacks(
            on_event=watcher.on_event, should_stop=interrupts.should_stop, frames_every=options.frames_every
        )
        try:
            result = run_job(job, callbacks, options.store, checkpoint=options.checkpoint)
        except Cancelled:
            options.checkpoint.discard()
            raise
        if watcher.frames:
            watcher.frames.write_sheet()
        texture_size = f"{job.texture_size[1]}x{job.texture_size[0]}" if job.content is None else ""
        if options.report:
            folder = folders.enter_context(fill_folder(options.report))
            _write_report(folder, watcher.history, result, task, texture_size)
        path = save_painting(
            result.picture,
            output_file,
            describe_run(
                result,
                content=task.content,
                styles=[(style.path, style.weight) for style in task.styles],
                texture_size=texture_size,
                control=task.control.as_metadata(),
            ),
            reporter.report,
            keep_location=options.keep_location,
        )
        if result.unfinished:
            options.checkpoint.record_result(path)
        else:
            options.checkpoint.remove()
        _report_result(reporter, result, options, path)


class _RunWatcher:
    """Passes the events of a run on, writes the frames and keeps the history for the report."""

    def __init__(
        self,
        task: PaintingTask,
        options: RunOptions,
        reporter: ProgressReporter,
        interrupts: Interrupts,
        folders: ExitStack,
    ) -> None:
        self.task = task
        self.options = options
        self.reporter = reporter
        self.interrupts = interrupts
        self.folders = folders
        self.history = run_report.RunHistory()
        self.frames: FrameWriter | None = None

    def on_event(self, event: Event) -> None:
        self.history.record(event)
        if isinstance(event, Plan):
            self._begin_painting(event)
        elif isinstance(event, Preview) and self.frames:
            self.reporter.report(event, self.frames.write(event))
        else:
            self.reporter.report(event)

    def _begin_painting(self, plan: Plan) -> None:
        self.interrupts.begin_painting()
        if self.options.frames:  # created only now that nothing can be refused any more
            size = plan.height, plan.width
            if self.options.frames_size:
                size = fit(*size, self.options.frames_size)
            self.frames = FrameWriter(
                self.folders.enter_context(fill_folder(self.options.frames)),
                size,
                keep=self.options.checkpoint.resume,
            )
        self.reporter.report(plan)
        for notice in find_differences(plan, self.options.stored, self.task):
            self.reporter.report(notice)


def find_differences(plan: Plan, stored: RunRecord, task: PaintingTask) -> Iterator[Notice]:
    """Yield the reasons why a repeated run will differ: another network, or missing masks and the like."""
    if stored.model_sha256 not in ("", plan.model_sha256):
        yield Notice(
            "other-network",
            f"The settings were recorded with another network than {plan.model} (SHA-256 "
            f"{stored.model_sha256[:12]} instead of {plan.model_sha256[:12]}). The picture will differ.",
        )
    if stored.unused:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in stored.unused)
        yield Notice(
            "unused-settings",
            f"Not taken from the picture or report of --settings: {names}.",
            "Such settings belong to a machine; give them as options if the painting needs them.",
        )
    control = task.control.as_metadata()
    missing = [
        f"--{'region' if name == 'regions' else name}" for name in stored.control if name not in control
    ]
    if missing:
        yield Notice(
            "other-control",
            f"The settings were recorded together with {', '.join(missing)}. Without them the picture will "
            "differ.",
        )


def _write_report(
    folder: OutputFolder,
    history: run_report.RunHistory,
    result: Result,
    task: PaintingTask,
    texture_size: str,
) -> None:
    """Write the two files of the report."""
    files = {
        "content": task.content,
        "styles": [[style.path, style.weight] for style in task.styles],
        "texture_size": texture_size,
        **task.control.as_metadata(),
    }
    report = run_report.report_json(history, result, files).encode()
    replace_file(folder.new_file(run_report.REPORT_FILE), report, force=True)
    curves = run_report.draw_loss_curves(history.steps)
    replace_file(folder.new_file(run_report.CURVES_FILE), curves, force=True)


def _report_result(reporter: ProgressReporter, result: Result, options: RunOptions, path: Path) -> None:
    """Report where the picture is and how it was painted."""
    picture = result.picture
    sentence = f"{display_name(path)}: {picture.width} x {picture.height}, {result.seconds:.1f} s"
    if result.stopped:
        last = result.curve[-1]
        sentence += f"; stopped at level {last.level + 1} of {len(result.levels)}, iteration {last.iteration}"
    if result.unfinished and options.checkpoint.written:
        sentence += " (the same command with --resume goes on from there)"
    reporter.finish(
        f"{sentence}.",
        {
            "path": str(path),
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
            "frames": str(options.frames) if options.frames else None,
            "report": str(options.report) if options.report else None,
        },
        is_news=options.is_default_output,
    )
