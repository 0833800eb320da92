"""One file over HTTP, or from disk, from a given byte on.

Comes in: a URL and the byte to start at. Goes out: the bytes in blocks, and whether trouble on the way is
worth another try. Does not know what the file is, nor where the bytes go.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import httpx

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.vgg.package_index import IndexSettings, local_path, without_password

CHUNK = 1024**2

TIMEOUT = httpx.Timeout(30.0, connect=15.0)


class Interrupted(Exception):  # noqa: N818 - what happened, not what is wrong
    """The connection broke or was refused; the same place may be tried again."""


class NotThere(Exception):  # noqa: N818
    """The place does not have the file; trying again is of no use."""


@contextmanager
def open_client(settings: IndexSettings) -> Iterator[httpx.Client]:
    """Open an HTTP client that trusts what the system, the environment and pip trust, through their proxy.

    Raises:
        NstError: ``download-failed`` when the proxy that is set up is of a kind that cannot be used.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if settings.certificate and Path(settings.certificate).exists():
        extra = Path(settings.certificate)
        context.load_verify_locations(**{"capath" if extra.is_dir() else "cafile": str(extra)})
    try:
        client = httpx.Client(
            verify=context,
            proxy=settings.proxy,
            timeout=TIMEOUT,
            follow_redirects=True,
            headers={"User-Agent": "nst"},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # SOCKS takes a package more
        raise NstError(
            ErrorCode.DOWNLOAD_FAILED,
            f"The proxy that is set up cannot be used: {first_line(error)}.",
            "Name an HTTP proxy in HTTPS_PROXY (http://HOST:PORT), and clear ALL_PROXY.",
        ) from None
    with client:
        yield client


def open_stream(url: str, have: int, size: int, client: httpx.Client) -> tuple[int, Iterator[bytes]]:
    """Open ``url`` at byte ``have``; gives the byte at which it really starts and the blocks from there."""
    path = local_path(url)
    if path is not None:
        return have, read_blocks(path, have)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = client.build_request("GET", url, headers=headers)
    try:
        response = client.send(request, stream=True)
    except httpx.TransportError as error:
        raise Interrupted(describe(url, error)) from None
    except httpx.RequestError as error:
        raise NotThere(f"{host(url)} cannot be used ({error})") from None
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if start != str(have):
            response.close()
            raise NotThere(f"{host(url)} answered with another part of the file than was asked for")
        return have, read_response(response)
    if response.status_code == httpx.codes.OK:
        said = response.headers.get("Content-Length", str(size))
        if said != str(size):
            response.close()
            raise NotThere(f"{host(url)} has {said} bytes under that name, where there should be {size}")
        return 0, read_response(response)
    response.close()
    said = f"{host(url)} answered {response.status_code} {response.reason_phrase}"
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise Interrupted(said)
    raise NotThere(said)


def read_response(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body as it arrives and close the connection after it.

    In no blocks of a fixed size: what had been gathered for one would be lost when the connection breaks.
    """
    try:
        yield from response.iter_raw()
    finally:
        response.close()


def read_blocks(path: Path, start: int) -> Iterator[bytes]:
    """Yield a local file's blocks from byte ``start`` on."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            while block := file.read(CHUNK):
                yield block
    except OSError as error:
        raise NotThere(f"{path} cannot be read ({error.strerror})") from None


def host(url: str) -> str:
    """Name the other side of a URL."""
    return urlsplit(url).hostname or without_password(url)


def describe(url: str, error: httpx.TransportError) -> str:
    """Say in words what happened to a connection."""
    if isinstance(error, httpx.TimeoutException):
        return f"{host(url)} did not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"{host(url)} cannot be reached ({error})"
    return f"the connection to {host(url)} broke"
