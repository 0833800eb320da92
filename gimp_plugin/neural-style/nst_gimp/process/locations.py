"""Locations of the engine, its networks and its log, and the environment that the engine starts in.

The engine has a Python of its own; it never runs in GIMP's. The plug-in looks for it, in this order, in the
environment variable NST_PYTHON, in the installer's record ``nst/engine.json`` and in ``nst/venv``, the latter
two in the user's data folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections import namedtuple
from contextlib import suppress
from pathlib import Path
from platform import node

from nst_gimp.settings.contract import ENGINE_LOG, INSTALL_RECORD, data_folder, environment_python
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

EngineLocation = namedtuple("EngineLocation", "python models source")
"""The engine's Python, its folder of networks ("" leaves that to the engine), and where it was found: a name
to show to the user."""

LOG_BYTES = 1_000_000

GIMP_VARIABLES = {
    "GDK_PIXBUF_MODULEDIR",
    "GDK_PIXBUF_MODULE_FILE",
    "GIO_EXTRA_MODULES",
    "GIO_MODULE_DIR",
    "GI_TYPELIB_PATH",
    "GTK_PATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "__PYVENV_LAUNCHER__",
}
"""Variables that GIMP's bundles set for GIMP's own Python and libraries, or that would mislead another
Python."""


def data_folders(platform: str = sys.platform, environment=None) -> list:
    """Return the user's possible data folders, the likeliest first. They need not exist.

    Flatpak and snap give GIMP a data folder of its own, but an installer outside of them used the usual one.
    Both are returned.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME") or Path.home())
    folders = [data_folder(env, home, platform), data_folder({**env, "XDG_DATA_HOME": ""}, home, platform)]
    return list(dict.fromkeys(folders))


def python_in(venv: Path, platform: str = sys.platform) -> Path:
    """Return the path of the Python in a virtual environment."""
    return environment_python(venv, platform)


