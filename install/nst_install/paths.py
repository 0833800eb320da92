"""The folders and files of an installation, in the platform's data folder, outside GIMP's versioned profile.

Follows the same rules as the plug-in (``nst_gimp/process/locations.py``), which finds the engine through
``engine.json``.

    <data>/engine.json     the record; folders that it does not name are left over and get deleted
    <data>/venv-XXXXXX/    the environment with the pinned packages
    <data>/code-XXXXXX/    the engine's own code, named by nst.pth in the environment
    <data>/models/         the networks
    <data>/styles/         the user's kept styles, managed by the engine
    <data>/python/         a Python of the engine's own, if the system had no suitable one
    <data>/bin/            `nst`
    <data>/logs/           install.log, and the plug-in's log
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nst_install.contract import INSTALL_LOG, INSTALL_RECORD, data_folder, environment_python
from nst_install.errors import InstallError

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds install/, gimp_plugin/ and nst_core/."""

INSTALLER = CHECKOUT / "install" / "install.py"
REQUIREMENTS = CHECKOUT / "install" / "requirements"
PLUG_IN = CHECKOUT / "gimp_plugin" / "neural-style"
ENGINE_CODE = CHECKOUT / "nst_core"
SAMPLES = CHECKOUT / "install" / "samples"


@dataclass(frozen=True)
class InstallPaths:
    """The folders of one user. ``cache`` holds files that can be downloaded again."""

    data: Path
    cache: Path
    platform: str = sys.platform

    @property
    def record(self) -> Path:
        """The record, which the plug-in reads too."""
        return self.data / INSTALL_RECORD

    @property
    def lock(self) -> Path:
        """The lock file, which one installer holds at a time."""
        return self.data / ".install.lock"

    @property
    def log(self) -> Path:
        """The installer's log."""
        return self.data / "logs" / INSTALL_LOG

    @property
    def models(self) -> Path:
        """The default folder of networks."""
        return self.data / "models"

    @property
    def styles(self) -> Path:
        """The default folder of the user's kept styles."""
        return self.data / "styles"

    @property
    def own_python(self) -> Path:
        """The folder of a Python that the installer downloaded."""
        return self.data / "python"

    @property
    def launcher(self) -> Path:
        """The command `nst`."""
        return self.data / "bin" / ("nst.cmd" if self.platform == "win32" else "nst")


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the user's home: HOME, or the system's answer if HOME is unset or not an absolute path.

    Raises:
        InstallError: neither is known.
    """
    named = Path(environment.get("HOME", ""))
    if named.is_absolute():
        return named
    try:
        if sys.platform == "win32":
            return Path.home()
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (KeyError, RuntimeError):
        raise InstallError(
            "The home folder is not known: HOME is not set.", "Set HOME and run the command again."
        ) from None


def find_paths(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> InstallPaths:
    """Return the user's folders, which need not exist."""
    home = home_folder(environment)
    data = data_folder(environment, home, platform)
    if platform == "win32":
        return InstallPaths(data, data / "Cache", platform)
    if platform == "darwin":
        return InstallPaths(data, home / "Library" / "Caches" / "nst", platform)
    cache_home = environment.get("XDG_CACHE_HOME", "")
    cache = Path(cache_home) if Path(cache_home).is_absolute() else home / ".cache"
    return InstallPaths(data, cache / "nst", platform)


def python_in(environment: Path, platform: str = sys.platform) -> Path:
    """Return the path of a virtual environment's Python."""
    return environment_python(environment, platform)


def size_of(folder: Path) -> int:
    """Return the total size of the files in ``folder`` in bytes, without following links."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(root, name).lstat().st_size
            except OSError:
                continue
    return total
