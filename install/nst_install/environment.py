"""The engine's environment: a virtual environment with exactly the pinned packages, made beside the old one.

Comes in: a Python, an engine, a source of packages. Goes out: the folder of a whole environment. One that
was not finished has the marker ``.incomplete`` in it and is named by no record; the next run deletes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path

from nst_install import tools
from nst_install.console import Console
from nst_install.engines import Engine, TorchBuild
from nst_install.errors import InstallError, disk_full, from_os
from nst_install.places import REQUIREMENTS, Places, python_in
from nst_install.processes import Finished, run
from nst_install.pythons import Python, find_python
from nst_install.sources import Source

MARKER = ".incomplete"
BUILD_TOOLS = ".build"
TEMPORARY = ".tmp"
"""Where pip unpacks what it fetches: on the environment's own disk, as /tmp may be small, or memory."""


def pins_hash(engine: Engine) -> str:
    """Return a hash of everything that decides what an engine's environment holds."""
    digest = hashlib.sha256(engine.name.encode())
    for path in (engine.requirements, REQUIREMENTS / "build.txt", REQUIREMENTS / "tools.json"):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    digest.update(repr(sorted(engine.torch_builds.items())).encode())
    return digest.hexdigest()


def check_space(places: Places, engine: Engine) -> None:
    """Refuse a disk that has no room for the environment, before anything is fetched.

    Raises:
        InstallError: it has not.
    """
    free = shutil.disk_usage(places.data).free // 10**6
    if free < engine.megabytes:
        raise InstallError(
            f"The disk that holds {places.data} has {free} MB free, and {engine.megabytes} MB are needed.",
            "Make room and run the command again.",
        )


def fault(places: Places, folder: Path, console: Console) -> str:
    """Say what keeps an environment from working since it was made, in a sentence; empty for nothing.

    A system that is upgraded may put another Python where the environment looks for its own, which then
    finds no package.
    """
    _, made_for = made_with(folder)
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = run([str(python_in(folder, places.platform)), "-I", "-c", script], console, timeout=60)
    if done.code != 0:
        return "The environment's Python does not start."
    now = done.tail.strip()
    if made_for and now != made_for:
        return f"The environment was made for Python {made_for}, and its Python is {now} now."
    return ""


