"""The engine's virtual environment, which holds exactly the pinned packages.

Takes a Python, a package set and a source of packages, and returns the folder of a complete environment. A
new environment is made next to the old one. An unfinished environment contains the marker ``.incomplete``,
no record names it, and the next run deletes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
import urllib.parse
from pathlib import Path

from nst_install import connections, pip_settings, tools
from nst_install.console import Console
from nst_install.engines import CHOSEN_EXTRAS, PackageSet, TorchBuild
from nst_install.errors import InstallError, disk_full, from_os, untrusted_certificate
from nst_install.paths import REQUIREMENTS, InstallPaths, python_in
from nst_install.processes import ProcessResult, run
from nst_install.pythons import PythonInterpreter, find_python
from nst_install.sources import PackageSource

MARKER = ".incomplete"
BUILD_TOOLS = ".build"
TEMPORARY = ".tmp"
"""Where pip unpacks downloads: on the environment's own disk, because /tmp may be small, or in memory."""

UNPACK = (
    "import sys, sysconfig, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sysconfig.get_path('purelib'))"
)
"""Puts pip's wheel, which contains only Python, where the environment's Python finds it. pip could install
itself, but run from its wheel it takes seconds to start."""


def pins_hash(packages: PackageSet) -> str:
    """Return a hash of everything that determines the contents of an environment."""
    digest = hashlib.sha256(packages.name.encode())
    extras = [REQUIREMENTS / f"{name}.txt" for name in (*packages.extras, *CHOSEN_EXTRAS)]
    shared = [REQUIREMENTS / "build.txt", REQUIREMENTS / "tools.json"]
    for path in (packages.requirements, *extras, *shared):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    digest.update(repr(sorted(packages.torch_builds.items())).encode())
    return digest.hexdigest()


def check_space(paths: InstallPaths, packages: PackageSet) -> None:
    """Check that the disk has room for the environment, before anything is downloaded.

    Raises:
        InstallError: there is not enough space.
    """
    free = shutil.disk_usage(paths.data).free // 10**6
    if free < packages.megabytes:
        raise InstallError(
            f"The disk that holds {paths.data} has {free} MB free, but {packages.megabytes} MB are needed.",
            "Free some space and run the command again.",
        )


def find_fault(paths: InstallPaths, folder: Path, console: Console) -> str:
    """Return why a finished environment no longer works, as a sentence; empty if it works.

    A system upgrade may replace the Python that the environment links to by another version, which does not
    find the packages.
    """
    _, original = read_base_python(folder)
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    result = run([str(python_in(folder, paths.platform)), "-I", "-c", script], console, timeout=60)
    if result.code != 0:
        return "The environment's Python does not start."
    current = result.tail.strip()
    if original and current != original:
        return f"The environment was made for Python {original}, but its Python is now {current}."
    return ""


