"""Where packages and weights come from: the package index that is set up, or a folder made by `bundle`."""

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
    """A prepared folder: ``wheels/`` and ``models/``, the SHA-256 of each file in ``bundle.json``."""

    folder: Path
    engine: str
    python: str
    system: str
    machine: str
    files: dict[str, str]

    def check(self) -> None:
        """Make sure that every file is there and whole.

        Raises:
            InstallError: one is not.
        """
        for name, expected in self.files.items():
            path = self.folder / name
            if not path.is_file():
                raise InstallError(f"The bundle lacks {name}.", "Make it again with `install.py bundle`.")
            if sha256_of(path) != expected:
                raise InstallError(
                    f"{path} is not the file that was put into the bundle: its SHA-256 is another.",
                    "Copy the bundle again, or make it again with `install.py bundle`.",
                )

    def models(self) -> list[Path]:
        """List the networks in it."""
        return sorted((self.folder / "models").glob("*.onnx"))


@dataclass(frozen=True)
class Source:
    """What pip is told about where to look."""

    bundle: Bundle | None = None
    pip_options: list[str] = field(default_factory=list)
    pip_environment: dict[str, str] = field(default_factory=dict)


def online() -> Source:
    """Use what the user has set up for pip."""
    return Source()


def offline(folder: Path) -> Source:
    """Use a bundle, checked, and nothing else.

    Raises:
        InstallError: it is none, or not whole.
    """
    try:
        said = json.loads((folder / MANIFEST).read_text("utf-8"))
        what = (str(said[name]) for name in ("engine", "python", "system", "machine"))
        bundle = Bundle(folder, *what, dict(said["files"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise InstallError(
            f"{folder} is no folder that `install.py bundle` made.",
            "Make one on a machine of the same kind that has a network: `install.py bundle FOLDER`.",
        ) from None
    bundle.check()
    wheels = str(folder / "wheels")
    return Source(
        bundle,
        ["--no-index", "--find-links", wheels],
        {
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
