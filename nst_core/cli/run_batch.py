"""Run ``nst batch``: paint the pictures one after another here, or all of them on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.batch.folder import (
    FATAL_ERRORS,
    BatchTask,
    PaintOptions,
    TaskOutcome,
    failed_outcomes,
    paint_file,
)
from nst_core.batch.mask_folders import MaskFolders
from nst_core.batch.ray_cluster import BatchCallbacks, check_ray_installed, connect_to_ray, paint_all
from nst_core.batch.ray_painter import BatchPayload
from nst_core.cli.batch_options import BatchOptions
from nst_core.cli.file_arguments import read_start
from nst_core.cli.interrupts import Interrupts, catch_interrupts
from nst_core.cli.output_folders import check_folder
from nst_core.cli.progress_output import ProgressReporter, open_reporter
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.images.masks import read_mask
from nst_core.images.read import read_picture
from nst_core.job.control_files import ControlFiles
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore

CANCELLED = "Cancelled; the finished pictures are kept. Run the command again with --resume to continue."


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """A batch to paint: the tasks, and what all of them share.

    ``finished`` is the number of pictures in ``folder`` that have a result already. The masks of ``control``
    may be folders.
    """

    tasks: Sequence[BatchTask]
    finished: int
    folder: Path
    output: Path
    styles: Sequence[tuple[str, float]]
    control: ControlFiles
    settings: Settings


def run_batch(request: BatchRequest, options: BatchOptions) -> None:
    """Paint a batch.

    Raises:
        NstError: something that all pictures share is wrong (styles, settings, the network, the folder); or
            some pictures could not be painted (the code is that of the first failure).
        Cancelled: the user cancelled; the finished pictures are kept.
    """
    store = ModelStore(options.store)
    if options.ray_address:
        if options.resume:
            raise NstError(
                ErrorCode.BAD_SETTING,
                "With --ray no picture goes on where it was interrupted.",
                "Leave out --resume: the same command paints the pictures that are missing.",
            )
        check_ray_installed()
    check_folder(request.output, force=True)
    with (
        open_reporter(options.reporting) as reporter,
        catch_interrupts(reporter.say, CANCELLED) as interrupts,
    ):
        masks = MaskFolders(request.control, request.folder)
        _check_output(request, masks)
        _check_shared_files(request, masks)
        network = store.resolve(request.settings.model, lambda _notice: None)
        request.output.mkdir(parents=True, exist_ok=True)
        batch_reporter = _BatchReporter(reporter, request)
        tasks = list(_assign_masks(request, masks, batch_reporter))
        if tasks and options.ray_address:
            shared = [*masks.shared_masks, *request.control.style_masks, *request.control.pictures]
            payload = BatchPayload.pack(network, request.styles, request.settings, shared)
            payload = replace(payload, keep_location=options.keep_location)
            _paint_on_cluster(tasks, payload, options, batch_reporter, interrupts)
        else:
            _paint_here(request, tasks, store, batch_reporter, options)
        batch_reporter.finish(is_default_output=options.output is None)


def _check_output(request: BatchRequest, masks: MaskFolders) -> None:
    """Refuse a folder of inputs as the output: its files would be taken for results, or overwritten.

    Raises:
        NstError: ``bad-setting``.
    """
    inputs = [(request.folder, "pictures"), *((Path(mask), "masks") for mask in masks.folders)]
    for folder, content in inputs:
        if request.output.exists() and request.output.samefile(folder):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"{display_name(request.output)} is the folder of the {content}.",
                "Choose another folder for the results with -o.",
            )


def _check_shared_files(request: BatchRequest, masks: MaskFolders) -> None:
    """Read the files that all pictures share, so that errors are reported once, before painting begins.

    Raises:
        NstError: a file cannot be used.
    """
    read_start(request.settings, lambda _event: None)
    for path in (*(path for path, _ in request.styles), *request.control.pictures):
        read_picture(path)
    for path in (*masks.shared_masks, *request.control.style_masks):
        if not read_mask(path).any():
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"The mask {display_name(path)} is completely black.",
                "Make the area that it selects white.",
            )


def _assign_masks(request: BatchRequest, masks: MaskFolders, reporter: _BatchReporter) -> Iterator[BatchTask]:
    """Yield the tasks with their masks; report pictures without a mask now, not hours later."""
    for task in request.tasks:
        try:
            task_with_masks = replace(task, control=masks.control_for(task.source))
            check_not_an_input(
                task_with_masks.target, task_with_masks.input_files(request.styles, request.settings)
            )
            yield task_with_masks
        except NstError as error:
            reporter.report_outcome(TaskOutcome(task, error=error), ())


def _paint_here(
    request: BatchRequest,
    tasks: Sequence[BatchTask],
    store: ModelStore,
    reporter: _BatchReporter,
    options: BatchOptions,
) -> None:
    """Paint one picture after another in this process."""
    callbacks = RunCallbacks(on_event=reporter.report)
    paint_options = PaintOptions(
        request.styles,
        request.settings,
        force=options.force,
        keep_location=options.keep_location,
        keep_states=True,
        resume=options.resume,
    )
    for task in tasks:
        reporter.start_task(task)
        try:
            result = paint_file(task, paint_options, store, callbacks)
            outcome = TaskOutcome(task, result.seconds)
        except NstError as error:
            if error.code in FATAL_ERRORS:
                raise
            outcome = TaskOutcome(task, error=error)
        reporter.report_outcome(outcome, ())


def _paint_on_cluster(
    tasks: Sequence[BatchTask],
    payload: BatchPayload,
    options: BatchOptions,
    reporter: _BatchReporter,
    interrupts: Interrupts,
) -> None:
    """Paint the pictures on a Ray cluster, several at once."""
    assert options.ray_address  # noqa: S101 -- the reason for being here
    callbacks = BatchCallbacks(reporter.report_outcome, check_stop=interrupts.raise_if_cancelled)
    with connect_to_ray(options.ray_address, options.painters) as ray:
        paint_all(ray, tasks, payload, callbacks, painters=options.painters, force=options.force)


class _BatchReporter:
    """Counts and reports the outcomes of a batch. Reports each notice only once."""

    def __init__(self, reporter: ProgressReporter, request: BatchRequest) -> None:
        self.reporter = reporter
        self.request = request
        self.outcomes: list[TaskOutcome] = []
        self.reported_notices: set[str] = set()
        if request.finished:
            self.reporter.say(
                f"{request.finished} of {self._total} results already exist and are skipped. "
                "Use --force to paint them again."
            )

    @property
    def _total(self) -> int:
        return len(self.request.tasks) + self.request.finished

    def start_task(self, task: BatchTask) -> None:
        """Report that a picture is about to be painted."""
        number = self.request.finished + len(self.outcomes) + 1
        self.reporter.start_step(f"{task.source.name} ({number} of {self._total})")

    def report(self, event: Event) -> None:
        """Report an event of the current picture."""
        if isinstance(event, Notice):
            if str(event) in self.reported_notices:
                return
            self.reported_notices.add(str(event))
        self.reporter.report(event)

    def report_outcome(self, outcome: TaskOutcome, notices: tuple[str, ...]) -> None:
        """Report a picture that was painted or could not be painted, and the notices about it."""
        for message in notices:
            self.report(Notice("painter", message))
        self.outcomes.append(outcome)
        if outcome.error is not None:
            self.reporter.say(f"{display_name(outcome.task.source)}: {outcome.error}")
        else:
            self.reporter.say(f"{display_name(outcome.task.target)}: {outcome.seconds:.1f} s")

    def finish(self, *, is_default_output: bool) -> None:
        """Report the end of the batch.

        Raises:
            NstError: some pictures could not be painted.
        """
        failed = failed_outcomes(self.outcomes)
        output = display_name(self.request.output)
        if failed:
            first_error = failed[0].error
            assert first_error is not None  # noqa: S101 -- it is among the failures
            raise NstError(
                first_error.code,
                f"{len(failed)} of {len(self.outcomes)} pictures could not be painted.",
                f"The reasons are given above. The other results are in {output}.",
            )
        painted = [str(outcome.task.target) for outcome in self.outcomes]
        self.reporter.finish(
            f"{output}: painted {len(painted)} {'picture' if len(painted) == 1 else 'pictures'}.",
            {
                "output": str(self.request.output),
                "painted": painted,
                "there_already": self.request.finished,
                "failed": {},
            },
            is_news=is_default_output,
        )