def read_base_python(folder: Path) -> tuple[Path, str]:
    """Return the folder and the version ("3.11") of the Python that an environment was made with."""
    try:
        text = (folder / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        text = ""
    home = re.search(r"^home *= *(.+)$", text, re.MULTILINE)
    version = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", text, re.MULTILINE)
    return Path(home[1].strip() if home else ""), version[1] if version else ""


def make_environment(
    paths: InstallPaths,
    python: PythonInterpreter,
    packages: PackageSet,
    source: PackageSource,
    console: Console,
) -> Path:
    """Make an environment and return its folder. If that fails, delete it.

    Raises:
        InstallError: a package is not available or is not the pinned one, or the disk is full.
    """
    check_space(paths, packages)
    folder = paths.data / f"venv-{secrets.token_hex(3)}"
    pip = Pip(paths, folder, source, console)
    try:
        folder.mkdir()
        (folder / MARKER).write_text(time.strftime("%Y-%m-%d %H:%M:%S\n"), "utf-8")
        pip.create_environment(python)
        build = folder / BUILD_TOOLS
        tools_only = ["--no-compile", "--target", str(build)]  # they are deleted as soon as they have built
        pip.install(["--require-hashes", *tools_only, "-r", str(REQUIREMENTS / "build.txt")])
        pip.build_tools = build
        pip.install(["--require-hashes", "--no-build-isolation", "-r", str(packages.requirements)])
        torch_build = packages.torch_build()
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


def make_empty(paths: InstallPaths, folder: Path, source: PackageSource, console: Console) -> int:
    """Make an environment in ``folder`` that holds only the pinned pip. Return the exit code.

    Raises:
        InstallError: there is no suitable Python, or pip cannot be downloaded.
    """
    folder = folder.expanduser().absolute()
    if folder.exists():
        raise InstallError(f"{folder} already exists.", "Choose another folder.")
    python = find_python("auto", paths, source, console)
    try:
        Pip(paths, folder, source, console).create_environment(python)
    except BaseException:
        delete(folder)
        raise
    console.say(f"{folder}: Python {python.version}")
    return 0


def mark_complete(folder: Path) -> None:
    """Remove the marker of an unfinished environment."""
    try:
        (folder / MARKER).unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise from_os(folder, error) from None


def delete(folder: Path) -> None:
    """Delete a folder as far as possible. The next run deletes what an open file keeps."""
    shutil.rmtree(folder, ignore_errors=True)


class Pip:
    """Runs pip in one environment and explains its failures."""

    def __init__(self, paths: InstallPaths, folder: Path, source: PackageSource, console: Console) -> None:
        self.paths = paths
        self.folder = folder
        self.python = str(python_in(folder, paths.platform))
        self.source = source
        self.console = console
        self.build_tools: Path | None = None
        self._file = ""

    def create_environment(self, python: PythonInterpreter) -> None:
        """Create a bare environment and install the pinned pip into it.

        If pip's wheel cannot be downloaded without pip, use the pip that comes with the Python.
        """
        create = [python.path, "-I", "-m", "venv", str(self.folder)]
        self._expect_success(
            run([*create, "--without-pip"], self.console), "The environment could not be created"
        )
        try:
            wheel = tools.fetch_pip(self.folder, self.source, self.console)
        except InstallError as error:
            if run(create, self.console).code != 0 or not self._replace_pip():
                raise error from None  # it says why; pip does not always
            return
        unpacked = run([self.python, "-I", "-c", UNPACK, str(wheel)], self.console)
        self._expect_success(unpacked, "pip could not be installed")
        wheel.unlink()

    def _replace_pip(self) -> bool:
        """Let the pip that comes with the Python install the pinned one. Return whether it worked."""
        name, sha256 = tools.pinned_wheel("pip", "any")
        pin = self.folder / "pip.txt"
        version = name.split("-")[1]
        pin.write_text(f"pip=={version} --hash=sha256:{sha256}\n", "utf-8")
        try:
            self.install(["--require-hashes", "-r", str(pin)], raw_progress=False)
        except InstallError as error:
            self.console.log(str(error))
            return False
        pin.unlink()
        return True

    def install(self, arguments: list[str], *, raw_progress: bool = True) -> None:
        """Install exactly the packages that the arguments pin; pip chooses nothing itself.

        Raises:
            InstallError: pip failed; the message explains why.
        """
        options = ["--ignore-installed", "--no-deps", "--no-warn-script-location"]
        result = self._run("install", [*arguments, *options], raw_progress=raw_progress)
        self._expect_success(result, "The packages could not be installed")

    def download(self, target: Path, arguments: list[str]) -> None:
        """Download the packages that :meth:`install` would install into the folder ``target``.

        Raises:
            InstallError: pip failed; the message explains why.
        """
        result = self._run("download", ["--dest", str(target), *arguments, "--no-deps"])
        self._expect_success(result, "The packages could not be downloaded")

    def install_torch(self, build: TorchBuild) -> None:
        """Install PyTorch's own wheels from where pip is configured to look, else from PyTorch's index."""
        wheels = ["--only-binary", ":all:", *build.requirements]
        result = self._run("install", ["--no-deps", "--no-warn-script-location", *wheels])
        if result.code != 0 and not self.source.bundle:
            self.install(["--index-url", build.index, *wheels])
        else:
            self._expect_success(result, "PyTorch could not be installed")

    def check(self) -> None:
        """Let pip check that the packages are compatible with each other."""
        result = run([self.python, "-I", "-m", "pip", "check"], self.console)
        self._expect_success(result, "The pinned packages are not compatible with each other")

    def _run(self, command: str, arguments: list[str], *, raw_progress: bool = True) -> ProcessResult:
        bar = ["--progress-bar", "raw"] if raw_progress else ["--progress-bar", "off"]
        extra = {
            "PIP_CACHE_DIR": str(self.paths.cache / "pip"),
            **_user_cache(),
            **self.source.pip_environment,
        }
        if self.build_tools:
            extra["PYTHONPATH"] = str(self.build_tools)
        line = [self.python, "-m", "pip", command, *bar, *self.source.pip_options, *arguments]
        temporary = self.folder / TEMPORARY
        delete(temporary)
        temporary.mkdir()
        try:
            return run(line, self.console, self._show_progress, {**extra, "TMPDIR": str(temporary)})
        finally:
            delete(temporary)

    def _show_progress(self, line: str) -> None:
        """Show pip's output as a progress bar, and as a line for each download of 5 MB or more."""
        progress = re.fullmatch(r"Progress (\d+) of (\d+)", line)
        if progress:
            self.console.bar(self._file, int(progress[1]), int(progress[2]))
            return
        file = re.match(r"\s*(?:Downloading|Using cached) (?:\S*/)?([^/\s]+)(?: \((.+?)\))?", line)
        if file:
            self._file = "-".join(file[1].split("-")[:2])
            if file[2] and re.search(r"[GM]B$", file[2]) and float(file[2].split()[0]) >= 5:
                self.console.say(f"    {self._file}  {file[2]}")

    def _expect_success(self, result: ProcessResult, failure: str) -> None:
        if result.code != 0:
            raise explain_failure(result.tail, failure, self.paths, offline=bool(self.source.bundle))


def _user_cache() -> dict[str, str]:
    """Return the variable that keeps pip's cache in the folder that the user configured, if any."""
    folder = os.environ.get("PIP_CACHE_DIR", "")
    return {"PIP_CACHE_DIR": folder} if folder else {}


CONNECTION_LOST = (
    r"ConnectionError|NewConnection|Read ?[Tt]imed? ?out|ReadTimeout|Max retries|IncompleteRead|"
    r"broken off|IncompleteDownload|incomplete|Connection (?:reset|refused|aborted)|unreachable|"
    r"name resolution|"
    r"ProxyError|SSLError|RemoteDisconnected|ProtocolError|5\d\d Server Error|Connection broken"
)
"""Matches pip's many messages about a connection that could not be made or was lost."""


def failed_host(tail: str) -> str:
    """Return the host that pip could not connect to, by its output; the index's if a proxy is in between."""
    index = urllib.parse.urlsplit(pip_settings.index_url()).hostname or "the package index"
    named = re.findall(r"host='([^']+)'", tail)
    return named[-1] if named and not connections.find_proxy(index)[0] else index


def explain_failure(tail: str, failure: str, paths: InstallPaths, *, offline: bool) -> InstallError:
    """Convert the last lines of pip's output to an error for the user.

    ``failure`` says what failed if the output is not recognised; ``offline`` if packages come from a bundle.
    """
    if re.search(r"No space left|Errno 28|Disk quota|not enough space", tail):
        return disk_full(paths.data)
    if "DO NOT MATCH THE HASHES" in tail or "Hashes are required" in tail:
        name = re.search(r"^\s+(\S+)\b.*:\s*$\n\s+Expected sha256", tail, re.MULTILINE)
        return InstallError(
            f"The package index delivered a wrong file for {name[1] if name else 'a package'}: "
            "its SHA-256 does not match the pinned one.",
            "Nothing was changed. Something in your network changes downloads; try another network.",
        )
    if "CERTIFICATE_VERIFY_FAILED" in tail:
        return untrusted_certificate("the package index")
    if not offline and re.search(connections.NOT_CONNECTED, tail):
        return connections.unreachable(failed_host(tail), tail)
    if re.search(CONNECTION_LOST, tail):
        return InstallError(
            "The connection was lost while packages were being downloaded.",
            "Nothing was changed. Run the command again; finished downloads are kept.",
        )
    if re.search(r"No matching distribution|Could not find a version", tail):
        missing = re.search(r"No matching distribution found for (\S+)", tail)
        return InstallError(
            f"The {'bundle' if offline else 'package index'} has no "
            f"{missing[1] if missing else 'pinned package'} for this machine.",
            "Make the bundle on a machine like this one, not on a newer system."
            if offline
            else "Check `pip config list`, and that your index has wheels for this system.",
        )
    if re.search(r"Permission denied|Read-only file system", tail):
        return InstallError(
            f"A folder of the installation cannot be written ({paths.data} or {paths.cache}).",
            "Make both writable and run the command again.",
        )
    last = next((line.strip() for line in reversed(tail.splitlines()) if line.strip()), "no reason given")
    return InstallError(f"{failure}: {last[:200].rstrip('.')}.", f"For details, see the log {paths.log}.")
