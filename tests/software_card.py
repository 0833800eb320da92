"""SwiftShader, a graphics card in software, for tests of WebGPU on machines without a card.

It comes from Debian's package of Chromium, which brings a Vulkan loader too. The package is downloaded and
unpacked into the tests' cache and not installed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import platformdirs

PACKAGE = "chromium-common"

FILES = ("libvk_swiftshader.so", "vk_swiftshader_icd.json", "libvulkan.so.1")

DRIVERS = "VK_ICD_FILENAMES"


class NotHere(Exception):  # noqa: N818 - a state of the machine
    """SwiftShader cannot be had on this machine; the text is the reason."""


def provide() -> Path:
    """Return the folder with SwiftShader and the Vulkan loader, made once for each user.

    Raises:
        NotHere: this is no Linux of Debian's kind, or the package cannot be downloaded.
    """
    cache = os.environ.get("NST_TEST_CACHE") or platformdirs.user_cache_path("nst-tests", appauthor=False)
    folder = Path(cache) / "swiftshader"
    if (folder / FILES[-1]).exists():
        return folder
    if sys.platform != "linux" or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise NotHere(f"SwiftShader comes from Debian's package {PACKAGE}, and this is no Debian")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{folder}.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                _unpack(_download(Path(scratch)), Path(scratch) / "swiftshader")
                (Path(scratch) / "swiftshader").rename(folder)
    return folder


def _download(folder: Path) -> Path:
    command = ["apt-get", "-o", "Acquire::Retries=2", "download", PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    packages = list(folder.glob("*.deb"))
    if not packages:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotHere(f"Debian's package {PACKAGE} cannot be downloaded: {reason}")
    return packages[0]


def _unpack(package: Path, folder: Path) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    folder.mkdir()
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        for member in archive:
            name = Path(member.name).name
            content = archive.extractfile(member) if name in FILES else None
            if content is not None:
                (folder / name).write_bytes(content.read())
    missing = [name for name in FILES if not (folder / name).exists()]
    if missing:
        raise NotHere(f"Debian's package {PACKAGE} has no {', '.join(missing)}")


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which another process finds SwiftShader and the loader in ``folder``."""
    return {DRIVERS: str(folder / "vk_swiftshader_icd.json"), "LD_LIBRARY_PATH": str(folder)}


@contextmanager
def in_this_process() -> Iterator[None]:
    """Let this process find SwiftShader, and no other device.

    A library that is loaded already is found by its name, wherever it is. So the loader stays until the end.
    """
    folder = provide()
    ctypes.CDLL(str(folder / "libvulkan.so.1"), mode=ctypes.RTLD_GLOBAL)
    before = os.environ.get(DRIVERS)
    os.environ[DRIVERS] = environment(folder)[DRIVERS]
    try:
        yield
    finally:
        os.environ.pop(DRIVERS)
        if before is not None:
            os.environ[DRIVERS] = before


def command_with_a_card(command: list[str], *cards: tuple[int, int]) -> list[str]:
    """Return ``command`` so that it runs where the kernel lists ``cards``, each (vendor, device). Needs root.

    The cards are files in a mount namespace of the command's own, in place of /sys.
    """
    script = ["mount -t tmpfs none /sys"]
    for index, (vendor, device) in enumerate(cards):
        folder = f"/sys/class/drm/card{index}/device"
        script += [f"mkdir -p {folder}", f"echo {vendor:#06x} > {folder}/vendor"]
        script += [f"echo {device:#06x} > {folder}/device", f"echo 0x030000 > {folder}/class"]
    script.append('exec "$@"')
    return ["unshare", "--mount", "sh", "-ec", "\n".join(script), "sh", *command]
