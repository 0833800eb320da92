"""One file from the package index, fetched with the standard library alone.

The index is the one that pip is set up with (environment, then its configuration files). What comes is
checked by the caller, by its hash.
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
from nst_install.places import home_folder

DEFAULT = "https://pypi.org/simple"
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
PAGE_BYTES = 64 * 1024**2
FILE_BYTES = 256 * 1024**2
SECONDS = 30.0
"""Patience with a connection that says nothing."""

ATTEMPTS = 3

TROUBLES = (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, ConnectionError, socket.timeout)
"""What a connection ends with; Python 3.9 knows a timeout by the last name alone."""


def fetch(package: str, file_name: str, target: Path, console: Console) -> None:
    """Fetch ``file_name`` of ``package`` into ``target``.

    Raises:
        InstallError: the index cannot be reached, or does not have it.
    """
    base = index_url()
    page_url = f"{base.rstrip('/')}/{package}/"
    context = tls()
    try:
        with _open(page_url, context) as page:
            if page is None:
                raise InstallError(f"The package index {_shown(base)} has no {package}.", _WAY_OUT)
            text = page.read(PAGE_BYTES).decode("utf-8", "replace")
            links = _links(text, page.headers.get("Content-Type", ""))
            location = page.url
        for link in links:
            url = urllib.parse.urldefrag(urllib.parse.urljoin(location, link)).url
            if urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] == file_name:
                _receive(_with_login_of(base, url), target, file_name, context, console)
                return
    except TROUBLES as error:
        reason = getattr(error, "reason", error)
        raise InstallError(
            f"The package index {_shown(base)} cannot be reached: {reason}.", _WAY_OUT
        ) from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InstallError(f"{_shown(page_url)} is not a page of a package index.", _WAY_OUT) from None
    raise InstallError(f"The package index {_shown(base)} has no {file_name}.", _WAY_OUT)


_WAY_OUT = "Check the connection and `pip config list`, then run the command again; what has come is kept."


def index_url(environment: Mapping[str, str] = os.environ) -> str:
    """Return the package index that is set up for pip or uv."""
    for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        words = environment.get(name, "").split()
        if words:  # uv lets an index be written "name=URL"
            return words[0].partition("=")[2] if "=" in words[0].partition("://")[0] else words[0]
    found = DEFAULT
    for path in configuration_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
            found = parser.get("global", "index-url", fallback=found)
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
    return found.strip()


def configuration_files(environment: Mapping[str, str], platform: str = sys.platform) -> list[Path]:
    """List pip's configuration files, the one that counts most last."""
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


def tls(environment: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return whom to trust: pip's certificate where one is named, else the system's authorities.

    A bare system has no list of authorities. Then nobody is asked who the server is: every file fetched
    here is decided by its pinned SHA-256 and by nothing else.
    """
    named = environment.get("PIP_CERT", "")
    context = ssl.create_default_context(cafile=named if Path(named).is_file() else None)
    paths = ssl.get_default_verify_paths()
    folder = paths.capath and Path(paths.capath).is_dir() and any(os.scandir(paths.capath))
    if not context.get_ca_certs() and not folder:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _open(url: str, context: ssl.SSLContext, start: int = 0) -> Any:
    """Return urllib's response, or what stands for a page that is not there: entered, it gives None."""
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
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        passwords.add_password(None, bare, urllib.parse.unquote(parts.username or ""),
                               urllib.parse.unquote(parts.password or ""))  # fmt: skip
        handlers.append(urllib.request.HTTPBasicAuthHandler(passwords))
        url = bare
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 -- the scheme was looked at
        return urllib.request.build_opener(*handlers).open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.client.NOT_FOUND:
            return _Nothing()
        raise


class _Nothing:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


def _receive(url: str, target: Path, label: str, context: ssl.SSLContext, console: Console) -> None:
    for attempt in range(ATTEMPTS):
        start = target.stat().st_size if target.exists() else 0
        try:
            with _open(url, context, start) as answer:
                if answer is None:
                    raise urllib.error.URLError("the file is not there")
                if start and answer.status != http.client.PARTIAL_CONTENT:
                    start = 0
                total = start + int(answer.headers.get("Content-Length") or 0)
                _copy(answer, target, start, total, label, console)
            if not total or target.stat().st_size >= total:
                return
        except TROUBLES:
            if attempt == ATTEMPTS - 1:
                raise
    raise urllib.error.URLError("the connection broke off")


def _copy(answer: Any, target: Path, start: int, total: int, label: str, console: Console) -> None:
    done = start
    with target.open("r+b" if start else "wb") as file:
        file.seek(start)
        while True:
            block = answer.read(1 << 16)
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
    if "json" in content_type:
        return [str(file["url"]) for file in json.loads(text).get("files", [])]
    found: list[str] = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attributes if tag == "a" and name == "href" and value)

    Anchors().feed(text)
    return found


def _with_login_of(index: str, url: str) -> str:
    """Carry the user and password in the index's URL over to a link on the same host."""
    there, here = urllib.parse.urlsplit(index), urllib.parse.urlsplit(url)
    if "@" in there.netloc and "@" not in here.netloc and there.hostname == here.hostname:
        return here._replace(netloc=f"{there.netloc.rpartition('@')[0]}@{here.netloc}").geturl()
    return url


def _shown(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
