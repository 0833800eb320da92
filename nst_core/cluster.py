"""Errands of a batch over the devices of one machine or of a cluster, through Ray.

Pictures travel as the bytes of their files, and so do their masks, the styles and the network, so that no
machine but the one that asked needs the files; each needs nst installed, in the same version. A painter is a
process with one GPU, or, where the cluster has none, with a share of a machine's processors. What it needs on
disk lies in a private temporary folder of its own and goes with it.

Ray is imported here and nowhere else. On one machine without a cluster it is started for the batch alone,
listens on the loopback address only, reports to nobody, and is ended with the batch.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nst_core import __version__
from nst_core.batch import Errand, Outcome, Styles, paint_file
from nst_core.control import Control
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Event, Notice
from nst_core.images.files import opened, replace_file
from nst_core.preparing import BUILT_IN_STARTS
from nst_core.settings import Settings, make_settings
from nst_core.transfer.run import Watch
from nst_core.vgg.network import Network
from nst_core.vgg.store import ModelStore

if TYPE_CHECKING:
    from types import ModuleType

LOCAL = "local"
"""The address that means: this machine, without a cluster."""

LONGEST_SCRATCH = 40
"""Characters of the path of Ray's folder on this machine."""

FAREWELL_SECONDS = 10.0
"""How long painters are given to delete their folders."""


@dataclass(frozen=True)
class Parcel:
    """A file on its way to another machine: its name, for its suffix and for reports, and its bytes."""

    name: str
    data: bytes

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Parcel:
        """Pack a file.

        Raises:
            NstError: ``missing-file`` or ``unreadable-file``.
        """
        with opened(path) as file:
            return cls(Path(path).name, file.read())

    def unpack(self, folder: Path) -> Path:
        """Write the file into ``folder`` and return its path."""
        path = folder / Path(self.name).name
        path.write_bytes(self.data)
        return path


@dataclass(frozen=True)
class Commission:
    """What all pictures of a batch have in common, packed."""

    network: Parcel
    styles: tuple[tuple[Parcel, float], ...]
    settings: dict[str, Any]
    own: Parcel | None = None
    shared: Mapping[str, Parcel] = field(default_factory=dict)

    @classmethod
    def of(
        cls, network: Network, styles: Styles, settings: Settings, shared: Iterable[str] = ()
    ) -> Commission:
        """Pack a network, styles, settings, and the files that the controls of all pictures have in common.

        Raises:
            NstError: a file cannot be read.
        """
        own = None if settings.init in BUILT_IN_STARTS else Parcel.of(settings.init)
        named = {**settings.model_dump(mode="json"), "model": network.name}
        return cls(
            Parcel.of(network.path),
            tuple((Parcel.of(path), weight) for path, weight in styles),
            named,
            own,
            {path: Parcel.of(path) for path in shared},
        )


@dataclass(frozen=True)
class Assignment:
    """One picture on its way: its bytes, its control and those of the control's files that are its own.

    ``result`` is the name, for the suffix, of the file to send back.
    """

    picture: Parcel
    control: Control
    own: Mapping[str, Parcel]
    result: str

    @classmethod
    def of(cls, errand: Errand, shared: Container[str]) -> Assignment:
        """Pack an errand.

        Raises:
            NstError: a file cannot be read.
        """
        own = {path: Parcel.of(path) for path in errand.control.files if path not in shared}
        return cls(Parcel.of(errand.source), errand.control, own, errand.target.name)


@dataclass(frozen=True)
class Reply:
    """What a painter sends back: a file's bytes, or an error as plain words; and what it noticed."""

    data: bytes = b""
    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    error: tuple[str, str, str] | None = None


class Painter:
    """One process of the cluster, with a folder of its own for as long as it lives."""

    def __init__(self, commission: Commission, version: str) -> None:
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
        named = dict(commission.settings)
        if commission.own is not None:
            named["init"] = str(commission.own.unpack(root))
        self.settings = make_settings(named)

    def paint(self, work: Assignment) -> Reply:
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
                errand = Errand(work.picture.unpack(Path(place)), target, control)
                done = paint_file(errand, self.styles, self.settings, self.store, Watch(on_event))
                return Reply(target.read_bytes(), done.seconds, tuple(notices))
            except NstError as error:
                told = (error.code.value, error.message, error.hint)
                return Reply(notices=tuple(notices), error=told)

    def close(self) -> None:
        """Delete the folder."""
        self.folder.cleanup()


Key = TypeVar("Key", str, int)


def _unpacked(parcels: Mapping[Key, Parcel], folder: Path) -> dict[Key, str]:
    """Write files into ``folder``, each into a folder of its own: they may have the same name."""
    found: dict[Key, str] = {}
    for number, (key, parcel) in enumerate(parcels.items()):
        place = folder / str(number)
        place.mkdir(parents=True)
        found[key] = str(parcel.unpack(place))
    return found


