"""Run ``nst batch``: paint the pictures one after another here, or all of them on a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from nst_core.backends.choose import open_engine
from nst_core.backends.tiling.style_memory import memory_for_series
from nst_core.batch.claims import Claimed, Claims
from nst_core.batch.folder import FATAL_ERRORS, BatchTask, PaintOptions, TaskOutcome, paint_file
from nst_core.batch.mask_folders import MaskFolders
from nst_core.batch.plan import plan_batch
from nst_core.batch.ray_cluster import BatchCallbacks, check_ray_installed, connect_to_ray, paint_all
from nst_core.batch.ray_painter import BatchPayload
from nst_core.batch.sheet import check_sheet, write_sheet
from nst_core.cli.batch_options import BatchOptions
from nst_core.cli.batch_report import BatchReporter, BatchRequest
from nst_core.cli.file_arguments import read_start
from nst_core.cli.interrupts import Interrupts, catch_interrupts
from nst_core.cli.output_folders import check_folder
from nst_core.cli.progress_output import open_reporter
from nst_core.errors import ErrorCode, NstError
from nst_core.images.display_name import display_name
from nst_core.images.file_io import check_not_an_input
from nst_core.images.masks import read_mask
from nst_core.images.read import read_picture
from nst_core.painting.run import RunCallbacks
from nst_core.settings import parse_bytes
from nst_core.vgg.store import ModelStore

WAIT_SECONDS = 1.0
"""Interval between two looks at what another run is painting."""

CANCELLED = "Cancelled; the finished pictures are kept. Run the command again with --resume to continue."


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
        ExitStack() as exits,
    ):
        masks = MaskFolders(request.control, request.folder)
        _check_output(request, masks)
        _check_shared_files(request, masks)
        _check_colours(request)
        if options.sheet:
            _check_sheet(options.sheet, request, force=options.force)
        network = store.resolve(request.settings.model, lambda _notice: None)
        for target_folder in {request.output, *(task.target.parent for task in request.found.tasks)}:
            target_folder.mkdir(parents=True, exist_ok=True)
        batch_reporter = BatchReporter(reporter, request)
        tasks = list(_assign_masks(request, masks, batch_reporter))
        claims = exits.enter_context(claim_results(tasks))
        if tasks and options.ray_address:
            shared = [*masks.shared_masks, *request.control.style_masks, *request.control.pictures]
            payload = BatchPayload.pack(network, request.styles, request.settings, shared)
            payload = replace(payload, keep_location=options.keep_location)
            cluster = _Cluster(options, claims, batch_reporter, interrupts)
            cluster.paint(tasks, payload)
        else:
            if tasks:
                batch_reporter.say_plan(len(tasks), _plan(tasks, request, store, batch_reporter))
            painter = _Painter(request, store, claims, batch_reporter)
            painter.paint(tasks, options)
        if options.sheet:
            count = write_sheet(options.sheet, request.found.results, request.output, batch_reporter.report)
            batch_reporter.report_sheet(options.sheet, count)
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


def _check_colours(request: BatchRequest) -> None:
    """Refuse series colours where no part of any picture gets the style's colours.

    Raises:
        NstError: ``bad-setting``.
    """
    keep_colors, regions = request.settings.keep_colors, request.control.regions
    modes = {region.keep_colors or keep_colors for region in regions}
    if request.styles or not regions:
        modes.add(keep_colors)
    if request.settings.series_colors and "none" not in modes:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"--series-colors needs the colours of the style, and with --keep-colors {keep_colors} no part "
            "of the pictures has them.",
            "Leave out one of them.",
        )


def _check_sheet(sheet: Path, request: BatchRequest, *, force: bool) -> None:
    """Check that the contact sheet can be written.

    Raises:
        NstError: it cannot, or it would replace a file that is needed.
    """
    control = request.control
    pictures = [path for path, _ in request.styles]
    check_not_an_input(sheet, [*pictures, *control.pictures, *control.masks, *control.style_masks])
    check_folder(sheet.parent, force=True)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    check_sheet(sheet, request.found, force=force)


def _plan(
    tasks: Sequence[BatchTask], request: BatchRequest, store: ModelStore, reporter: BatchReporter
) -> float:
    """Return the seconds that the tasks are expected to take here.

    Raises:
        NstError: nothing can be painted: ``no-engine``, ``no-model``.
    """
    engine = open_engine(request.settings, store, reporter.report)
    try:
        styles = [path for path, _ in request.styles]
        return plan_batch(tasks, styles, request.control, request.settings, engine)
    finally:
        engine.close()


def _assign_masks(request: BatchRequest, masks: MaskFolders, reporter: BatchReporter) -> Iterator[BatchTask]:
    """Yield the tasks with their masks; report pictures without a mask now, not hours later."""
    for task in request.found.tasks:
        try:
            task_with_masks = replace(task, control=masks.control_for(task.source))
            check_not_an_input(
                task_with_masks.target, task_with_masks.input_files(request.styles, request.settings)
            )
            yield task_with_masks
        except NstError as error:
            reporter.report_outcome(TaskOutcome(task, error=error), ())


@contextmanager
def claim_results(tasks: Sequence[BatchTask]) -> Iterator[Claims]:
    """Share the tasks with other runs on the same folder while the block runs."""
    claims = Claims(task.target for task in tasks)
    try:
        yield claims
    finally:
        claims.release_all()


@dataclass(frozen=True)
class _Painter:
    """Paints one picture after another in this process."""

    request: BatchRequest
    store: ModelStore
    claims: Claims
    reporter: BatchReporter

    def paint(self, tasks: Sequence[BatchTask], options: BatchOptions) -> None:
        """Paint the tasks; those that another run is painting come last, in case it does not finish them."""
        paint_options = PaintOptions(
            self.request.styles,
            self.request.settings,
            force=options.force,
            keep_location=options.keep_location,
            keep_states=True,
            resume=options.resume,
            memory=memory_for_series(parse_bytes(self.request.settings.max_memory)),
        )
        waiting = list(tasks)
        while waiting:
            claimed_elsewhere = [task for task in waiting if not self._take(task, paint_options)]
            if len(claimed_elsewhere) == len(waiting):
                self.reporter.say_waiting(waiting)
                time.sleep(WAIT_SECONDS)
            waiting = claimed_elsewhere

    def _take(self, task: BatchTask, options: PaintOptions) -> bool:
        """Paint a task unless another run has painted it; return False if another run is painting it."""
        claimed = self.claims.claim(task.target)
        if claimed is Claimed.ELSEWHERE:
            return False
        if claimed is Claimed.DONE:
            self.reporter.report_painted_elsewhere(task)
            return True
        try:
            self._paint_one(task, options)
        finally:
            self.claims.release(task.target)
        return True

    def _paint_one(self, task: BatchTask, options: PaintOptions) -> None:
        self.reporter.start_task(task)
        try:
            result = paint_file(task, options, self.store, RunCallbacks(on_event=self.reporter.report))
        except NstError as error:
            if error.code in FATAL_ERRORS:
                raise
            if error.code is ErrorCode.OUTPUT_EXISTS and self.claims.is_done(task.target):
                self.reporter.report_painted_elsewhere(task)
            else:
                self.reporter.report_outcome(TaskOutcome(task, error=error), ())
        else:
            self.reporter.report_outcome(TaskOutcome(task, result.seconds), ())


@dataclass(frozen=True)
class _Cluster:
    """Paints pictures on a Ray cluster, several at once."""

    options: BatchOptions
    claims: Claims
    reporter: BatchReporter
    interrupts: Interrupts

    def paint(self, tasks: Sequence[BatchTask], payload: BatchPayload) -> None:
        """Paint the tasks, but those that another run is painting."""
        address, painters = self.options.ray_address or "", self.options.painters
        callbacks = BatchCallbacks(
            self._report_outcome, check_stop=self.interrupts.raise_if_cancelled, may_paint=self._may_paint
        )
        with connect_to_ray(address, painters) as ray:
            paint_all(ray, tasks, payload, callbacks, painters=painters, force=self.options.force)

    def _may_paint(self, task: BatchTask) -> bool:
        if self.claims.claim(task.target) is Claimed.HERE:
            return True
        self.reporter.report_painted_elsewhere(task)
        return False

    def _report_outcome(self, outcome: TaskOutcome, notices: tuple[str, ...]) -> None:
        self.claims.release(outcome.task.target)
        self.reporter.report_outcome(outcome, notices)
