"""Finding a package's file on the user's Python package index, without installing anything.

Takes a package and a file name and returns the URLs of that file. The indexes, links, certificate and proxy
come from pip (``pip config list``), so that mirrors and closed networks work as they do for pip. pip itself
does not download the file, because it would run the package's build. The downloader checks the file's hash,
so nothing here needs to be trusted.
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

from nst_core.vgg.connections import describe_failure, host_name, without_login

DEFAULT_INDEX = "https://pypi.org/simple"
"""The default of pip."""

PAGE_TYPES = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
MAX_PAGE_BYTES = 32 * 1024**2


@dataclass(frozen=True, kw_only=True)
class IndexSettings:
    """pip's configuration: index pages, pages or folders of links, certificate, proxy, and trusted hosts."""

    indexes: tuple[str, ...] = (DEFAULT_INDEX,)
    links: tuple[str, ...] = ()
    certificate: str | None = None
    proxy: str | None = None
    trusted: tuple[str, ...] = ()


def read_settings() -> IndexSettings:
    """Return pip's settings; without pip, return those in the environment variables of pip and uv."""
    listing = run_pip_config_list()
    return parse_settings(environment_settings() if listing is None else parse_listing(listing))


def run_pip_config_list() -> str | None:
    """Return the output of ``pip config list``, or None if there is no working pip."""
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip"]
    else:
        pip = shutil.which("pip3") or shutil.which("pip")
        if pip is None:
            return None
        command = [pip]
    try:
        completed = subprocess.run(
            [*command, "config", "list"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return completed.stdout


def parse_listing(listing: str) -> dict[str, str]:
    """Parse lines like ``global.index-url='https://...'`` to values by setting.

    The environment overrides the settings of ``pip download``, which override the global ones.
    """
    ranks = {"global": 0, "download": 1, ":env:": 2}
    ranked_values: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, separator, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if not separator or section not in ranks:
            continue
        try:
            text = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            continue
        if name not in ranked_values or ranks[section] >= ranked_values[name][0]:
            ranked_values[name] = (ranks[section], text)
    return {name: text for name, (_, text) in ranked_values.items()}


def environment_settings() -> dict[str, str]:
    """Return the values of the environment variables of pip and uv, by pip's names of settings."""
    variables = {
        "index-url": ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"),
        "extra-index-url": ("PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"),
        "find-links": ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
        "no-index": ("PIP_NO_INDEX", "UV_NO_INDEX"),
        "cert": ("PIP_CERT",),
        "proxy": ("PIP_PROXY",),
        "trusted-host": ("PIP_TRUSTED_HOST", "UV_INSECURE_HOST"),
    }
    values = {
        name: next((os.environ[key] for key in keys if os.environ.get(key)), None)
        for name, keys in variables.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def parse_settings(values: Mapping[str, str]) -> IndexSettings:
    """Convert pip's settings by name to :class:`IndexSettings`, in pip's order of search."""
    no_index = values.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t")
    indexes = [values.get("index-url", DEFAULT_INDEX), *values.get("extra-index-url", "").split()]
    # uv allows an index to be written "name=URL".
    urls = [url.partition("=")[2] if "=" in url.partition("://")[0] else url for url in indexes]
    return IndexSettings(
        indexes=() if no_index else tuple(dict.fromkeys(urls)),
        links=tuple(values.get("find-links", "").replace(",", " ").split()),
        certificate=values.get("cert") or None,
        proxy=values.get("proxy") or None,
        trusted=tuple(values.get("trusted-host", "").split()),
    )


def find_file(
    package: str, file_name: str, settings: IndexSettings, client: httpx.Client
) -> tuple[list[str], list[str]]:
    """Look for ``file_name`` of ``package`` on every index and page of links.

    Returns the URLs (``https:`` or ``file:``) in the order to try them, and a clause for each page that could
    not be read.
    """
    urls: list[str] = []
    failures: list[str] = []
    pages = [f"{index.rstrip('/')}/{package}/" for index in settings.indexes]
    for page in [*pages, *settings.links]:
        try:
            urls.extend(links_to(file_name, page, client))
        except httpx.UnsupportedProtocol as error:
            failures.append(str(error))
        except httpx.TransportError as error:
            failures.append(describe_failure(page, error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failures.append(f"{host_name(page)} could not be reached ({type(error).__name__})")
        except (OSError, ValueError) as error:
            failures.append(f"{without_login(page)} could not be read ({error})")
    return list(dict.fromkeys(urls)), failures


def links_to(file_name: str, location: str, client: httpx.Client) -> Iterator[str]:
    """Yield the URLs of ``file_name`` in ``location``: a folder, or a page on the disk or the internet."""
    folder = local_path(location)
    if folder is not None:
        if (folder / file_name).is_file():
            yield (folder / file_name).absolute().as_uri()
        page = folder / "index.html" if folder.is_dir() else folder
        if page.suffix not in (".html", ".htm") or not page.is_file():
            return
        base, text, is_json = page.absolute().as_uri(), page.read_text("utf-8", "replace"), False
    else:
        with client.stream("GET", location, headers={"Accept": PAGE_TYPES}) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                return
            response.raise_for_status()
            text = read_page(response)
            base, is_json = str(response.url), "json" in response.headers.get("Content-Type", "")
    for link in json_links(text) if is_json else html_links(text):
        url = urldefrag(urljoin(base, link)).url
        if unquote(urlsplit(url).path).rpartition("/")[2] == file_name:
            yield copy_login(base, url)


def read_page(response: httpx.Response) -> str:
    """Read a page as text.

    Raises:
        ValueError: the page is larger than ``MAX_PAGE_BYTES``.
    """
    blocks: list[bytes] = []
    size = 0
    for block in response.iter_bytes():
        size += len(block)
        if size > MAX_PAGE_BYTES:
            raise ValueError("the page is too large")
        blocks.append(block)
    return b"".join(blocks).decode("utf-8", "replace")


def json_links(text: str) -> list[str]:
    """Return the links of an index page in JSON (PEP 691)."""
    try:
        return [str(file["url"]) for file in json.loads(text)["files"]]
    except (KeyError, TypeError, ValueError):
        raise ValueError("the page is not an index page") from None


def html_links(text: str) -> list[str]:
    """Return the links of an index page in HTML (PEP 503)."""
    links: list[str] = []

    class Anchors(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

    Anchors().feed(text)
    return links


def local_path(location: str) -> Path | None:
    """Return the path of a ``file:`` URL or a plain path, or None for an address on the internet."""
    parts = urlsplit(location)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(location).expanduser()


def copy_login(page: str, url: str) -> str:
    """Return ``url``, a link on ``page``, with the page's user and password if it is on the same server."""
    page_parts, parts = urlsplit(page), urlsplit(url)
    same = (page_parts.scheme, page_parts.netloc.rpartition("@")[2]) == (parts.scheme, parts.netloc)
    if "@" in page_parts.netloc and same:
        return parts._replace(netloc=f"{page_parts.netloc.rpartition('@')[0]}@{parts.netloc}").geturl()
    return url