def check_installed() -> None:
    """Make sure that Ray is there.

    Raises:
        NstError: ``bad-setting``.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise NstError(
            ErrorCode.BAD_SETTING,
            "--ray needs Ray, which is not installed beside nst.",
            "Install it into the same environment: python -m pip install ray.",
        ) from None


@contextmanager
def connected(address: str, painters: int) -> Iterator[ModuleType]:
    """Connect to the cluster at ``address``, or start Ray on this machine for as long as the block runs.

    Raises:
        NstError: ``bad-setting`` where nobody answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray

    scratch: str | None = None
    # What RAY_ADDRESS names is a cluster that nobody asked for.
    former = {name: os.environ.get(name) for name in ("RAY_ADDRESS", "TMPDIR")}
    os.environ.pop("RAY_ADDRESS", None)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == LOCAL:
            scratch = _short_folder()
            os.environ["TMPDIR"] = scratch  # the painters' too: they inherit it
            ray.init(
                address=LOCAL,
                num_cpus=max(painters, os.cpu_count() or 1),
                include_dashboard=False,
                _node_ip_address="127.0.0.1",
                _temp_dir=scratch,
                **quiet,
            )
        else:
            ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
        _remove(scratch)
        _restore(former)
        raise NstError(
            ErrorCode.BAD_SETTING,
            f"Ray cannot be reached at {address}: {str(error).splitlines()[0]}",
            "Name the address that `ray start --head` printed, or local.",
        ) from None
    try:
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()
        _remove(scratch)
        _restore(former)


def paint_all(
    ray: ModuleType,
    errands: Sequence[Errand],
    commission: Commission,
    painters: int,
    on_outcome: Callable[[Outcome, tuple[str, ...]], None],
    *,
    force: bool,
) -> None:
    """Paint ``errands`` with as many ``painters`` (0: as the cluster has GPUs, or machines), in any order.

    ``on_outcome`` hears of each picture when its file is written, and what was noticed about it.

    Raises:
        NstError: ``no-engine`` where painters cannot be started, or die.
    """
    gpus = int(ray.cluster_resources().get("GPU", 0))
    count = min(painters or gpus or len(ray.nodes()), len(errands))
    share = {"num_gpus": 1} if gpus else {"num_cpus": _processors(ray, count)}
    packed = ray.put(commission)
    actor = ray.remote(**share)(Painter)
    crew = [actor.remote(packed, __version__) for _ in range(count)]
    waiting = list(reversed(errands))
    busy: dict[Any, tuple[Any, Errand]] = {}

    def give_work(painter: Any) -> None:
        while waiting:
            errand = waiting.pop()
            try:
                work = Assignment.of(errand, commission.shared)
            except NstError as error:
                on_outcome(Outcome(errand, error=error), ())
                continue
            busy[painter.paint.remote(work)] = painter, errand
            return

    try:
        for painter in crew:
            give_work(painter)
        while busy:
            (ready,), _ = ray.wait(list(busy), num_returns=1)
            painter, errand = busy.pop(ready)
            reply: Reply = ray.get(ready)
            on_outcome(_outcome(errand, reply, force), reply.notices)
            give_work(painter)
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise NstError(
            ErrorCode.NO_ENGINE,
            f"A painter of the cluster failed: {reason}",
            "Check that every machine has this version of nst, and memory; then run the command again.",
        ) from None
    finally:
        farewells = [painter.close.remote() for painter in crew]
        with suppress(Exception):
            ray.wait(farewells, num_returns=len(farewells), timeout=FAREWELL_SECONDS)
        for painter in crew:
            with suppress(Exception):
                ray.kill(painter)


def _outcome(errand: Errand, reply: Reply, force: bool) -> Outcome:
    if reply.error is not None:
        code, message, hint = reply.error
        return Outcome(errand, error=NstError(ErrorCode(code), message, hint))
    try:
        replace_file(errand.target, reply.data, force)
    except NstError as error:
        return Outcome(errand, error=error)
    return Outcome(errand, reply.seconds)


def _processors(ray: ModuleType, painters: int) -> int:
    """Return how many processors of a machine one painter may have, where there are no GPUs."""
    machines = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    smallest = min([cpus for cpus in machines if cpus] or [1])
    return max(1, smallest * len(machines) // painters)


def _short_folder() -> str:
    """Make a private folder for Ray's sockets, whose paths may have 107 characters, Ray's own 65 included."""
    folder = tempfile.mkdtemp(prefix="nst-")
    if os.name == "posix" and len(folder) > LONGEST_SCRATCH:
        shutil.rmtree(folder)
        folder = tempfile.mkdtemp(prefix="nst-", dir="/tmp")
    return folder


def _restore(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _remove(folder: str | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
