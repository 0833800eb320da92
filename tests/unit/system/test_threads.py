"""The number of threads: set, not set, and values that mean nothing."""

from __future__ import annotations

import os

import pytest

from nst_core.backends.choose import open_engine
from nst_core.settings import Settings
from nst_core.system.threads import discard_thread_count, thread_count


@pytest.mark.parametrize(("text", "threads"), [("1", 1), ("4,2", 4), (" 3 ", 3)])
def test_set_number_is_used(text, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert thread_count() == threads
    assert discard_thread_count() is None
    assert os.environ["OMP_NUM_THREADS"] == text


def test_default_is_all_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_count() == 0
    assert discard_thread_count() is None


@pytest.mark.parametrize(
    "text", ["abc", "-3", "0", "1e9", "5000", "9" * 23, "\u0663", ",4", "2.5", "\x1b[31m" * 99]
)
def test_number_that_means_nothing_is_discarded_and_told(text, monkeypatch):
    """5000 threads end a process with torch, and ONNX Runtime says that the memory ran out."""
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert thread_count() == 0
    notice = discard_thread_count()
    assert notice is not None
    assert "no possible number of threads" in notice.message
    assert "\x1b" not in notice.message
    assert len(notice.message) < 200
    assert "OMP_NUM_THREADS" not in os.environ
    assert discard_thread_count() is None


def test_empty_value_is_discarded_silently(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", " ")
    assert discard_thread_count() is None
    assert "OMP_NUM_THREADS" not in os.environ


def test_engine_opens_and_tells_it(models, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "999999999")
    notices = []
    engine = open_engine(Settings(engine="onnx", device="cpu", model="vgg16"), models, notices.append)
    engine.close()
    assert [notice.code for notice in notices] == ["thread-count"]
    assert "threads" not in engine.name
