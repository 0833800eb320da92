"""Ctrl-C, SIGTERM and a closed terminal: once saves the picture, twice cancels."""

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

from nst_core.cli import interrupts as interrupts_module
from nst_core.cli.failures import Cancelled
from nst_core.cli.interrupts import catch_interrupts, detach_closed_terminal
from nst_core.images.read import read_picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send such signals to a child")

Start = Callable[..., "subprocess.Popen[str]"]
LONG = (
    "stylize", "photo.png", "painting.png", "-o", "out.png", "--json", "--iterations", "5000",
    "--coarsest", "36", "--frames", "frames", "--frames-every", "1",
)  # fmt: skip


def wait_for(process: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """Read events up to the first of ``kind``, and return that one."""
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(process.communicate())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_first_signal_saves_the_picture(start: Start, workdir: Path, number: signal.Signals) -> None:
    process = start(*LONG)
    wait_for(process, "progress")
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    done = json.loads(out.splitlines()[-1])
    assert process.returncode == 0, err
    assert (done["event"], done["stopped"]) == ("done", True)
    assert "Stopping; the picture so far will be saved." in err
    assert read_picture("out.png").pixels.shape == (48, 72, 3)
    assert len(list((workdir / "frames").iterdir())) >= 2


@pytest.mark.slow
def test_second_signal_cancels(start: Start, workdir: Path) -> None:
    process = start(*LONG)
    wait_for(process, "preview")
    process.send_signal(signal.SIGSTOP)  # so that both signals arrive before it handles the first
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    error = json.loads(out.splitlines()[-1])
    assert (error["code"], error["message"]) == ("cancelled", "Cancelled; nothing was written.")
    assert sorted(path.name for path in workdir.iterdir()) == ["painting.png", "photo.png"]


def stay_busy(seconds: float) -> None:
    """Spend that time within one Python instruction, as an evaluation does."""
    data = bytes(1_000_000)
    start_time = time.perf_counter()
    hashlib.sha256(data * 10).digest()
    rate = 10 / (time.perf_counter() - start_time)
    hashlib.sha256(data * max(1, int(rate * seconds))).digest()


def send_soon(*delays: float) -> threading.Thread:
    def send() -> None:
        for delay in delays:
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_two_signals_during_one_evaluation_cancel() -> None:
    def press_twice() -> None:
        with catch_interrupts(print) as interrupts:
            interrupts.begin_painting()
            thread = send_soon(0.05, 0.05)
            stay_busy(0.6)
            thread.join()

    with pytest.raises(Cancelled):
        press_twice()


def test_first_signal_stops_and_is_announced_once() -> None:
    sentences: list[str] = []
    with catch_interrupts(sentences.append) as interrupts:
        interrupts.begin_painting()
        assert not interrupts.should_stop()
        thread = send_soon(0.01)
        thread.join()
        stay_busy(0.05)
        assert interrupts.should_stop()
        assert interrupts.should_stop()
    assert len(sentences) == 1


def test_first_signal_before_painting_cancels() -> None:
    def press() -> None:
        with catch_interrupts(print, "so much"):
            send_soon(0.01).join()
            stay_busy(0.05)

    with pytest.raises(Cancelled, match="so much") as caught:
        press()
    assert caught.value.signal_number == signal.SIGINT


def test_previous_handlers_are_restored() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with catch_interrupts(print):
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert signal.set_wakeup_fd(-1) == -1


def test_later_signals_do_not_cancel_the_clean_up() -> None:
    cleaned: list[bool] = []

    def press_three_times() -> None:
        with catch_interrupts(print):
            try:
                send_soon(0.01).join()
                stay_busy(0.05)
            except Cancelled:
                send_soon(0.01, 0.01).join()
                stay_busy(0.05)
                cleaned.append(True)
                raise

    with pytest.raises(Cancelled):
        press_three_times()
    assert cleaned == [True]


def test_hangup_is_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_interrupts(print) as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupts.should_stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_output_to_a_closed_terminal_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, screen = os.openpty()
    monkeypatch.setattr(interrupts_module, "OUTPUT_DESCRIPTORS", (screen,))
    os.close(terminal)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(screen, b"x")
    detach_closed_terminal()
    assert os.write(screen, b"x") == 1
    os.close(screen)
