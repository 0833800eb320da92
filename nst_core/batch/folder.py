"""Paint the pictures of a folder, each to its own file.

Takes paths, styles and settings; writes files and returns a :class:`TaskOutcome` for each. A picture that
cannot be painted does not stop the others. :mod:`nst_core.batch.ray_cluster` paints the same tasks on several
devices at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from nst_core.backends.tiling.style_memory import StyleMemory
from nst_core.batch.missed_files import describe_missed
from nst_core.batch.result_names import name_results
from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.picture_folder import FolderContents, scan_folder
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable, storable, write_picture
from nst_core.job.checkpoint import Checkpoint, checkpoint_path
from nst_core.job.control_files import ControlFiles, read_control_files
from nst_core.job.metadata import describe_run
from nst_core.job.model import Job, WeightedStyle, init_image_path
from nst_core.job.prepare import painted_size
from nst_core.job.run import Result, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore

FATAL_ERRORS = (ErrorCode.DISK_FULL, ErrorCode.NO_MODEL, ErrorCode.NO_ENGINE)
"""Errors that end a batch, because every other picture would fail too."""

Styles = Sequence[tuple[str, float]]
"""Paths of style pictures, with their weights in the blend."""


@dataclass(frozen=True)
class BatchTask:
    """A picture to paint, the file to write, and the control files for it."""

    source: Path
    target: Path
    control: ControlFiles = field(default_factory=ControlFiles)

    def input_files(self, styles: Styles, settings: Settings) -> list[str]:
        """Return the files that the task reads."""
        init_image = init_image_path(settings)
        files = [str(self.source), *(path for path, _ in styles), *self.control.files]
        return [*files, init_image] if init_image else files


@dataclass(frozen=True)
class PaintOptions:
    """Options that all pictures of a batch share.

    ``recorded_settings`` are the settings to store in the results, if not ``settings``. ``force`` overwrites
    existing files. ``keep_location`` copies the place where a photograph was taken to its result.
    ``keep_states`` keeps the state of the picture that is painted, and ``resume`` goes on from it. ``memory``
    remembers what is computed of the styles from one picture to the next.
    """

    styles: Styles
    settings: Settings
    _: KW_ONLY
    recorded_settings: Settings | None = None
    force: bool = False
    keep_location: bool = False
    keep_states: bool = False
    resume: bool = False
    memory: StyleMemory | None = None


@dataclass(frozen=True)
class TaskOutcome:
    """Outcome of a task: the seconds it took, or the error that stopped it."""

    task: BatchTask
    seconds: float = 0.0
    error: NstError | None = None


class FoundTasks(NamedTuple):
    """The tasks for a folder, how many of its pictures are done already, and what else is in it.

    ``results`` are the files of all results by name, whether they exist or not.
    """

    tasks: list[BatchTask]
    finished: int
    contents: FolderContents
    results: list[Path]


def find_tasks(
    folder: Path,
    output: Path,
    suffix: str,
    *,
    force: bool,
    recursive: bool = False,
    excluded: Iterable[Path] = (),
) -> FoundTasks:
    """Return the tasks for the pictures of ``folder``, by name.

    A picture whose result exists in ``output`` is done, unless ``force`` is given; so an interrupted batch
    continues where it stopped. With ``recursive``, the folders in ``folder`` are painted as well, each to a
    folder of its name in ``output``. Neither ``output`` nor a folder in ``excluded`` is looked through.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``; ``bad-setting`` if the folder has no pictures.
    """
    contents = _scan_source(folder, (output, *excluded), recursive=recursive)
    by_folder: dict[Path, list[Path]] = {}
    for path in contents.pictures:
        by_folder.setdefault(path.parent, []).append(path)
    tasks, results = list[BatchTask](), list[Path]()
    for source_folder, pictures in by_folder.items():
        target_folder = output / source_folder.relative_to(folder)
        names = name_results(pictures, target_folder, suffix)
        for path, name in zip(pictures, names, strict=True):
            target = target_folder / name
            results.append(target)
            if force or not target.exists():
                tasks.append(BatchTask(path, target))
    return FoundTasks(tasks, len(results) - len(tasks), contents, results)


def _scan_source(folder: Path, excluded: Iterable[Path], *, recursive: bool) -> FolderContents:
    """Return what is in ``folder``: at least one picture.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``; ``bad-setting`` if there are none.
    """
    try:
        contents = scan_folder(folder, recursive=recursive, excluded=excluded)
    except FileNotFoundError:
        raise NstError(
            ErrorCode.MISSING_FILE,
            f"The folder {display_name(folder)} does not exist.",
            "Check its name.",
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NstError(
            ErrorCode.UNREADABLE_FILE,
            f"The folder {display_name(folder)} cannot be read: {reason}.",
            "Give a folder of pictures. For a single picture, use `nst stylize`.",
        ) from None
    if not contents.pictures:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"There are no pictures in {display_name(folder)} that can be painted.",
            " ".join(describe_missed(contents)) or "Give a folder that contains pictures.",
        )
    return contents


def paint_file(task: BatchTask, options: PaintOptions, store: ModelStore, callbacks: RunCallbacks) -> Result:
    """Paint one picture and write its file.

    Raises:
        NstError: the picture cannot be painted; then nothing is written.
    """
    on_event = callbacks.on_event
    job = Job(
        content=storable(read_picture(task.source, on_notice=on_event), task.target, on_event),
        styles=read_styles(options.styles, on_event),
        settings=options.settings,
        init_image=read_init_image(options.settings, on_event),
    )
    job = read_control_files(job, task.control, on_event)
    check_writable(task.target, force=options.force, size=painted_size(job))
    checkpoint = None
    if options.keep_states:
        path, name = checkpoint_path(task.target), display_name(task.target)
        checkpoint = Checkpoint(path, resume=options.resume, name=name, expected=False)
    result = run_job(job, callbacks, store, checkpoint=checkpoint, styles=options.memory)
    write_picture(
        result.picture,
        task.target,
        force=options.force,
        metadata=describe_run(
            replace(result, settings=options.recorded_settings or options.settings),
            content=str(task.source),
            styles=list(options.styles),
            control=task.control.as_metadata(),
        ),
        on_notice=on_event,
        keep_location=options.keep_location,
    )
    if checkpoint is not None:
        checkpoint.remove()
    return result


def read_styles(styles: Styles, on_event: OnEvent) -> tuple[WeightedStyle, ...]:
    """Read the style pictures."""
    return tuple(WeightedStyle(read_picture(path, on_notice=on_event), weight) for path, weight in styles)


def read_init_image(settings: Settings, on_event: OnEvent) -> Picture | None:
    """Read the picture that ``settings.init`` names, if it names one."""
    path = init_image_path(settings)
    return None if path is None else read_picture(path, on_notice=on_event)


def failed_outcomes(outcomes: Iterable[TaskOutcome]) -> list[TaskOutcome]:
    """Return the outcomes of tasks that failed."""
    return [outcome for outcome in outcomes if outcome.error is not None]
