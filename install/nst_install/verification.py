"""Certificate authorities, and the rule that nothing is downloaded from a server that was not verified.

The user may ask for it all the same, with NST_UNVERIFIED=1 or with pip's ``trusted-host``. The SHA-256 of
each file is checked then too, but no user name and password are sent.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_install.errors import InstallError
from nst_install.pip_settings import trusted_hosts

VARIABLE = "NST_UNVERIFIED"

AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)
"""Where systems keep their authorities. A Python from elsewhere may look in another place and find none."""


def tls_context(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext | None:
    """Return the TLS settings: pip's certificate if one is configured, else the system's authorities.

    Return None if this machine has no list of authorities.
    """
    named = environment.get("PIP_CERT", "")
    context = ssl.create_default_context(cafile=named if Path(named).is_file() else None)
    if _has_authorities(context):
        return context
    for path in AUTHORITIES:
        if Path(path).is_file():
            context.load_verify_locations(path)
            return context
    return None


def _has_authorities(context: ssl.SSLContext) -> bool:
    folder = ssl.get_default_verify_paths().capath
    return bool(context.get_ca_certs() or (folder and Path(folder).is_dir() and any(os.scandir(folder))))


def unverified_context() -> ssl.SSLContext:
    """Return TLS settings that accept every server."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_verified(url: str, context: ssl.SSLContext | None) -> bool:
    """Return whether a connection to ``url`` is verified, or does not leave this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file" or is_this_machine(parts.hostname or ""):
        return True
    return parts.scheme == "https" and context is not None and context.verify_mode == ssl.CERT_REQUIRED


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_asked_for(url: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether the user asked to download from ``url`` without verification."""
    if environment.get(VARIABLE, "") not in ("", "0"):
        return True
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    return any(trusted in (host, f"{host}:{parts.port}") for trusted in trusted_hosts(environment))


def context_for(url: str, environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return the TLS settings to open ``url`` with.

    Raises:
        InstallError: the server cannot be verified, and the user did not ask to do without.
    """
    context = tls_context(environment)
    if is_verified(url, context) or is_asked_for(url, environment):
        return context or unverified_context()
    host = urllib.parse.urlsplit(url).hostname
    if url.startswith("https:"):
        raise InstallError(
            f"Nothing is downloaded from {host}: it cannot be verified, because this machine has no list of "
            "certificate authorities.",
            "Install one (Debian and Ubuntu: apt-get install ca-certificates), or name one in SSL_CERT_FILE. "
            f"{VARIABLE}=1 downloads without it: the SHA-256 of each file is checked, no password is sent.",
        )
    raise InstallError(
        f"Nothing is downloaded from {host}: its address begins with http:, so it cannot be verified.",
        f"Use an address with https:, or name the host in pip's trusted-host (PIP_TRUSTED_HOST={host}). "
        "The SHA-256 of each file is checked then too, and no password is sent.",
    )


class VerifiedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to a server that is verified, or as unverified as the user asked for."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Return the request for ``newurl``."""
        scheme, host = urllib.parse.urlsplit(newurl).scheme, urllib.parse.urlsplit(newurl).hostname or ""
        is_downgrade = req.type == "https" and scheme != "https" and not is_this_machine(host)
        if scheme not in ("https", "http") or is_downgrade:
            raise InstallError(
                f"{req.host} redirects to an address that does not begin with https:, which is not followed.",
                "Something in your network changes downloads; try another network.",
            )
        context_for(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
