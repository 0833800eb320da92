"""Ctrl-C and SIGTERM: once keeps the picture, twice drops it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_core.cli.failures import BrokenOff
from nst_core.cli.interrupts import listening
from nst_core.images.read import read_picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no such signals to a child")

Start = Callable[..., "subprocess.Popen[str]"]
LONG = (
    "stylize", "photo.png", "painting.png", "-o", "out.png", "--json", "--iterations", "5000",
    "--coarsest", "36", "--frames", "frames", "--frames-every", "1",
)  # fmt: skip


def wait_for(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """Read events up to the first of ``kind``."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_keeps_the_picture(start: Start, place: Path, number: signal.Signals) -> None:
    process = start(*LONG)
    wait_for(process, "progress")
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    done = json.loads(out.splitlines()[-1])
    assert process.returncode == 0, err
    assert (done["event"], done["stopped"]) == ("done", True)
    assert "Stopping: the picture so far will be written." in err
    assert read_picture("out.png").pixels.shape == (48, 72, 3)
    assert len(list((place / "frames").iterdir())) >= 2


def test_two_signals_drop_it(start: Start, place: Path) -> None:
    process = start(*LONG)
    wait_for(process, "preview")
    process.send_signal(signal.SIGSTOP)  # so that both are there before it can answer the first
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    error = json.loads(out.splitlines()[-1])
    assert (error["code"], error["message"]) == ("cancelled", "Broken off; nothing was written.")
    assert sorted(path.name for path in place.iterdir()) == ["painting.png", "photo.png"]


def busy(seconds: float) -> None:
    """Stay in one step of Python's for so long, as an evaluation does."""
    data = bytes(1_000_000)
    began = time.perf_counter()
    hashlib.sha256(data * 10).digest()
    rate = 10 / (time.perf_counter() - began)
    hashlib.sha256(data * max(1, int(rate * seconds))).digest()


def send_soon(*delays: float) -> threading.Thread:
    def send() -> None:
        for delay in delays:
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_two_presses_during_one_evaluation_are_two() -> None:
    def press_twice() -> None:
        with listening(print) as interrupts:
            interrupts.painting_begins()
            thread = send_soon(0.05, 0.05)
            busy(0.6)
            thread.join()

    with pytest.raises(BrokenOff):
        press_twice()


def test_one_press_asks_to_stop_and_is_told_once() -> None:
    said: list[str] = []
    with listening(said.append) as interrupts:
        interrupts.painting_begins()
        assert not interrupts.should_stop()
        thread = send_soon(0.01)
        thread.join()
        busy(0.05)
        assert interrupts.should_stop()
        assert interrupts.should_stop()
    assert len(said) == 1


def test_before_painting_there_is_nothing_to_keep() -> None:
    def press() -> None:
        with listening(print, kept="so much"):
            send_soon(0.01).join()
            busy(0.05)

    with pytest.raises(BrokenOff, match="so much") as caught:
        press()
    assert caught.value.signal_number == signal.SIGINT


def test_former_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with listening(print):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_what_follows_does_not_break_off_the_cleaning_up() -> None:
    cleaned: list[bool] = []

    def press_three_times() -> None:
        with listening(print):
            try:
                send_soon(0.01).join()
                busy(0.05)
            except BrokenOff:
                send_soon(0.01, 0.01).join()
                busy(0.05)
                cleaned.append(True)
                raise

    with pytest.raises(BrokenOff):
        press_three_times()
    assert cleaned == [True]
