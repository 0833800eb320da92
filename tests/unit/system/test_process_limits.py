"""Limits on the memory of this process alone: those of POSIX, and Windows' commit limit with a stand-in."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nst_core.system import process_limits
from nst_core.system.process_limits import _left_to_commit, is_memory_exhausted, memory_left

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces these limits")


@linux
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_what_is_left_of_a_limit_shrinks_with_use(limit: str) -> None:
    program = (
        "import resource\n"
        "from nst_core.system.process_limits import memory_left\n"
        "assert memory_left() is None\n"
        f"resource.setrlimit(resource.{limit}, (10**9, 10**9))\n"
        "before = memory_left()\n"
        "kept = bytearray(10**8)\n"
        "print(before, before - memory_left())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, used = map(int, done.stdout.split())
    assert 5 * 10**8 < before < 10**9
    assert used == pytest.approx(10**8, rel=0.01)


def test_windows_tells_what_the_process_may_commit() -> None:
    def answer(pointer: object) -> int:
        status = ctypes.cast(pointer, ctypes.POINTER(process_limits.MemoryStatus)).contents
        assert status.length == ctypes.sizeof(process_limits.MemoryStatus) == 64
        status.avail_phys, status.avail_page_file = 9_000, 5_000
        return 1

    assert list(_left_to_commit(SimpleNamespace(GlobalMemoryStatusEx=answer))) == [5_000]
    assert list(_left_to_commit(SimpleNamespace(GlobalMemoryStatusEx=lambda _pointer: 0))) == []


def test_exhausted_is_less_than_needed_and_never_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_limits, "_left", lambda: iter([300, -5]))
    assert memory_left() == 0
    monkeypatch.setattr(process_limits, "_left", lambda: iter([300]))
    assert is_memory_exhausted(301)
    assert not is_memory_exhausted(300)
    monkeypatch.setattr(process_limits, "_left", lambda: iter([]))
    assert not is_memory_exhausted()
