"""Fixtures for conditions that are hard to create: another user, a full disk."""

import os
import resource
import subprocess
from contextlib import contextmanager

import pytest

NOBODY = 65534


@pytest.fixture
def as_nobody():
    """Return a context in which the process has no special rights, even if the tests run as root."""

    @contextmanager
    def go():
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return go


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder with room for 64 KiB: a small file system, or else a limit on the size of files."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        mounted = (
            os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        mounted = False
    if mounted:
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    else:
        with limited_files():
            yield folder


@contextmanager
def limited_files(size=64 * 1024):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def limited_file_size():
    """Make writing files of more than 64 KiB fail during the test."""
    with limited_files():
        yield
