"""Servers for messages: what they are called, and why they cannot be reached.

Takes URLs and the errors of the HTTP client, and returns clauses for people. A proxy that does not answer is
told as that, with the variable that names it. Does not open connections.
"""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from urllib.parse import urlsplit

import httpx

PROXY_VARIABLES = ("PIP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def without_login(url: str) -> str:
    """Return ``url`` for messages, without its user and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def host_name(url: str) -> str:
    """Return the host of a URL for messages."""
    return urlsplit(url).hostname or without_login(url)


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine itself."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def describe_failure(url: str, error: httpx.TransportError) -> str:
    """Return a clause that describes a connection failure."""
    host = host_name(url)
    address, origin = find_proxy(host)
    if isinstance(error, httpx.ProxyError) and address:
        reason = re.sub(r"[^ -~]", "", str(error))[:80]
        return f"the proxy {address} (from {origin}) refuses: {reason or 'no reason given'}"
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in str(error):
        return f"this system does not trust the certificate of {host}"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        if address:
            return f"the proxy {address} (from {origin}) does not answer"
        return f"there is no connection to {host}"
    if isinstance(error, httpx.TimeoutException):
        return f"{host} did not answer in time"
    return f"the connection to {host} was lost"


def find_proxy(host: str) -> tuple[str, str]:
    """Return the proxy for a host, without its password, and where it is set; empty texts for none."""
    if urllib.request.proxy_bypass(host) or is_this_machine(host):
        return "", ""
    for name in PROXY_VARIABLES:
        if os.environ.get(name):
            return _address(os.environ[name]), name
    system = urllib.request.getproxies().get("https", "")
    return (_address(system), "the system's settings") if system else ("", "")


def _address(url: str) -> str:
    return url.rpartition("@")[2].rpartition("://")[2].rstrip("/")
