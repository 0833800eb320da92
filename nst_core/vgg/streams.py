"""Streaming one file over HTTP or from the disk, from a given byte on.

Takes a URL and the byte to start at. Yields the bytes in blocks, and separates failures that are worth a
retry from permanent ones. The HTTP client here applies the certificates and the proxy. Does not know what the
file is or where the bytes go.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import httpx

from nst_core.errors import ErrorCode, NstError, first_line
from nst_core.vgg.connections import describe_failure, host_name, is_this_machine
from nst_core.vgg.package_index import IndexSettings, local_path

CHUNK = 1024**2

TIMEOUT = httpx.Timeout(30.0, connect=15.0)


class TransferInterrupted(Exception):  # noqa: N818 - an event that callers retry, not an error
    """The connection broke or was refused; a retry may succeed."""


class FileUnavailable(Exception):  # noqa: N818 - callers try the next location
    """The server does not have the file; a retry is useless."""


@contextmanager
def open_client(settings: IndexSettings) -> Iterator[httpx.Client]:
    """Open an HTTP client with the certificates and the proxy of the system, the environment and pip.

    Raises:
        NstError: ``download-failed`` if the configured proxy is of an unsupported kind.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if settings.certificate and Path(settings.certificate).exists():
        certificate = Path(settings.certificate)
        context.load_verify_locations(**{"capath" if certificate.is_dir() else "cafile": str(certificate)})
    try:
        client = httpx.Client(
            verify=context,
            proxy=settings.proxy,
            timeout=TIMEOUT,
            follow_redirects=True,
            event_hooks={"request": [lambda request: check_verified(request.url, settings)]},
            headers={"User-Agent": "nst"},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:  # SOCKS needs another package
        raise NstError(
            ErrorCode.DOWNLOAD_FAILED,
            f"The configured proxy cannot be used: {first_line(error)}.",
            "Set HTTPS_PROXY to an HTTP proxy (http://HOST:PORT), and clear ALL_PROXY.",
        ) from None
    with client:
        yield client


def check_verified(url: httpx.URL, settings: IndexSettings) -> None:
    """Check that the connection to ``url`` is verified, or that the user trusts its host as it is.

    Raises:
        httpx.UnsupportedProtocol: it is not.
    """
    trusted = (url.host, f"{url.host}:{url.port}")
    if url.scheme != "https" and not is_this_machine(url.host) and not set(trusted) & set(settings.trusted):
        raise httpx.UnsupportedProtocol(f"{url.host} is not verified, because its address begins with http:")


def open_stream(url: str, start: int, size: int, client: httpx.Client) -> tuple[int, Iterator[bytes]]:
    """Open a file of ``size`` bytes at byte ``start``; return the byte it really starts at and its blocks.

    Raises:
        TransferInterrupted: the connection failed, or the server is busy.
        FileUnavailable: the server does not have the file, or has one of another size.
    """
    path = local_path(url)
    if path is not None:
        return start, read_blocks(path, start)
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = client.build_request("GET", url, headers=headers)
    try:
        response = client.send(request, stream=True)
    except httpx.UnsupportedProtocol as error:
        raise FileUnavailable(str(error)) from None
    except httpx.TransportError as error:
        raise TransferInterrupted(describe_failure(url, error)) from None
    except httpx.RequestError as error:
        raise FileUnavailable(f"{host_name(url)} cannot be used ({error})") from None
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        answered_start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if answered_start != str(start):
            response.close()
            raise FileUnavailable(f"{host_name(url)} sent a different part of the file than requested")
        return start, read_response(response)
    if response.status_code == httpx.codes.OK:
        length = response.headers.get("Content-Length", str(size))
        if length != str(size):
            response.close()
            raise FileUnavailable(f"{host_name(url)} has a file of {length} bytes instead of {size} bytes")
        return 0, read_response(response)
    response.close()
    reason = f"{host_name(url)} answered {response.status_code} {response.reason_phrase}"
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise TransferInterrupted(reason)
    raise FileUnavailable(reason)


def read_response(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body as it arrives, then close the connection.

    The blocks have no fixed size: a partly filled block would be lost if the connection broke.
    """
    try:
        yield from response.iter_raw()
    finally:
        response.close()


def read_blocks(path: Path, start: int) -> Iterator[bytes]:
    """Yield the blocks of a local file from byte ``start`` on."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            while block := file.read(CHUNK):
                yield block
    except OSError as error:
        raise FileUnavailable(f"{path} cannot be read ({error.strerror})") from None
