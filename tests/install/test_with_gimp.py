"""Quickstart on a system with GIMP 3: GIMP finds the filter, and the result has two layers.

The plug-in and GIMP are real; the engine is the tests' fake, which copies pixels. ``bare-root`` does the same
with the real engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gimp.start import HERE, locate_gimp
from tests.install.checkout import PATIENCE, REPOSITORY, Checkout


@pytest.fixture
def gimp_prefix(checkout: Checkout, tmp_path: Path) -> list[str]:
    """Return the start of a command line that runs the rest in GIMP's system as that user."""
    kind, location = locate_gimp("3.0")
    for name in ("install/samples", "gimp_plugin/neural-style"):
        shutil.rmtree(checkout.folder / name, ignore_errors=True)
        shutil.copytree(
            REPOSITORY / name, checkout.folder / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "mode").write_text("copy")
    (fake / "real").write_text("[]")
    checkout.variables.update(
        NST_PYTHON=str(HERE / "fake_engine.py"),
        NST_FAKE=str(fake),
        TMPDIR=str(fake),
        PATH="/usr/local/bin:/usr/bin:/bin" if kind == "root" else os.environ["PATH"],
        GSETTINGS_BACKEND="memory",
    )
    if kind == "root":
        checkout.variables["LC_ALL"] = "de_DE.UTF-8"  # GIMP prints its version in the user's language
    else:
        checkout.variables["GIMP_CONSOLE"] = str(location)
    prefix = ["env", "-i", *(f"{name}={value}" for name, value in checkout.environment().items())]
    if kind == "root":
        prefix = [str(HERE / "enter"), str(location), str(REPOSITORY), *prefix]
        return prefix if os.getuid() == 0 else ["sudo", "-n", *prefix]
    return prefix


def test_quickstart_paints_in_a_gimp_that_was_never_started(
    checkout: Checkout, gimp_prefix: list[str]
) -> None:
    command = [*gimp_prefix, str(checkout.folder / "install" / "quickstart"), "--size", "64"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    picture, layers = (Path(line.strip()) for line in done.stdout.strip().splitlines()[-2:])
    assert picture.suffix == ".png"
    assert layers.suffix == ".xcf"
    profile = checkout.home / ".config" / "GIMP" / "3.0"
    assert (profile / "gimprc").exists() or (profile / "pluginrc").exists()  # made by GIMP, not the installer
    assert len(xcf_layers(layers.read_bytes())) == 2
    uninstall = [*gimp_prefix, *checkout.command("uninstall", "--delete-weights", python="python3")]
    removed = subprocess.run(uninstall, capture_output=True, text=True, timeout=PATIENCE)
    assert removed.returncode == 0, removed.stderr
    assert not (profile / "plug-ins" / "neural-style").exists()


def xcf_layers(content: bytes) -> list[int]:
    """Return the offsets of an XCF's layers, a zero-terminated list of 64-bit numbers."""
    assert content[:9] == b"gimp xcf "
    position = 14 + 12 + 4  # magic and version; width, height, mode; precision
    while True:
        kind, size = (
            int.from_bytes(content[position : position + 4], "big"),
            int.from_bytes(content[position + 4 : position + 8], "big"),
        )
        position += 8 + size
        if kind == 0:
            break
    offsets = []
    while offset := int.from_bytes(content[position : position + 8], "big"):
        offsets.append(offset)
        position += 8
    return offsets
