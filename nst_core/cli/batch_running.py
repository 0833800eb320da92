"""The run of ``nst batch``: picture by picture here, or all over a cluster; told as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nst_core.batch.folder import FATAL_ERRORS, BatchTask, Outcome, failures, paint_file
from nst_core.batch.mask_folders import MaskFolders
from nst_core.cli.folders import check_folder
from nst_core.cli.inputs import read_start
from nst_core.cli.interrupts import listening
from nst_core.cli.telling import ProgressReporter, reporting_progress
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice
from nst_core.images.files import check_not_an_input
from nst_core.images.masks import read_mask
from nst_core.images.names import display_name
from nst_core.images.read import read_picture
from nst_core.job.control_files import ControlFiles
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore

KEPT = "Broken off; the pictures that were finished are kept, and the same command goes on with the others."


@dataclass(frozen=True)
class Order:
    """What a batch is to do: errands, how many of the folder's pictures were done before, and with what.

    The masks of ``control`` may be folders.
    """

    errands: Sequence[BatchTask]
    done: int
    folder: Path
    output: Path
    styles: Sequence[tuple[str, float]]
    control: ControlFiles
    settings: Settings


def run(order: Order, given: Mapping[str, Any]) -> None:
    """Do the batch.

    Raises:
        NstError: what concerns all pictures (styles, settings, the network, the folder); the code of the
            first failure where single pictures could not be painted.
        BrokenOff: the user broke it off; what was finished is kept.
    """
    store = ModelStore(given["store"])
    if given["address"]:
        from nst_core.batch.ray_cluster import check_installed

        check_installed()
    check_folder(order.output, force=True)
    with (
        reporting_progress(
            as_json=given["as_json"], progress=given["progress"], verbose=given["verbose"]
        ) as teller,
        listening(teller.say, KEPT) as interrupts,
    ):
        masks = MaskFolders(order.control, order.folder)
        _check_output(order, masks)
        _check_shared(order, masks)
        network = store.resolve(order.settings.model, lambda _notice: None)
        order.output.mkdir(parents=True, exist_ok=True)
        progress = _Telling(teller, order)
        errands = list(_with_masks(order, masks, progress))
        if not errands:
            pass
        elif given["address"]:
            from nst_core.batch.ray_cluster import connect_to_ray, paint_all
            from nst_core.batch.ray_painter import BatchPayload

            shared = [*masks.shared, *order.control.parts, *order.control.pictures]
            commission = BatchPayload.of(network, order.styles, order.settings, shared)
            with connect_to_ray(given["address"], given["painters"]) as ray:
                paint_all(
                    ray, errands, commission, given["painters"], progress.outcome,
                    force=given["force"], look=interrupts.look,
                )  # fmt: skip
        else:
            _paint_here(order, errands, store, progress, force=given["force"])
        progress.end()


def _check_output(order: Order, masks: MaskFolders) -> None:
    """Refuse results among what is read: what lies there would be taken for results, or written over.

    Raises:
        NstError: ``bad-setting``.
    """
    for folder, what in ((order.folder, "the pictures"), *((Path(mask), "masks") for mask in masks.files)):
        if order.output.exists() and order.output.samefile(folder):
            raise NstError(
                ErrorCode.BAD_SETTING,
                f"{display_name(order.output)} is the folder of {what}.",
                "Choose another folder for the results with -o.",
            )


def _check_shared(order: Order, masks: MaskFolders) -> None:
    """Read what all pictures have in common: what is wrong with it is said once, before anything begins.

    Raises:
        NstError: what is wrong with it.
    """
    read_start(order.settings, lambda _event: None)
    for path in (*(path for path, _ in order.styles), *order.control.pictures):
        read_picture(path)
    for path in (*masks.shared, *order.control.parts):
        if not read_mask(path).any():
            raise NstError(
                ErrorCode.BAD_IMAGE,
                f"The mask {display_name(path)} is black all over.",
                "White is what counts.",
            )


def _with_masks(order: Order, masks: MaskFolders, progress: _Telling) -> Iterator[BatchTask]:
    """Find each picture's masks; those that have none are told of now, not hours later."""
    for errand in order.errands:
        try:
            found = replace(errand, control=masks.of(errand.source))
            check_not_an_input(found.target, found.read(order.styles, order.settings))
            yield found
        except NstError as error:
            progress.outcome(Outcome(errand, error=error), ())


def _paint_here(
    order: Order, errands: Sequence[BatchTask], store: ModelStore, progress: _Telling, *, force: bool
) -> None:
    """Paint one picture after the other in this process."""
    for errand in errands:
        progress.begin(errand)
        try:
            watch = RunCallbacks(progress.event)
            result = paint_file(errand, order.styles, order.settings, store, watch, force=force)
            outcome = Outcome(errand, result.seconds)
        except NstError as error:
            if error.code in FATAL_ERRORS:
                raise
            outcome = Outcome(errand, error=error)
        progress.outcome(outcome, ())


class _Telling:
    """Counts outcomes and tells of them; a notice that was told is not told again."""

    def __init__(self, teller: ProgressReporter, order: Order) -> None:
        self.teller = teller
        self.order = order
        self.outcomes: list[Outcome] = []
        self.told: set[str] = set()
        if order.done:
            self.teller.say(f"{order.done} of {self._all} are there already; --force paints them anew.")

    @property
    def _all(self) -> int:
        return len(self.order.errands) + self.order.done

    def begin(self, errand: BatchTask) -> None:
        number = self.order.done + len(self.outcomes) + 1
        self.teller.step(f"{errand.source.name}, {number} of {self._all}")

    def event(self, event: Event) -> None:
        if isinstance(event, Notice):
            if event.message in self.told:
                return
            self.told.add(event.message)
        self.teller.event(event)

    def outcome(self, outcome: Outcome, notices: tuple[str, ...]) -> None:
        for message in notices:
            self.event(Notice("painter", message))
        self.outcomes.append(outcome)
        name = display_name(outcome.errand.source)
        if outcome.error is not None:
            self.teller.say(f"{name}: {outcome.error}")
        else:
            self.teller.say(f"{display_name(outcome.errand.target)}: {outcome.seconds:.1f} s")

    def end(self) -> None:
        """Tell of the end.

        Raises:
            NstError: some pictures could not be painted.
        """
        failed = failures(self.outcomes)
        painted = len(self.outcomes) - len(failed)
        sentence = f"{display_name(self.order.output)}: {painted} painted"
        fields = {
            "output": str(self.order.output),
            "painted": [str(done.errand.target) for done in self.outcomes if done.error is None],
            "there_already": self.order.done,
            "failed": {str(each.errand.source): str(each.error) for each in failed},
        }
        if failed:
            first = failed[0].error
            assert first is not None  # noqa: S101 -- it is among the failures
            raise NstError(
                first.code,
                f"{len(failed)} of {len(self.outcomes)} pictures could not be painted.",
                "What is wrong with each was said above; the others are in "
                + display_name(self.order.output)
                + ".",
            )
        self.teller.done(f"{sentence}.", fields)
