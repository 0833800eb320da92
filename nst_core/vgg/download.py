"""Downloads that resume, are checked, and never leave a wrong file behind.

Comes in: a source (URL or package, SHA-256, size) and the folder to work in. Goes out: the path of a file
that is byte for byte what the source says. A cut connection is taken up again where it broke, in this call
or the next one, from ``<file name>.part``. Does not know what the file holds.
"""

from __future__ import annotations

import errno
import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from urllib.parse import urlsplit

import certifi
import httpx

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.package_index import (
    IndexSettings,
    find_file,
    local_path,
    read_settings,
    without_password,
)
from nst_core.vgg.sources import IndexFile, Source

CHUNK = 1024**2
ATTEMPTS = 5
"""Connections that brought nothing new before a download is given up; one that did starts the count again."""

PAUSE = 0.5
"""Seconds before the second attempt; twice as long before each one after."""

TIMEOUT = httpx.Timeout(30.0, connect=15.0)


@dataclass(frozen=True)
class FetchProgress:
    """Where a fetch is: ``done`` of ``total`` bytes in this phase; ``total`` is None where unknown."""

    phase: Literal["download", "check", "convert"]
    done: int
    total: int | None


class Interrupted(Exception):  # noqa: N818 - what happened, not what is wrong
    """The connection broke or was refused; the same place may be tried again."""


class NotThere(Exception):  # noqa: N818
    """The place does not have the file; trying again is of no use."""


def download(source: Source, folder: Path, on_progress: Callable[[FetchProgress], None]) -> Path:
    """Fetch ``source`` into ``folder``, which exists, and check it. Returns the path of the file.

    Whatever ``on_progress`` raises passes through; what has been received stays for the next call.

    Raises:
        NstError: ``download-failed`` when no place has it or can be reached, ``wrong-hash`` when what came
            is not it (nothing is kept then), ``disk-full``, ``unwritable-output``.
    """
    part = folder / f"{source.file_name}.part"
    settings = read_settings() if isinstance(source.place, IndexFile) else IndexSettings()
    with open_client(settings) as client:
        urls: list[str] = []
        troubles: list[str] = []
        if isinstance(source.place, IndexFile):
            urls, troubles = find_file(source.place.package, source.file_name, settings, client)
            if not urls and not troubles:
                troubles.append(f"no package index that is set up has {source.place.package}")
        else:
            urls = [source.place]
        for url in urls:
            try:
                fetch_checked(url, source, part, client, on_progress)
            except (Interrupted, NotThere) as error:
                troubles.append(str(error))
            else:
                return part
    raise NstError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{source.file_name} could not be downloaded: {'; '.join(dict.fromkeys(troubles))}.",
        way_out(source),
    )


def way_out(source: Source) -> str:
    """Say what to do where the download does not work."""
    if isinstance(source.place, IndexFile):
        return "Check that pip can reach its package index (`pip config list`), then run the command again."
    return (
        "Check the connection and run the command again: it goes on where it stopped. "
        f"Or download {source.place} by other means and run `nst models import {source.file_name}`."
    )


@contextmanager
def open_client(settings: IndexSettings) -> Iterator[httpx.Client]:
    """Open an HTTP client that trusts what the system, the environment and pip trust."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if settings.certificate and Path(settings.certificate).exists():
        extra = Path(settings.certificate)
        context.load_verify_locations(**{"capath" if extra.is_dir() else "cafile": str(extra)})
    with httpx.Client(
        verify=context,
        proxy=settings.proxy,
        timeout=TIMEOUT,
        follow_redirects=True,
        headers={"User-Agent": "nst"},
    ) as client:
        yield client


def fetch_checked(
    url: str,
    source: Source,
    part: Path,
    client: httpx.Client,
    on_progress: Callable[[FetchProgress], None],
) -> None:
    """Bring ``part`` to the whole of ``source``, resuming, and check it.

    What earlier calls left may be of another file: when the whole does not match, it is fetched once more
    from its first byte before it counts as wrong.
    """
    resumed = part.exists() and part.stat().st_size > 0
    receive_all(url, source, part, client, on_progress)
    if matches(part, source, on_progress):
        return
    part.unlink()
    if resumed:
        receive_all(url, source, part, client, on_progress)
        if matches(part, source, on_progress):
            return
        part.unlink()
    raise NstError(
        ErrorCode.WRONG_HASH,
        f"What came from {without_password(url)} is not {source.file_name}: its SHA-256 is not "
        f"{source.sha256}. It has been deleted.",
        "Something on the way changes downloads, or the file was replaced; try another network.",
    )


def matches(part: Path, source: Source, on_progress: Callable[[FetchProgress], None]) -> bool:
    """Tell whether ``part`` is the source's file, by size and SHA-256."""
    if part.stat().st_size != source.bytes:
        return False
    return (
        file_hash(part, lambda done: on_progress(FetchProgress("check", done, source.bytes))) == source.sha256
    )


