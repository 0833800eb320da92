"""A folder of pictures, each painted to a file of its own.

Paths, styles and settings come in; files, and an :class:`Outcome` for each, go out. One picture
that cannot be painted does not keep the others from it. :mod:`nst_core.batch.ray_cluster` paints the same errands on
many devices at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nst_core.errors import ErrorCode, NstError
from nst_core.events import OnEvent
from nst_core.images.display_name import display_name
from nst_core.images.picture import Picture
from nst_core.images.picture_folder import list_pictures
from nst_core.images.read import read_picture
from nst_core.images.write import check_writable, write_picture
from nst_core.job.control_files import ControlFiles, read_control_files
from nst_core.job.metadata import describe_run
from nst_core.job.model import Job, WeightedStyle, start_file
from nst_core.job.prepare import painted_size
from nst_core.job.run import Result, run_job
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings
from nst_core.vgg.store import ModelStore

FATAL_ERRORS = (ErrorCode.DISK_FULL, ErrorCode.NO_MODEL, ErrorCode.NO_ENGINE)
"""Errors of one picture after which the next would fare no better."""

Styles = Sequence[tuple[str, float]]
"""Style pictures by path, with their shares in the blend."""


@dataclass(frozen=True)
class BatchTask:
    """One picture to paint, the file to paint it to, and what says which style goes where in it."""

    source: Path
    target: Path
    control: ControlFiles = field(default_factory=ControlFiles)

    def read(self, styles: Styles, settings: Settings) -> list[str]:
        """Return the files that painting it reads."""
        start = start_file(settings)
        named = [str(self.source), *(path for path, _ in styles), *self.control.files]
        return [*named, start] if start else named


@dataclass(frozen=True)
class Outcome:
    """What became of an errand: the seconds it took, or why it could not be done."""

    errand: BatchTask
    seconds: float = 0.0
    error: NstError | None = None


def find_tasks(folder: Path, output: Path, suffix: str, *, force: bool) -> tuple[list[BatchTask], int]:
    """Return what there is to do for the pictures of ``folder``, by name, and how many are done already.

    A picture whose result lies in ``output`` is done, unless ``force``; so a batch that was broken off goes
    on where it was. Two pictures that differ in their suffix alone keep it in their results' names.

    Raises:
        NstError: ``missing-file``, ``unreadable-file``; ``bad-setting`` where the folder has no pictures.
    """
    try:
        files = list_pictures(folder)
    except FileNotFoundError:
        raise NstError(
            ErrorCode.MISSING_FILE, f"There is no folder {display_name(folder)}.", "Check its name."
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NstError(
            ErrorCode.UNREADABLE_FILE,
            f"The folder {display_name(folder)} cannot be read: {reason}.",
            "Name a folder of pictures; for a single picture there is `nst stylize`.",
        ) from None
    if not files:
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"There are no pictures in {display_name(folder)}.",
            "Name a folder with pictures in it.",
        )
    stems = [path.stem.lower() for path in files]
    errands, done = list[BatchTask](), 0
    for path, stem in zip(files, stems, strict=True):
        name = path.name if stems.count(stem) > 1 else path.stem
        target = output / f"{name}{suffix}"
        if target.exists() and not force:
            done += 1
        else:
            errands.append(BatchTask(path, target))
    return errands, done


def paint_file(
    errand: BatchTask,
    styles: Styles,
    settings: Settings,
    store: ModelStore,
    watch: RunCallbacks,
    *,
    force: bool = False,
    recorded: Settings | None = None,
) -> Result:
    """Paint one picture and write it; ``recorded`` are the settings that its file names, None being these.

    Raises:
        NstError: whatever keeps it from being painted; nothing is written then.
    """
    content = read_picture(errand.source, on_notice=watch.on_event)
    plain = Job(content, read_styles(styles, watch.on_event), settings, read_own(settings, watch.on_event))
    job = read_control_files(plain, errand.control, watch.on_event)
    check_writable(errand.target, force, painted_size(job))
    result = run_job(job, watch, store)
    write_picture(
        result.picture,
        errand.target,
        force=force,
        metadata=describe_run(
            replace(result, settings=recorded or settings),
            content=str(errand.source),
            styles=list(styles),
            control=errand.control.recorded(),
        ),
        on_notice=watch.on_event,
    )
    return result


def read_styles(styles: Styles, on_event: OnEvent) -> tuple[WeightedStyle, ...]:
    """Read the style pictures."""
    return tuple(WeightedStyle(read_picture(path, on_notice=on_event), weight) for path, weight in styles)


def read_own(settings: Settings, on_event: OnEvent) -> Picture | None:
    """Read the picture that the settings name to start from, if they name one."""
    path = start_file(settings)
    return None if path is None else read_picture(path, on_notice=on_event)


def failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the outcomes of pictures that could not be painted."""
    return [outcome for outcome in outcomes if outcome.error is not None]
