"""A painter of a batch over several devices, and what travels to it and back.

Pictures travel as the bytes of their files, and so do their masks, the styles and the network, so that no
machine but the one that asked needs the files. What a painter needs on disk lies in a private temporary
folder of its own and goes with it. Knows nothing of how it is started; see :mod:`nst_core.batch.ray_cluster`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nst_core import __version__
from nst_core.batch.folder import BatchTask, Styles, paint_file
from nst_core.errors import NstError
from nst_core.events import Event, Notice
from nst_core.images.file_io import open_input
from nst_core.job.control_files import ControlFiles
from nst_core.job.model import start_file
from nst_core.painting.memory import MACHINE_SHARE
from nst_core.painting.run import RunCallbacks
from nst_core.settings import Settings, make_settings, parse_bytes
from nst_core.system.free_memory import available_memory
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore


@dataclass(frozen=True)
class FilePayload:
    """A file on its way to another machine: its name, for its suffix and for reports, and its bytes."""

    name: str
    data: bytes

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FilePayload:
        """Pack a file.

        Raises:
            NstError: ``missing-file`` or ``unreadable-file``.
        """
        with open_input(path) as file:
            return cls(Path(path).name, file.read())

    def unpack(self, folder: Path) -> Path:
        """Write the file into ``folder`` and return its path."""
        path = folder / Path(self.name).name
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True)
class BatchPayload:
    """What all pictures of a batch have in common, packed."""

    network: FilePayload
    styles: tuple[tuple[FilePayload, float], ...]
    settings: dict[str, Any]
    own: FilePayload | None = None
    shared: Mapping[str, FilePayload] = field(default_factory=dict)

    @classmethod
    def of(
        cls, network: Network, styles: Styles, settings: Settings, shared: Iterable[str] = ()
    ) -> BatchPayload:
        """Pack a network, styles, settings, and the files that the controls of all pictures have in common.

        Raises:
            NstError: a file cannot be read.
        """
        start = start_file(settings)
        own = FilePayload.of(start) if start else None
        named = {**settings.model_dump(mode="json"), "model": network.name}
        return cls(
            FilePayload.of(network.path),
            tuple((FilePayload.of(path), weight) for path, weight in styles),
            named,
            own,
            {path: FilePayload.of(path) for path in shared},
        )


@dataclass(frozen=True)
class TaskPayload:
    """One picture on its way: its bytes, its control and those of the control's files that are its own.

    ``result`` is the name, for the suffix, of the file to send back.
    """

    picture: FilePayload
    control: ControlFiles
    own: Mapping[str, FilePayload]
    result: str

    @classmethod
    def of(cls, errand: BatchTask, shared: Container[str]) -> TaskPayload:
        """Pack an errand.

        Raises:
            NstError: a file cannot be read.
        """
        own = {path: FilePayload.of(path) for path in errand.control.files if path not in shared}
        return cls(FilePayload.of(errand.source), errand.control, own, errand.target.name)


@dataclass(frozen=True)
class TaskResult:
    """What a painter sends back: a file's bytes, or an error as plain words; and what it noticed."""

    data: bytes = b""
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    error: tuple[str, str, str] | None = None


class Painter:
    """One process of the cluster, with a folder of its own for as long as it lives."""

    def __init__(self, commission: BatchPayload, version: str, beside: int) -> None:
        if version != __version__:
            raise RuntimeError(f"nst {__version__} is installed here, {version} where the batch was started")
        self.folder = tempfile.TemporaryDirectory(prefix="nst-")
        root = Path(self.folder.name)
        self.store = ModelStore(root / "models")
        self.store.root.mkdir()
        commission.network.unpack(self.store.root)
        styles = dict(enumerate(parcel for parcel, _ in commission.styles))
        places = _unpacked(styles, root / "styles")
        self.styles = [(places[index], weight) for index, (_, weight) in enumerate(commission.styles)]
        self.shared = _unpacked(commission.shared, root / "shared")
        self.recorded = make_settings(commission.settings)
        here: dict[str, Any] = {}
        if commission.own is not None:
            here["init"] = str(commission.own.unpack(root))
        if beside > 1:
            here["max_memory"] = str(memory_share(self.recorded, beside))
        self.settings = make_settings({**commission.settings, **here})

    def begun(self) -> None:
        """Answer once the painter can paint."""

    def paint(self, work: TaskPayload) -> TaskResult:
        """Paint one picture."""
        notices = list[str]()

        def on_event(event: Event) -> None:
            if isinstance(event, Notice):
                notices.append(event.message)

        with tempfile.TemporaryDirectory(dir=self.folder.name) as place:
            target = Path(place) / "result" / work.result
            target.parent.mkdir()
            try:
                control = work.control.moved({**self.shared, **_unpacked(work.own, Path(place) / "control")})
                errand = BatchTask(work.picture.unpack(Path(place)), target, control)
                watch = RunCallbacks(on_event)
                done = paint_file(
                    errand, self.styles, self.settings, self.store, watch, recorded=self.recorded
                )
                return TaskResult(target.read_bytes(), done.seconds, tuple(notices))
            except NstError as error:
                told = (error.code.value, error.message, error.hint)
                return TaskResult(notices=tuple(notices), error=told)

    def close(self) -> None:
        """Delete the folder."""
        self.folder.cleanup()


def memory_share(settings: Settings, beside: int) -> int:
    """Return the bytes that each of ``beside`` painters on a machine may take of what is free or allowed."""
    allowed = parse_bytes(settings.max_memory) or MACHINE_SHARE * available_memory()
    return int(allowed / beside)


Key = TypeVar("Key", str, int)


def _unpacked(parcels: Mapping[Key, FilePayload], folder: Path) -> dict[Key, str]:
    """Write files into ``folder``, each into a folder of its own: they may have the same name."""
    found: dict[Key, str] = {}
    for number, (key, parcel) in enumerate(parcels.items()):
        place = folder / str(number)
        place.mkdir(parents=True)
        found[key] = str(parcel.unpack(place))
    return found
