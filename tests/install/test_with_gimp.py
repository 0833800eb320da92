"""The quickstart where a GIMP 3 is: the filter is found by GIMP and leaves a picture with two layers.

The real plug-in and a real GIMP; the engine is the tests' fake, which copies pixels. ``bare-root`` does the
same with the real engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.gimp.start import HERE, located
from tests.install.checkout import REPOSITORY, Checkout


@pytest.fixture
def world(checkout: Checkout, tmp_path: Path) -> list[str]:
    """Return the command that enters GIMP's world with that user's environment."""
    kind, place = located("3.0")
    for part in ("install/samples", "gimp_plugin/neural-style"):
        shutil.rmtree(checkout.folder / part, ignore_errors=True)
        shutil.copytree(
            REPOSITORY / part, checkout.folder / part, ignore=shutil.ignore_patterns("__pycache__")
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
        checkout.variables["LC_ALL"] = "de_DE.UTF-8"  # GIMP says in its user's language what it is
    else:
        checkout.variables["GIMP_CONSOLE"] = str(place)
    line = ["env", "-i", *(f"{name}={value}" for name, value in checkout.environment().items())]
    if kind == "root":
        line = [str(HERE / "enter"), str(place), str(REPOSITORY), *line]
        return line if os.getuid() == 0 else ["sudo", "-n", *line]
    return line


def test_a_gimp_that_was_never_started(checkout: Checkout, world: list[str]) -> None:
    command = [*world, str(checkout.folder / "install" / "quickstart"), "--size", "64"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    picture, layers = (Path(line.strip()) for line in done.stdout.strip().splitlines()[-2:])
    assert picture.suffix == ".png"
    assert layers.suffix == ".xcf"
    profile = checkout.home / ".config" / "GIMP" / "3.0"
    assert (profile / "gimprc").exists() or (profile / "pluginrc").exists()  # GIMP made it, not the installer
    assert len(xcf_layers(layers.read_bytes())) == 2
    removed = subprocess.run([*world, *checkout.command("uninstall", "--delete-weights", python="python3")],
                             capture_output=True, text=True, timeout=60)  # fmt: skip
    assert removed.returncode == 0, removed.stderr
    assert not (profile / "plug-ins" / "neural-style").exists()


def xcf_layers(content: bytes) -> list[int]:
    """Return where an XCF's layers are: 64-bit offsets that a zero ends, after the image's properties."""
    assert content[:9] == b"gimp xcf "
    at = 14 + 12 + 4  # magic and version; width, height, mode; precision
    while True:
        kind, size = (
            int.from_bytes(content[at : at + 4], "big"),
            int.from_bytes(content[at + 4 : at + 8], "big"),
        )
        at += 8 + size
        if kind == 0:
            break
    offsets = []
    while offset := int.from_bytes(content[at : at + 8], "big"):
        offsets.append(offset)
        at += 8
    return offsets
