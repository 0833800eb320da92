"""Where the engine, its models and its log are, and the environment that it is started in.

The engine lives in a Python of its own, never in GIMP's. It is looked for, in this order, in the
environment variable NST_PYTHON, in the installer's record ``nst/engine.json`` and in ``nst/venv``, the
latter two in the user's data folder.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

Found = namedtuple("Found", "python models how")
"""The engine's Python, its models folder ("" leaves it to the engine), and how it was found, in words."""

LOG_BYTES = 1_000_000

# What GIMP's bundles set for GIMP's own Python and libraries, and what would lead another Python astray.
FOREIGN = {
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


def data_folders(platform: str = sys.platform, environment=None) -> list:
    """Return the user's data folders, the likeliest first, as paths that need not exist.

    Flatpak and snap give GIMP a data folder of its own while an installer outside used the usual one, so
    both are looked into.
    """
    env = os.environ if environment is None else environment
    home = Path(env.get("HOME") or Path.home())
    if platform == "win32":
        return [Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "nst"]
    if platform == "darwin":
        return [home / "Library" / "Application Support" / "nst"]
    usual = home / ".local" / "share"
    # The specification has relative paths ignored.
    own = Path(env["XDG_DATA_HOME"]) if os.path.isabs(env.get("XDG_DATA_HOME", "")) else usual
    return [folder / "nst" for folder in dict.fromkeys([own, usual])]


def python_in(venv: Path, platform: str = sys.platform) -> Path:
    """Return where a virtual environment keeps its Python."""
    return venv / "Scripts" / "python.exe" if platform == "win32" else venv / "bin" / "python"


def read_record(path: Path) -> dict:
    """Read the installer's record; what cannot be read counts as damaged, with what to do about it."""
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


def find_engine(platform: str = sys.platform, environment=None) -> Found:
    """Find the engine.

    Raises:
        UserError: there is none, or the place where it should be is wrong; says which.
    """
    env = os.environ if environment is None else environment
    named = env.get("NST_PYTHON", "")
    if named:
        found = Found(named, "", "NST_PYTHON")
    else:
        found = next(
            filter(None, (look_in(folder, platform) for folder in data_folders(platform, env))), None
        )
    if found is None:
        raise UserError(
            _("The engine that paints is not installed."),
            _("Run the installer, or set NST_PYTHON to the Python that has nst-core."),
            "no-engine",
        )
    if not (os.path.isfile(found.python) and os.access(found.python, os.X_OK)):
        raise UserError(
            _("The engine's Python, {path} ({how}), is not there.").format(path=found.python, how=found.how),
            _("Run the installer again, or set NST_PYTHON to the Python that has nst-core."),
            "no-engine",
        )
    return found


def look_in(folder: Path, platform: str):
    """Return what ``folder`` says about an engine, or None."""
    record = folder / "engine.json"
    models = str(folder / "models")
    if record.exists():
        said = read_record(record)
        return Found(said["python"], str(said.get("models") or models), str(record))
    standard = python_in(folder / "venv", platform)
    return Found(str(standard), models, str(folder / "venv")) if standard.exists() else None


def environment_for(found: Found, environment=None, platform: str = sys.platform) -> dict:
    """Return the environment to start the engine in: GIMP's, without what is meant for GIMP alone."""
    env = dict(os.environ if environment is None else environment)
    bundle = os.path.dirname(os.path.dirname(sys.executable or "")) if platform in ("win32", "darwin") else ""
    drop = {name for name in env if name in FOREIGN or name.startswith("DYLD_")}
    if platform == "darwin":
        drop.add("XDG_CACHE_HOME")
    if bundle and env.get("SSL_CERT_FILE", "").startswith(bundle):
        drop.add("SSL_CERT_FILE")
    for name in drop:
        env.pop(name, None)
    if bundle and platform == "win32":
        folders = env.get("PATH", "").split(os.pathsep)
        env["PATH"] = os.pathsep.join(part for part in folders if not part.startswith(bundle))
    if found.models and not env.get("NST_MODELS"):
        env["NST_MODELS"] = found.models
    env["PYTHONUNBUFFERED"] = "1"
    env["PYTHONUTF8"] = "1"
    return env


def log_path() -> Path:
    """Return the engine's log, its folder made; the one before is kept beside it as ``.1``."""
    for folder in (*(place / "logs" for place in data_folders()), Path(tempfile.gettempdir())):
        path = folder / "gimp-engine.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LOG_BYTES:
                path.replace(path.with_suffix(".log.1"))
            with path.open("ab"):
                return path
        except OSError:
            continue
    return Path(os.devnull)
