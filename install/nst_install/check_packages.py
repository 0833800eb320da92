"""Compares every installed file with the RECORD of its package. Run by the environment's own Python.

Prints a clause for each file that is missing or was modified; the exit code is 1 if there is one.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import sys
from pathlib import Path


def locate(distribution: importlib.metadata.Distribution, file: importlib.metadata.PackagePath) -> Path:
    """Return where a file of a distribution is.

    ``pip install --target`` puts scripts beside the packages, but records their usual place.
    """
    beside = Path(str(distribution.locate_file(f"{file.parent.name}/{file.name}")))
    return beside if ".." in file.parts and beside.exists() else Path(str(file.locate()))


def main() -> int:
    """Check every distribution."""
    exit_code = 0
    for distribution in importlib.metadata.distributions():
        for file in distribution.files or ():
            if file.hash is None or file.suffix == ".pyc":
                continue
            path = locate(distribution, file)
            try:
                with path.open("rb") as stream:
                    digest = hashlib.new(file.hash.mode)
                    for block in iter(lambda: stream.read(1 << 20), b""):
                        digest.update(block)
            except OSError:
                print(f"{path} is missing")
                exit_code = 1
                continue
            if base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() != file.hash.value:
                print(f"{path} was modified")
                exit_code = 1
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