def file_hash(path: Path, on_bytes: Callable[[int], None] = lambda _done: None) -> str:
    """SHA-256 of a file, in hex; ``on_bytes`` is told how many have been read."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
            done += len(block)
            on_bytes(done)
    return digest.hexdigest()


def receive_all(
    url: str,
    source: Source,
    part: Path,
    client: httpx.Client,
    on_progress: Callable[[FetchProgress], None],
) -> None:
    """Add to ``part`` until it has all of the source's bytes, taking broken connections up again."""
    failures = 0
    while (have := part.stat().st_size if part.exists() else 0) < source.bytes or have == 0:
        try:
            receive(url, source, part, have, client, on_progress)
            return
        except Interrupted:
            grown = part.exists() and part.stat().st_size > have
            failures = 0 if grown else failures + 1
            if failures >= ATTEMPTS:
                raise
            time.sleep(PAUSE * 2**failures)


def receive(
    url: str,
    source: Source,
    part: Path,
    have: int,
    client: httpx.Client,
    on_progress: Callable[[FetchProgress], None],
) -> None:
    """Open one connection and append to ``part`` from byte ``have`` on, or from 0 if the server insists."""
    start, blocks = open_stream(url, have, source, client)
    try:
        with open_part(part, start) as file:
            done = start
            for block in blocks:
                done += len(block)
                if done > source.bytes:
                    raise NotThere(f"{without_password(url)} is larger than {source.file_name}")
                append(file, block, part)
                on_progress(FetchProgress("download", done, source.bytes))
    except NotThere:
        part.unlink()
        raise
    except httpx.TransportError as error:
        raise Interrupted(describe(url, error)) from None
    if done < source.bytes:
        raise Interrupted(f"{host(url)} stopped at {done} of {source.bytes} bytes")


def open_part(part: Path, start: int) -> BinaryIO:
    """Open the partial file for writing from byte ``start`` on, dropping what comes after."""
    try:
        file = part.open("r+b" if start else "wb")
        file.seek(start)
        file.truncate()
    except OSError as error:
        raise disk_error(part, error) from None
    return file


def append(file: BinaryIO, block: bytes, part: Path) -> None:
    """Write a block, saying so in words when the disk will not have it."""
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        raise disk_error(part, error) from None


def open_stream(url: str, have: int, source: Source, client: httpx.Client) -> tuple[int, Iterator[bytes]]:
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
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        start = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if start != str(have):
            response.close()
            raise NotThere(f"{host(url)} answered with another part of the file than was asked for")
        return have, read_response(response)
    if response.status_code == httpx.codes.OK:
        size = response.headers.get("Content-Length", str(source.bytes))
        if size != str(source.bytes):
            response.close()
            raise NotThere(
                f"{host(url)} has {size} bytes under that name, where there should be {source.bytes}"
            )
        return 0, read_response(response)
    response.close()
    said = f"{host(url)} answered {response.status_code} {response.reason_phrase}"
    if response.status_code in (408, 425, 429) or response.status_code >= 500:
        raise Interrupted(said)
    raise NotThere(said)


def read_response(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in blocks and close the connection after it."""
    try:
        yield from response.iter_raw(CHUNK)
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


def disk_error(path: Path, error: OSError) -> NstError:
    """Say what kept ``path`` from being written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NstError(
            ErrorCode.DISK_FULL,
            f"The disk that holds {path.parent} is full.",
            "Make room, or choose another folder with NST_MODELS; what has come so far is kept.",
        )
    return NstError(
        ErrorCode.UNWRITABLE_OUTPUT,
        f"{path} cannot be written: {error.strerror or type(error).__name__}.",
        "Choose a folder you may write to with NST_MODELS.",
    )