def made_with(folder: Path) -> tuple[Path, str]:
    """Return the folder of the Python that an environment was made with, and its version, "3.11"."""
    try:
        said = (folder / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        said = ""
    home = re.search(r"^home *= *(.+)$", said, re.MULTILINE)
    version = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", said, re.MULTILINE)
    return Path(home[1].strip() if home else ""), version[1] if version else ""


def make_environment(
    places: Places, python: Python, engine: Engine, source: Source, console: Console
) -> Path:
    """Make an environment and return its folder. When it fails, nothing of it stays.

    Raises:
        InstallError: a package cannot be had or is not what was pinned; the disk is full.
    """
    check_space(places, engine)
    folder = places.data / f"venv-{secrets.token_hex(3)}"
    pip = Pip(places, folder, source, console)
    try:
        folder.mkdir()
        (folder / MARKER).write_text(time.strftime("%Y-%m-%d %H:%M:%S\n"), "utf-8")
        pip.seed(python)
        build = folder / BUILD_TOOLS
        pip.install(["--require-hashes", "--target", str(build), "-r", str(REQUIREMENTS / "build.txt")])
        pip.build_tools = build
        pip.install(["--require-hashes", "--no-build-isolation", "-r", str(engine.requirements)])
        torch_build = engine.torch_build()
        if torch_build:
            pip.install_torch(torch_build)
        shutil.rmtree(build, ignore_errors=True)
        pip.build_tools = None
        pip.check()
    except OSError as error:
        delete(folder)
        raise from_os(folder, error) from None
    except BaseException:
        delete(folder)
        raise
    return folder


def make_empty(places: Places, folder: Path, source: Source, console: Console) -> int:
    """Make an environment with the pinned pip in it and nothing else, in ``folder``. Returns the exit code.

    Raises:
        InstallError: there is no Python for it, or pip cannot be had.
    """
    folder = folder.expanduser().absolute()
    if folder.exists():
        raise InstallError(f"{folder} exists already.", "Name another folder.")
    python = find_python("auto", places, source, console)
    try:
        Pip(places, folder, source, console).seed(python)
    except BaseException:
        delete(folder)
        raise
    console.say(f"{folder}: Python {python.version}")
    return 0


def finish(folder: Path) -> None:
    """Take the marker away: from here on the environment is whole."""
    try:
        (folder / MARKER).unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise from_os(folder, error) from None


def delete(folder: Path) -> None:
    """Delete a folder as far as it can be; what an open file keeps is deleted by the next run."""
    shutil.rmtree(folder, ignore_errors=True)


class Pip:
    """pip in one environment: what it is told, and what its failures mean."""

    def __init__(self, places: Places, folder: Path, source: Source, console: Console) -> None:
        self.places = places
        self.folder = folder
        self.python = str(python_in(folder, places.platform))
        self.source = source
        self.console = console
        self.build_tools: Path | None = None
        self._file = ""

    def seed(self, python: Python) -> None:
        """Make the bare environment and put the pinned pip into it.

        Where pip's wheel cannot be fetched without pip, the Python's own pip fetches it.
        """
        create = [python.path, "-I", "-m", "venv", str(self.folder)]
        self._expect(run([*create, "--without-pip"], self.console), "The environment could not be made")
        try:
            wheel = tools.pip_wheel(self.folder, self.source, self.console)
        except InstallError:
            if run(create, self.console).code != 0:
                raise
            name, sha256 = tools.pinned("pip", "any")
            pin = self.folder / "pip.txt"
            version = name.split("-")[1]
            pin.write_text(f"pip=={version} --hash=sha256:{sha256}\n", "utf-8")
            self.install(["--require-hashes", "-r", str(pin)], raw=False)
            pin.unlink()
            return
        command = [self.python, f"{wheel}/pip", "install", "--no-index", "--no-deps", "--no-compile"]
        self._expect(run([*command, str(wheel)], self.console), "pip could not be installed")
        wheel.unlink()

    def install(self, arguments: list[str], *, raw: bool = True) -> None:
        """Install, without letting pip choose: every package is named by the pins.

        Raises:
            InstallError: in words for people.
        """
        done = self._run(
            "install", [*arguments, "--ignore-installed", "--no-deps", "--no-warn-script-location"], raw
        )
        self._expect(done, "The packages could not be installed")

    def download(self, target: Path, arguments: list[str]) -> None:
        """Fetch what :meth:`install` would install, into ``target``.

        Raises:
            InstallError: in words for people.
        """
        done = self._run("download", ["--dest", str(target), *arguments, "--no-deps"], True)
        self._expect(done, "The packages could not be downloaded")

    def install_torch(self, build: TorchBuild) -> None:
        """Install PyTorch's own wheels: from what pip is set up with if it has them, else from PyTorch."""
        wheels = ["--only-binary", ":all:", *build.requirements]
        done = self._run("install", ["--no-deps", "--no-warn-script-location", *wheels], True)
        if done.code != 0 and not self.source.bundle:
            self.install(["--index-url", build.index, *wheels])
        else:
            self._expect(done, "PyTorch could not be installed")

    def check(self) -> None:
        """Let pip look whether the packages go together."""
        done = run([self.python, "-I", "-m", "pip", "check"], self.console)
        self._expect(done, "The pinned packages do not go together")

    def _run(self, command: str, arguments: list[str], raw: bool) -> Finished:
        bar = ["--progress-bar", "raw"] if raw else ["--progress-bar", "off"]
        extra = {
            "PIP_CACHE_DIR": str(self.places.cache / "pip"),
            **_cache_of_user(),
            **self.source.pip_environment,
        }
        if self.build_tools:
            extra["PYTHONPATH"] = str(self.build_tools)
        line = [self.python, "-m", "pip", command, *bar, *self.source.pip_options, *arguments]
        temporary = self.folder / TEMPORARY
        delete(temporary)
        temporary.mkdir()
        try:
            return run(line, self.console, self._hear, {**extra, "TMPDIR": str(temporary)})
        finally:
            delete(temporary)

    def _hear(self, line: str) -> None:
        """Turn what pip prints into a bar, and a line for each package worth one."""
        progress = re.fullmatch(r"Progress (\d+) of (\d+)", line)
        if progress:
            self.console.bar(self._file, int(progress[1]), int(progress[2]))
            return
        found = re.match(r"\s*(?:Downloading|Using cached) (?:\S*/)?([^/\s]+)(?: \((.+?)\))?", line)
        if found:
            self._file = "-".join(found[1].split("-")[:2])
            if found[2] and re.search(r"[GM]B$", found[2]) and float(found[2].split()[0]) >= 5:
                self.console.say(f"    {self._file}  {found[2]}")

    def _expect(self, done: Finished, what: str) -> None:
        if done.code == 0:
            return
        raise explain(done.tail, what, self.places, offline=bool(self.source.bundle))


def _cache_of_user() -> dict[str, str]:
    """Keep pip's cache where the user has said it should be."""
    named = os.environ.get("PIP_CACHE_DIR", "")
    return {"PIP_CACHE_DIR": named} if named else {}


def explain(tail: str, what: str, places: Places, *, offline: bool) -> InstallError:
    """Turn the end of pip's output into a sentence; ``offline`` where packages came from a bundle."""
    if re.search(r"No space left|Errno 28|Disk quota|not enough space", tail):
        return disk_full(places.data)
    if "DO NOT MATCH THE HASHES" in tail or "Hashes are required" in tail:
        name = re.search(r"^\s+(\S+)\b.*:\s*$\n\s+Expected sha256", tail, re.MULTILINE)
        return InstallError(
            f"What the package index gave as {name[1] if name else 'a package'} is something else: its "
            "SHA-256 is not the pinned one.",
            "Nothing was changed. Something on the way changes downloads; try another network.",
        )
    if "CERTIFICATE_VERIFY_FAILED" in tail:
        return InstallError(
            "The package index shows a certificate that this system does not trust.",
            "If your network puts itself between, name its certificate in PIP_CERT and SSL_CERT_FILE.",
        )
    if re.search(
        r"ConnectionError|NewConnection|Read ?[Tt]imed? ?out|ReadTimeout|Max retries|IncompleteRead|"
        r"broken off|IncompleteDownload|incomplete|Connection (?:reset|refused|aborted)|unreachable|"
        r"name resolution|"
        r"ProxyError|SSLError|RemoteDisconnected|ProtocolError|5\d\d Server Error|Connection broken",
        tail,
    ):
        return InstallError(
            "The connection broke off while packages were being downloaded.",
            "Nothing was changed. Run the command again: what has come is kept.",
        )
    if re.search(r"No matching distribution|Could not find a version", tail):
        missing = re.search(r"No matching distribution found for (\S+)", tail)
        return InstallError(
            f"The {'bundle' if offline else 'package index'} has no "
            f"{missing[1] if missing else 'pinned package'} for this machine.",
            "Make the bundle on a machine like this, not on a newer system."
            if offline
            else "Check `pip config list`, and whether your index carries wheels for this system.",
        )
    if re.search(r"Permission denied|Read-only file system", tail):
        return InstallError(
            f"A folder of the installation cannot be written ({places.data} or {places.cache}).",
            "Make both writable and run the command again.",
        )
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "no word of why")
    return InstallError(f"{what}: {last[:200].rstrip('.')}.", f"The log {places.log} says more.")
