"""Where everything lies: the engine in the platform's data folder, never inside GIMP's versioned profile.

The same rules as the plug-in's (``nst_gimp/process/places.py``), which finds the engine through ``engine.json``.

    <data>/engine.json     the record; whatever it names is what works, whatever it does not name is rubbish
    <data>/venv-XXXXXX/    the environment with the pinned packages
    <data>/code-XXXXXX/    the engine's own code, which the environment's nst.pth names
    <data>/models/         the networks
    <data>/styles/         the styles that the user kept, which the engine looks after
    <data>/python/         a Python of the engine's own, where the system had none that fits
    <data>/bin/            `nst`
    <data>/logs/           install.log, and the plug-in's
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nst_install.errors import InstallError

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder that holds install/, gimp_plugin/ and nst_core/."""

REQUIREMENTS = CHECKOUT / "install" / "requirements"
PLUG_IN = CHECKOUT / "gimp_plugin" / "neural-style"
ENGINE_CODE = CHECKOUT / "nst_core"
SAMPLES = CHECKOUT / "install" / "samples"


@dataclass(frozen=True)
class Places:
    """The folders of one user. ``cache`` holds what can be fetched again."""

    data: Path
    cache: Path
    platform: str = sys.platform

    @property
    def record(self) -> Path:
        """Where the record is that the plug-in reads."""
        return self.data / "engine.json"

    @property
    def lock(self) -> Path:
        """The file that one installer at a time holds."""
        return self.data / ".install.lock"

    @property
    def log(self) -> Path:
        """The installer's log."""
        return self.data / "logs" / "install.log"

    @property
    def models(self) -> Path:
        """Where networks are kept unless the user says otherwise."""
        return self.data / "models"

    @property
    def styles(self) -> Path:
        """Where the engine keeps the user's styles unless the user says otherwise."""
        return self.data / "styles"

    @property
    def own_python(self) -> Path:
        """Where a Python that this installer brought is kept."""
        return self.data / "python"

    @property
    def launcher(self) -> Path:
        """The command `nst`."""
        return self.data / "bin" / ("nst.cmd" if self.platform == "win32" else "nst")


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the user's home: HOME, or what the system says where that is unset or no whole path.

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


def find_places(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Places:
    """Return the user's folders, which need not exist."""
    home = home_folder(environment)
    if platform == "win32":
        data = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nst"
        return Places(data, data / "Cache", platform)
    if platform == "darwin":
        library = home / "Library"
        return Places(library / "Application Support" / "nst", library / "Caches" / "nst", platform)
    # The specification of these variables has relative paths ignored.
    data_home = environment.get("XDG_DATA_HOME", "")
    cache_home = environment.get("XDG_CACHE_HOME", "")
    data = Path(data_home) if Path(data_home).is_absolute() else home / ".local" / "share"
    cache = Path(cache_home) if Path(cache_home).is_absolute() else home / ".cache"
    return Places(data / "nst", cache / "nst", platform)


def python_in(environment: Path, platform: str = sys.platform) -> Path:
    """Return where a virtual environment keeps its Python."""
    return environment / ("Scripts/python.exe" if platform == "win32" else "bin/python")


def size_of(folder: Path) -> int:
    """Return the bytes in ``folder``, links not followed."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(root, name).lstat().st_size
            except OSError:
                continue
    return total
