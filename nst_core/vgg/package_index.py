"""Finding a package's file on the Python package index the user has set up, without installing anything.

Comes in: a package and a file name. Goes out: the URLs where that file is. The indexes, links, certificate
and proxy are asked of pip (``pip config list``), so that mirrors and closed networks work as they do for
pip; pip itself is not asked to download, because it would run the package's build. Which file is the right
one is decided by its hash, elsewhere; so nothing here needs to be trusted.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

import httpx

DEFAULT_INDEX = "https://pypi.org/simple"
"""pip's own default."""

PAGE_TYPES = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MAX_PAGE_BYTES = 32 * 1024**2


@dataclass(frozen=True)
class IndexSettings:
    """Where packages come from: index pages, folders or pages of links, and how to reach them."""

    indexes: tuple[str, ...] = (DEFAULT_INDEX,)
    links: tuple[str, ...] = ()
    certificate: str | None = None
    proxy: str | None = None


def read_settings() -> IndexSettings:
    """Ask pip for its settings; without pip, read the environment that pip and uv read."""
    listing = run_pip()
    return parse_settings(environment_settings() if listing is None else parse_listing(listing))


def run_pip() -> str | None:
    """Run ``pip config list``; None where there is no pip that answers."""
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip"]
    else:
        found = shutil.which("pip3") or shutil.which("pip")
        if found is None:
            return None
        command = [found]
    try:
        answer = subprocess.run(
            [*command, "config", "list"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout


def parse_listing(listing: str) -> dict[str, str]:
    """Read lines like ``global.index-url='https://...'``.

    The environment wins over the settings of ``pip download``, and those over the global ones.
    """
    ranks = {"global": 0, "download": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, separator, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if not separator or section not in ranks:
            continue
        try:
            text = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            continue
        if name not in found or ranks[section] >= found[name][0]:
            found[name] = (ranks[section], text)
    return {name: text for name, (_, text) in found.items()}


def environment_settings() -> dict[str, str]:
    """Read the variables of pip and of uv, under pip's names."""
    variables = {
        "index-url": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
        "extra-index-url": ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
        "find-links": ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
        "no-index": ("PIP_NO_INDEX", "UV_NO_INDEX"),
        "cert": ("PIP_CERT",),
        "proxy": ("PIP_PROXY",),
    }
    values = {
        name: next((os.environ[key] for key in keys if os.environ.get(key)), None)
        for name, keys in variables.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def parse_settings(values: Mapping[str, str]) -> IndexSettings:
    """Turn pip's settings by name into where to look, in pip's order."""
    no_index = values.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")
    indexes = [values.get("index-url", DEFAULT_INDEX), *values.get("extra-index-url", "").split()]
    # uv lets an index be written "name=URL".
    plain = [url.partition("=")[2] if "=" in url.partition("://")[0] else url for url in indexes]
    return IndexSettings(
        indexes=() if no_index else tuple(dict.fromkeys(plain)),
        links=tuple(values.get("find-links", "").replace(",", " ").split()),
        certificate=values.get("cert") or None,
        proxy=values.get("proxy") or None,
    )


def find_file(
    package: str, file_name: str, settings: IndexSettings, client: httpx.Client
) -> tuple[list[str], list[str]]:
    """Look for ``file_name`` of ``package`` on every index.

    Returns the URLs (``https:`` or ``file:``) in the order to try them, and a clause for each place that
    could not be read.
    """
    urls: list[str] = []
    troubles: list[str] = []
    pages = [f"{index.rstrip('/')}/{package}/" for index in settings.indexes]
    for page in [*pages, *settings.links]:
        try:
            urls.extend(links_to(file_name, page, client))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            troubles.append(f"{urlsplit(page).hostname} could not be reached ({type(error).__name__})")
        except (OSError, ValueError) as error:
            troubles.append(f"{without_password(page)} could not be read ({error})")
    return list(dict.fromkeys(urls)), troubles


def links_to(file_name: str, place: str, client: httpx.Client) -> Iterator[str]:
    """Yield the links to ``file_name`` on a page, or in a folder, or the place itself."""
    folder = local_path(place)
    if folder is not None:
        if (folder / file_name).is_file():
            yield (folder / file_name).absolute().as_uri()
        page = folder / "index.html" if folder.is_dir() else folder
        if page.suffix not in (".html", ".htm") or not page.is_file():
            return
        base, text, is_json = page.absolute().as_uri(), page.read_text("utf-8", "replace"), False
    else:
        with client.stream("GET", place, headers={"Accept": PAGE_TYPES}) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return
            response.raise_for_status()
            text = read_page(response)
            base, is_json = str(response.url), "json" in response.headers.get("Content-Type", "")
    for link in json_links(text) if is_json else html_links(text):
        url = urldefrag(urljoin(base, link)).url
        if unquote(urlsplit(url).path).rpartition("/")[2] == file_name:
            yield with_login_of(base, url)


def read_page(response: httpx.Response) -> str:
    """Read a page that is not larger than any index's page needs to be."""
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        size += len(part)
        if size > MAX_PAGE_BYTES:
            raise ValueError("the page is too large")
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def json_links(text: str) -> list[str]:
    """List the links of a page in the JSON form of the simple index (PEP 691)."""
    try:
        return [str(file["url"]) for file in json.loads(text)["files"]]
    except (KeyError, TypeError, ValueError):
        raise ValueError("the page is not an index page") from None


def html_links(text: str) -> list[str]:
    """List the links of a page in HTML (PEP 503)."""
    found: list[str] = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

    Anchors().feed(text)
    return found


def local_path(place: str) -> Path | None:
    """Give the path of a ``file:`` URL or of a plain path; None for what is on the network."""
    parts = urlsplit(place)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(place).expanduser()


def with_login_of(page: str, url: str) -> str:
    """Carry the user and password in a page's URL over to a link on the same host."""
    there, here = urlsplit(page), urlsplit(url)
    if "@" in there.netloc and "@" not in here.netloc and there.hostname == here.hostname:
        return here._replace(netloc=f"{there.netloc.rpartition('@')[0]}@{here.netloc}").geturl()
    return url


def without_password(url: str) -> str:
    """Write a URL so that it can be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
