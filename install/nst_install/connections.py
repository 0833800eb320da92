"""What to tell the user if a server cannot be reached: there is no connection, or a proxy does not answer."""

from __future__ import annotations

import errno
import os
import re
import socket
import urllib.request
from collections.abc import Mapping

from nst_install import pip_settings
from nst_install.errors import InstallError

PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")

UNREACHABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ECONNREFUSED, errno.ETIMEDOUT)

NOT_CONNECTED = (
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Cannot connect to proxy|"
    r"Failed to establish|Failed to resolve|name resolution|Tunnel connection failed|"
    r"[Nn]etwork is unreachable"
)
"""Matches pip's messages about a connection that was never made."""

WITHOUT_INTERNET = (
    "For a machine without internet, run `install.py bundle FOLDER` on one that has it, then "
    "`install.py install --offline FOLDER` here."
)


def is_unreachable(error: object) -> bool:
    """Return whether an error says that a connection was never made."""
    if isinstance(error, (socket.gaierror, socket.timeout)):
        return True
    return isinstance(error, OSError) and (error.errno in UNREACHABLE or "Tunnel connection" in str(error))


def unreachable(host: str, details: str, environment: Mapping[str, str] = os.environ) -> InstallError:
    """Return the error for a server that could not be reached; ``details`` are the words of a library."""
    address, origin = find_proxy(host, environment)
    if not address:
        hint = f"Check the network; behind a proxy, set HTTPS_PROXY. {WITHOUT_INTERNET}"
        return InstallError(f"There is no connection to {host}.", hint)
    hint = f"Correct or remove {origin}. {WITHOUT_INTERNET}"
    refusal = re.search(r"Tunnel connection failed: (\d+ [\w ]+)", details)
    if refusal:
        return InstallError(f"The proxy {address} (from {origin}) refuses: {refusal[1].strip()}.", hint)
    return InstallError(f"The proxy {address} (from {origin}) does not answer.", hint)


def find_proxy(host: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Return the proxy for a host, without its password, and where it is set; empty texts for none."""
    if urllib.request.proxy_bypass(host):
        return "", ""
    if pip_settings.proxy(environment):
        return _address(pip_settings.proxy(environment)), "pip's setting proxy"
    for name in PROXY_VARIABLES:
        if environment.get(name):
            return _address(environment[name]), name
    system = urllib.request.getproxies().get("https", "")
    return (_address(system), "the system's settings") if system else ("", "")


def _address(url: str) -> str:
    return url.rpartition("@")[2].rpartition("://")[2].rstrip("/")
