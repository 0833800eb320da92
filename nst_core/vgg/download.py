"""Downloads that resume, are checked, and never leave a wrong file behind.

Comes in: a source (URL or package, SHA-256, size) and the folder to work in. Goes out: the path of a file
that is byte for byte what the source says. A cut connection is taken up again where it broke, in this call
or the next one, from ``<file name>.part``. Does not know what the file holds.
"""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import httpx

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.package_index import find_file, read_settings, without_password
from nst_core.vgg.sources import IndexFile, Source
from nst_core.vgg.streams import Interrupted, NotThere, describe, host, open_client, open_stream

CHUNK = 1024**2
ATTEMPTS = 3
"""Connections in a row that brought nothing new before a download is given up."""

PAUSE = 0.5
"""Seconds to wait after a connection that brought something; twice as long after each that did not."""


@dataclass(frozen=True)
class FetchProgress:
    """Where a fetch is: ``done`` of ``total`` bytes in this phase.

    Waiting for another program that writes the same store, and converting, count 0 and 1 of 1.
    """

    phase: Literal["wait", "download", "check", "convert"]
    done: int
    total: int


def download(source: Source, folder: Path, on_progress: Callable[[FetchProgress], None]) -> Path:
    """Fetch ``source`` into ``folder``, which exists, and check it. Returns the path of the file.

    Whatever ``on_progress`` raises passes through; what has been received stays for the next call.

    Raises:
        NstError: ``download-failed`` when no place has it or can be reached, ``wrong-hash`` when what came
            is not it (nothing is kept then), ``disk-full``, ``unwritable-output``.
    """
    part = folder / f"{source.file_name}.part"
    settings = read_settings()
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
        f"Or download {source.place} by other means and run "
        f"`nst models import {source.file_name} --as {source.file_name.partition('-')[0]}`."
    )


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
    start, blocks = open_stream(url, have, source.bytes, client)
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