def read_record(path: Path) -> dict:
    """Read the installer's record.

    Raises:
        UserError: the file cannot be read, is not JSON or names no Python.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("python"), str):
        raise UserError(
            _("The installer's record {path} is damaged.").format(path=path),
            _("Run the installer again."),
            "no-engine",
        )
    return record


def find_engine(platform: str = sys.platform, environment=None) -> EngineLocation:
    """Find the engine.

    Raises:
        UserError: there is no engine, or NST_PYTHON or the installer's record names a Python that does not
        exist.
    """
    env = os.environ if environment is None else environment
    python = env.get("NST_PYTHON", "")
    if python:
        location = EngineLocation(python, "", "NST_PYTHON")
    else:
        candidates = (find_engine_in(folder, platform) for folder in data_folders(platform, env))
        location = next(filter(None, candidates), None)
    if location is None:
        raise UserError(
            _("The painting engine is not installed."),
            _("Run the installer, or set NST_PYTHON to a Python that has nst-core."),
            "no-engine",
        )
    check_python(location)
    return location


def check_python(location: EngineLocation) -> None:
    """Check that the engine's Python is a file that may be executed.

    Raises:
        UserError: it is not. The message says which of the two is wrong.
    """
    if os.path.isfile(location.python) and os.access(location.python, os.X_OK):
        return
    message = _("The painting engine cannot start: its Python, {path}, is missing.")
    hint = _("Run the installer again, or set NST_PYTHON to a Python that has nst-core.")
    if os.path.isfile(location.python):
        message = _("The painting engine cannot start: {path} is not allowed to be executed.")
        hint = _("Make the file executable, or run the installer again.")
    elif location.source == "NST_PYTHON":
        hint = _("The variable NST_PYTHON names it: set it to a Python that has nst-core, or remove it.")
    raise UserError(message.format(path=location.python), hint, "no-engine")


def find_engine_in(folder: Path, platform: str):
    """Return the location of the engine installed in a data folder, or None."""
    record = folder / INSTALL_RECORD
    models = str(folder / "models")
    if record.exists():
        values = read_record(record)
        return EngineLocation(values["python"], str(values.get("models") or models), str(record))
    python = python_in(folder / "venv", platform)
    return EngineLocation(str(python), models, str(folder / "venv")) if python.exists() else None


def find_installer(platform: str = sys.platform, environment=None) -> list:
    """Return the command that starts the installer: a Python and a script, or [] if there is none any more.

    An engine that NST_PYTHON names is not the installer's, so the installer cannot repair it.
    """
    env = os.environ if environment is None else environment
    if env.get("NST_PYTHON"):
        return []
    for folder in data_folders(platform, env):
        with suppress(UserError):
            command = read_record(folder / INSTALL_RECORD).get("installer")
            if isinstance(command, list) and len(command) == 2 and all(map(os.path.isfile, command)):
                return command
    return []


def engine_environment(location: EngineLocation, environment=None, platform: str = sys.platform) -> dict:
    """Return the environment to start the engine in: GIMP's, without the variables meant only for GIMP."""
    env = dict(os.environ if environment is None else environment)
    bundle = os.path.dirname(os.path.dirname(sys.executable or "")) if platform in ("win32", "darwin") else ""
    dropped = {name for name in env if name in GIMP_VARIABLES or name.startswith("DYLD_")}
    if platform == "darwin":
        dropped.add("XDG_CACHE_HOME")
    if bundle and env.get("SSL_CERT_FILE", "").startswith(bundle):
        dropped.add("SSL_CERT_FILE")
    for name in dropped:
        env.pop(name, None)
    if bundle and platform == "win32":
        folders = env.get("PATH", "").split(os.pathsep)
        env["PATH"] = os.pathsep.join(folder for folder in folders if not folder.startswith(bundle))
    if location.models and not env.get("NST_MODELS"):
        env["NST_MODELS"] = location.models
    env["PYTHONUNBUFFERED"] = "1"
    env["PYTHONUTF8"] = "1"
    return env


def states_folder() -> Path:
    """Return the path of the engine's folder for the states of interrupted paintings; it need not exist."""
    return data_folders()[0] / "interrupted"


def queue_folder():
    """Return the folder of this machine's queue of paintings, and make it; None if it cannot be made.

    All GIMPs of a user share it, also one in a sandbox. Machines that share the user's home do not.
    """
    machine = re.sub(r"\W", "-", node()) or "machine"
    for data in reversed(data_folders()):
        folder = data / "queue" / machine
        try:
            for part in (data, folder.parent, folder):
                make_private_folder(part)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def log_path() -> Path:
    """Return the path of the engine's log, and make its folder. A log that is too long becomes ``.log.1``.

    The folder is private: in the user's data folder or, if that cannot be written, in one of this user's own
    among the temporary files, where others could otherwise lay a link.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    shared = Path(tempfile.gettempdir()) / f"nst-logs-{user}"
    for folder in (*(data / "logs" for data in data_folders()), shared):
        path = folder / ENGINE_LOG
        try:
            make_private_folder(folder.parent if folder != shared else shared)
            make_private_folder(folder)
            limit_log(path)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
            os.close(os.open(path, flags, 0o600))
            return path
        except OSError:
            continue
    return Path(os.devnull)


def limit_log(path: Path) -> None:
    """Move what a log holds to ``.log.1`` if it is too long, even while an engine appends to it."""
    try:
        if path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
    except OSError:
        pass


def make_private_folder(folder: Path) -> None:
    """Make a folder that only this user can enter.

    Raises:
        OSError: it cannot be made, or the one that is there is a link or belongs to somebody else.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    if folder.parent == Path(tempfile.gettempdir()) and folder.is_symlink():
        raise PermissionError(f"{folder} is a link")
    if os.name == "posix" and status.st_mode & 0o077:
        folder.chmod(0o700)
