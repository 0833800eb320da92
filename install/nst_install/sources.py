"""Sources of packages and networks: the package index that is configured, or a folder made by `bundle`."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from nst_install.errors import InstallError

MANIFEST = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A folder for offline machines: ``wheels/`` and ``models/``, with all SHA-256 in ``bundle.json``.

    ``engine`` is a name in :mod:`nst_install.engines`, ``python`` a version like "3.12", ``system`` and
    ``machine`` are ``sys.platform`` and ``platform.machine()``; ``files`` is SHA-256 by relative path.
    """

    folder: Path
    engine: str
    python: str
    system: str
    machine: str
    files: dict[str, str]

    def check(self) -> None:
        """Check that every file is there and intact.

        Raises:
            InstallError: a file is missing or damaged.
        """
        for name, expected in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise InstallError(f"The bundle lacks {name}.", "Make it again with `install.py bundle`.")
            if sha256_of(path) != expected:
                raise InstallError(
                    f"{path} is damaged: its SHA-256 does not match the bundle's list.",
                    "Copy the bundle again, or make it again with `install.py bundle`.",
                )

    def models(self) -> list[Path]:
        """Return the files of the networks in the bundle."""
        return sorted((self.folder / "models").glob("*.onnx"))


@dataclass(frozen=True)
class PackageSource:
    """Sources of packages for pip: a bundle or None, and the options and variables that pip gets."""

    bundle: Bundle | None = None
    pip_options: list[str] = field(default_factory=list)
    pip_environment: dict[str, str] = field(default_factory=dict)


def online() -> PackageSource:
    """Return the source that the user has configured for pip."""
    return PackageSource()


def offline(folder: Path) -> PackageSource:
    """Return a bundle as the only source, after checking its files.

    Raises:
        InstallError: ``folder`` is not a bundle, or is damaged.
    """
    try:
        fields = json.loads((folder / MANIFEST).read_text("utf-8"))
        bundle = Bundle(
            folder=folder,
            engine=str(fields["engine"]),
            python=str(fields["python"]),
            system=str(fields["system"]),
            machine=str(fields["machine"]),
            files=dict(fields["files"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise InstallError(
            f"{folder} is not a folder made by `install.py bundle`.",
            "Make one on a machine of the same kind that has internet access: `install.py bundle FOLDER`.",
        ) from None
    bundle.check()
    wheels = str(folder / "wheels")
    return PackageSource(
        bundle,
        pip_options=["--no-index", "--find-links", wheels],
        pip_environment={
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "",
            "PIP_EXTRA_INDEX_URL": "",
        },
    )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
