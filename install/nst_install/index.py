"""Download of one file from the package index with the standard library only.

The index is the one configured for pip or uv. Nothing is downloaded from a server that is not verified,
unless the user asks for it (:mod:`nst_install.verification`). The caller checks the file by its hash.
``nst_core/vgg/package_index.py`` reads index pages too: it runs inside the environment, where httpx and pip
are available, and can ask pip for its configuration.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from nst_install import connections, pip_settings
from nst_install.console import Console
from nst_install.errors import InstallError, from_os, untrusted_certificate
from nst_install.verification import VerifiedRedirects, context_for, is_verified

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
PAGE_BYTES = 64 * 1024**2
FILE_BYTES = 256 * 1024**2
TIMEOUT = 30.0
"""Seconds to wait for a connection that sends nothing."""

ATTEMPTS = 3

CONNECTION_ERRORS = (
    *(urllib.error.URLError, http.client.HTTPException, ssl.SSLError),
    *(ConnectionError, socket.timeout),
)
"""What a failed connection raises. On Python 3.9, ``socket.timeout`` is not yet a ``TimeoutError``."""

HINT = "Check the connection and `pip config list`, then run the command again. Finished downloads are kept."


def fetch(package: str, file_name: str, target: Path, console: Console) -> None:
    """Download the file ``file_name`` of ``package`` to ``target``.

    Raises:
        InstallError: the index cannot be reached, or does not have the file.
    """
    base = pip_settings.index_url()
    page_url = f"{base.rstrip('/')}/{package}/"
    try:
        with _open(page_url) as page:
            if page is None:
                raise InstallError(f"The package index {_without_login(base)} has no {package}.", HINT)
            text = page.read(PAGE_BYTES).decode("utf-8", "replace")
            links = _links(text, page.headers.get("Content-Type", ""))
            location = page.url
        for link in links:
            url = urllib.parse.urldefrag(urllib.parse.urljoin(location, link)).url
            if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] == file_name:
                _download(_with_login_of(base, url), target, file_name, console)
                return
    except CONNECTION_ERRORS as error:
        reason = getattr(error, "reason", error)
        if connections.is_unreachable(reason):
            host = urllib.parse.urlsplit(base).hostname or base
            raise connections.unreachable(host, str(reason)) from None
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise untrusted_certificate(_without_login(base)) from None
        raise InstallError(
            f"The package index {_without_login(base)} cannot be reached: {reason}.", HINT
        ) from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InstallError(f"{_without_login(page_url)} is not a page of a package index.", HINT) from None
    raise InstallError(f"The package index {_without_login(base)} has no {file_name}.", HINT)


def _open(url: str, start: int = 0) -> Any:
    """Return urllib's response from byte ``start`` on, or a context manager of None for "not found".

    The user name and password in ``url`` are sent to its own server only, and only if that is verified.
    """
    headers = {"Accept": ACCEPT, "User-Agent": "nst-install"}
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "http", "file"):
        raise ValueError(url)
    if parts.scheme == "file" and parts.path.endswith("/"):
        url += "index.html"
    if start:
        headers["Range"] = f"bytes={start}-"
    context = context_for(url)
    handlers: list[urllib.request.BaseHandler] = [
        urllib.request.HTTPSHandler(context=context),
        VerifiedRedirects(),
    ]
    proxy = pip_settings.proxy()
    if proxy:
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    if "@" in parts.netloc and not is_verified(url, context):
        url = _without_login(url)
    elif "@" in parts.netloc:
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        url = _without_login(url)
        passwords.add_password(None, url, urllib.parse.unquote(parts.username or ""),
                               urllib.parse.unquote(parts.password or ""))  # fmt: skip
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 -- the scheme is checked above
        return urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_FOUND:
            return _NotFound()
        raise


class _NotFound:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _download(url: str, target: Path, label: str, console: Console) -> None:
    """Download ``url`` to ``target``, resuming a few times if the connection breaks."""
    for attempt in range(ATTEMPTS):
        start = target.stat().st_size if target.exists() else 0
        try:
            with _open(url, start) as response:
                if response is None:
                    raise urllib.error.URLError("the file is not there")
                if start and response.status != http.client.PARTIAL_CONTENT:
                    start = 0
                total = start + int(response.headers.get("Content-Length") or 0)
                _write(response, target, start, total, label, console)
            if not total or target.stat().st_size >= total:
                return
        except CONNECTION_ERRORS as error:
            if attempt == ATTEMPTS - 1:
                raise
            if getattr(error, "code", 0) == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                target.unlink()  # it has all bytes of the file already, or is another one: start over
    raise urllib.error.URLError("the connection was lost")


def _write(response: Any, target: Path, start: int, total: int, label: str, console: Console) -> None:
    """Write a response to ``target`` from byte ``start`` on."""
    done = start
    with target.open("r+b" if start else "wb") as file:
        file.seek(start)
        while True:
            block = response.read(1 << 16)
            if not block:
                return
            done += len(block)
            if done > FILE_BYTES:
                raise ValueError("larger than any tool")
            try:
                file.write(block)
            except OSError as error:
                raise from_os(target, error) from None
            console.bar(label, done, total)


def _links(text: str, content_type: str) -> list[str]:
    """Return the links to files on a page of the index, in JSON or HTML."""
    if "json" in content_type:
        return [str(file["url"]) for file in json.loads(text).get("files", [])]
    parser = _LinkParser()
    parser.feed(text)
    return parser.links


class _LinkParser(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the target of a link."""
        self.links.extend(value for name, value in attrs if tag == "a" and name == "href" and value)


def _with_login_of(index: str, url: str) -> str:
    """Return ``url`` with the user and password from the index's URL if both are on the same server."""
    index_parts, parts = urllib.parse.urlsplit(index), urllib.parse.urlsplit(url)
    has_login = "@" in index_parts.netloc and "@" not in parts.netloc
    if has_login and _server(index) == _server(url):
        return parts._replace(netloc=f"{index_parts.netloc.rpartition('@')[0]}@{parts.netloc}").geturl()
    return url


def _server(url: str) -> tuple[str, str]:
    """Return scheme, host and port."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _without_login(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
