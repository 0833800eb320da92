"""Download of one file from the package index with the standard library only.

The index is the one configured for pip or uv, in the environment or in pip's configuration files. The caller
checks the file by its hash. ``nst_core/vgg/package_index.py`` reads index pages too: it runs inside the
environment, where httpx and pip are available, and can ask pip for its configuration.
"""

from __future__ import annotations

import configparser
import http.client
import json
import os
import socket
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.paths import home_folder

DEFAULT = "https://pypi.org/simple"
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
    base = index_url()
    page_url = f"{base.rstrip('/')}/{package}/"
    context = tls_context()
    try:
        with _open(page_url, context) as page:
            if page is None:
                raise InstallError(f"The package index {_without_login(base)} has no {package}.", HINT)
            text = page.read(PAGE_BYTES).decode("utf-8", "replace")
            links = _links(text, page.headers.get("Content-Type", ""))
            location = page.url
        for link in links:
            url = urllib.parse.urldefrag(urllib.parse.urljoin(location, link)).url
            if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] == file_name:
                _download(_with_login_of(base, url), target, file_name, context, console)
                return
    except CONNECTION_ERRORS as error:
        reason = getattr(error, "reason", error)
        raise InstallError(
            f"The package index {_without_login(base)} cannot be reached: {reason}.", HINT
        ) from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InstallError(f"{_without_login(page_url)} is not a page of a package index.", HINT) from None
    raise InstallError(f"The package index {_without_login(base)} has no {file_name}.", HINT)


def index_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the package index that is configured for pip or uv."""
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        words = environment.get(name, "").split()
        if words:  # uv accepts "name=URL" too
            return words[0].partition("=")[2] if "=" in words[0].partition("://")[0] else words[0]
    url = DEFAULT
    for path in configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
            url = parser.get("global", "index-url", fallback=url)
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
    return url.strip()


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


def tls_context(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return the TLS settings: trust pip's certificate if one is configured, else the system's authorities.

    A bare system has no list of authorities. The server is not verified then: every file downloaded here is
    accepted or refused by its pinned SHA-256 alone.
    """
    named = environment.get("PIP_CERT", "")
    context = ssl.create_default_context(cafile=named if Path(named).is_file() else None)
    verify_paths = ssl.get_default_verify_paths()
    authorities = verify_paths.capath
    has_folder = authorities and Path(authorities).is_dir() and any(os.scandir(authorities))
    if not context.get_ca_certs() and not has_folder:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _open(url: str, context: ssl.SSLContext, start: int = 0) -> Any:
    """Return urllib's response from byte ``start`` on, or a context manager of None for "not found"."""
    headers = {"Accept": ACCEPT, "User-Agent": "nst-install"}
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("https", "http", "file"):
        raise ValueError(url)
    if parts.scheme == "file" and parts.path.endswith("/"):
        url += "index.html"
    if start:
        headers["Range"] = f"bytes={start}-"
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=context)]
    if "@" in parts.netloc:
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


def _download(url: str, target: Path, label: str, context: ssl.SSLContext, console: Console) -> None:
    """Download ``url`` to ``target``, resuming a few times if the connection breaks."""
    for attempt in range(ATTEMPTS):
        start = target.stat().st_size if target.exists() else 0
        try:
            with _open(url, context, start) as response:
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
    """Return ``url`` with the user and password from the index's URL if both are on the same host."""
    index_parts, parts = urllib.parse.urlsplit(index), urllib.parse.urlsplit(url)
    has_login = "@" in index_parts.netloc and "@" not in parts.netloc
    if has_login and index_parts.hostname == parts.hostname:
        return parts._replace(netloc=f"{index_parts.netloc.rpartition('@')[0]}@{parts.netloc}").geturl()
    return url


def _without_login(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
