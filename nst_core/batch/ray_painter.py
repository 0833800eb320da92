"""The painter: a process on a Ray cluster that paints the pictures of a batch; and the data it exchanges.

Pictures, masks, styles and the network are sent as the bytes of their files, so that only the machine that
started the batch needs the files. A painter stores what it needs on disk in a private temporary folder, and
deletes it in the end. :mod:`nst_core.batch.ray_cluster` starts painters; this module does not depend on Ray.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nst_core import __version__
from nst_core.backends.tiling.style_memory import memory_for_series
from nst_core.batch.folder import BatchTask, PaintOptions, Styles, paint_file
from nst_core.errors import NstError
from nst_core.events import Event, Notice
from nst_core.images.decode import allow_pixels, pixel_limit
from nst_core.images.file_io import open_input
from nst_core.job.control_files import ControlFiles
from nst_core.job.model import init_image_path
from nst_core.painting.memory_budget import MACHINE_SHARE
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings, make_settings, parse_bytes
from nst_core.system.free_memory import available_memory
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True)
class FilePayload:
    """A file to send to another machine: its name, for the suffix and for reports, and its bytes."""

    name: str
    data: bytes

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> FilePayload:
        """Read a file.

        Raises:
            NstError: ``missing-file`` or ``unreadable-file``.
        """
        with open_input(path) as file:
            return cls(Path(path).name, file.read())

    def write(self, folder: Path) -> Path:
        """Write the file into ``folder`` and return its path."""
        path = folder / Path(self.name).name
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True, kw_only=True)
class BatchPayload:
    """Data shared by all tasks of a batch, with the bytes of the files. ``settings`` are names and values."""

    network: FilePayload
    styles: tuple[tuple[FilePayload, float], ...]
    settings: dict[str, Any]
    init_image: FilePayload | None = None
    shared_files: Mapping[str, FilePayload] = field(default_factory=dict)
    max_pixels: int = field(default_factory=pixel_limit)
    keep_location: bool = False

    @classmethod
    def pack(
        cls, network: Network, styles: Styles, settings: Settings, shared_files: Iterable[str] = ()
    ) -> BatchPayload:
        """Read the network, the styles, and the control files that all tasks share.

        Raises:
            NstError: a file cannot be read.
        """
        init_image = init_image_path(settings)
        return cls(
            network=FilePayload.read(network.path),
            styles=tuple((FilePayload.read(path), weight) for path, weight in styles),
            settings={**settings.model_dump(mode="json"), "model": network.name},
            init_image=FilePayload.read(init_image) if init_image else None,
            shared_files={path: FilePayload.read(path) for path in shared_files},
        )


@dataclass(frozen=True)
class TaskPayload:
    """A task, with the bytes of the picture and of ``files``, the control files that only this task uses.

    ``result_name`` is the name, for its suffix, of the file to send back.
    """

    picture: FilePayload
    control: ControlFiles
    files: Mapping[str, FilePayload]
    result_name: str

    @classmethod
    def pack(cls, task: BatchTask, shared_files: Container[str]) -> TaskPayload:
        """Read the files of a task, except those in ``shared_files``.

        Raises:
            NstError: a file cannot be read.
        """
        files = {path: FilePayload.read(path) for path in task.control.files if path not in shared_files}
        return cls(FilePayload.read(task.source), task.control, files, task.target.name)


@dataclass(frozen=True)
class TaskResult:
    """A painter's answer: the result file's bytes, or an error as (code, message, hint); and the notices."""

    data: bytes = b""
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    error: tuple[str, str, str] | None = None


class Painter:
    """A process of the cluster, with a temporary folder that lasts as long as the process."""

    def __init__(self, payload: BatchPayload, version: str, painters_per_machine: int) -> None:
        check_version(version)
        self.folder = tempfile.TemporaryDirectory(prefix="nst-")
        root = Path(self.folder.name)
        self.store = ModelStore(root / "models")
        self.store.root.mkdir()
        payload.network.write(self.store.root)
        style_files = dict(enumerate(file for file, _ in payload.styles))
        style_paths = _write_files(style_files, root / "styles")
        self.shared_paths = _write_files(payload.shared_files, root / "shared")
        recorded_settings = make_settings(payload.settings)
        local_settings: dict[str, Any] = {}
        if payload.init_image is not None:
            local_settings["init"] = str(payload.init_image.write(root))
        if painters_per_machine > 1:
            local_settings["max_memory"] = str(memory_share(recorded_settings, painters_per_machine))
        self.max_pixels = payload.max_pixels
        self.options = PaintOptions(
            styles=[(style_paths[index], weight) for index, (_, weight) in enumerate(payload.styles)],
            settings=make_settings({**payload.settings, **local_settings}),
            recorded_settings=recorded_settings,
            keep_location=payload.keep_location,
            memory=memory_for_series(parse_bytes(recorded_settings.max_memory) // painters_per_machine),
        )

    def ready(self) -> None:
        """Return once the painter is ready to paint."""

    def paint(self, payload: TaskPayload) -> TaskResult:
        """Paint one picture."""
        notices = list[str]()

        def on_event(event: Event) -> None:
            if isinstance(event, Notice):
                notices.append(str(event))

        with tempfile.TemporaryDirectory(dir=self.folder.name) as name:
            folder = Path(name)
            target = folder / "result" / payload.result_name
            target.parent.mkdir()
            try:
                own_paths = _write_files(payload.files, folder / "control")
                control = payload.control.with_paths({**self.shared_paths, **own_paths})
                task = BatchTask(payload.picture.write(folder), target, control)
                with allow_pixels(self.max_pixels):
                    result = paint_file(task, self.options, self.store, RunCallbacks(on_event=on_event))
                return TaskResult(target.read_bytes(), result.seconds, tuple(notices))
            except NstError as error:
                described = (error.code.value, error.message, error.hint)
                return TaskResult(notices=tuple(notices), error=described)

    def close(self) -> None:
        """Delete the temporary folder."""
        self.folder.cleanup()


def check_version(version: str) -> None:
    """Check that this machine has the ``version`` of who starts painters.

    Raises:
        RuntimeError: it has another one.
    """
    if version != __version__:
        raise RuntimeError(f"nst {__version__} is installed here, but the batch was started by nst {version}")


def memory_share(settings: Settings, painters: int) -> int:
    """Return the bytes that each of ``painters`` on a machine may use, of what is free or allowed there."""
    allowed = parse_bytes(settings.max_memory) or MACHINE_SHARE * available_memory()
    return int(allowed / painters)


Key = TypeVar("Key", str, int)


def _write_files(files: Mapping[Key, FilePayload], folder: Path) -> dict[Key, str]:
    """Write each file into its own folder within ``folder``, as names may repeat; return the paths."""
    paths: dict[Key, str] = {}
    for number, (key, file) in enumerate(files.items()):
        file_folder = folder / str(number)
        file_folder.mkdir(parents=True)
        paths[key] = str(file.write(file_folder))
    return paths
