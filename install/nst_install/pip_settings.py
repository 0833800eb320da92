"""The settings of pip and uv that the installer's own downloads follow: index, proxy, trusted hosts.

They are read from the environment or from pip's configuration files, without pip.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from nst_install.paths import home_folder

DEFAULT = "https://pypi.org/simple"


def index_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the package index that is configured for pip or uv."""
    words = _setting("index-url", ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"), environment).split()
    if not words:
        return DEFAULT
    # uv accepts "name=URL" too
    return words[0].partition("=")[2] if "=" in words[0].partition("://")[0] else words[0]


def proxy(environment: Mapping[str, str] = os.environ) -> str:
    """Return pip's own proxy, or an empty text."""
    return _setting("proxy", ("PIP_PROXY",), environment).strip()


def trusted_hosts(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the hosts, perhaps with a port, that the user trusts without verification."""
    return _setting("trusted-host", ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"), environment).split()


def _setting(name: str, variables: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Return a setting from the first of ``variables`` that is set, else from pip's files."""
    for variable in variables:
        if environment.get(variable, "").strip():
            return environment[variable]
    value = ""
    for path in configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
            value = parser.get("global", name, fallback=value)
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
    return value


def configuration_files(environment: Mapping[str, str], platform: str = sys.platform) -> list[Path]:
    """Return pip's configuration files; later ones override earlier ones."""
    named = environment.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return []
    home = home_folder(environment)
    if platform == "win32":
        files = [
            Path(environment.get("ProgramData", "C:\\ProgramData")) / "pip" / "pip.ini",
            home / "pip" / "pip.ini",
        ]
        files.append(Path(environment.get("APPDATA", home)) / "pip" / "pip.ini")
    else:
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf"]
        if platform == "darwin":
            files += [home / "Library" / "Application Support" / "pip" / "pip.conf"]
        files += [config / "pip" / "pip.conf"]
    return [*files, Path(named)] if named else files
