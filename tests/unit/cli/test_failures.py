"""Defects, interrupts and readers that leave: what is said, and the exit codes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from nst_core.cli import running
from nst_core.cli.failures import BrokenOff, exit_code, explain
from nst_core.errors import ErrorCode, NstError
from tests.unit.cli.conftest import Nst

Start = Callable[..., "subprocess.Popen[str]"]
PAINT = ("stylize", "photo.png", "painting.png", "-o", "out.png")


def break_it(*_: object) -> None:
    raise ZeroDivisionError("one line\nanother line")


def test_a_defect_is_one_sentence_and_code_1(nst: Nst, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "run_job", break_it)
    outcome = nst(*PAINT)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("nst: nst failed: ZeroDivisionError: one line. ")
    assert "NST_DEBUG=1" in outcome.err
    assert nst(*PAINT, "--json").events[-1]["code"] == "internal"


def test_a_traceback_only_where_it_is_asked_for(
    nst: Nst, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "run_job", break_it)
    assert "Traceback" in nst(*PAINT, "-v").err
    monkeypatch.setenv("NST_DEBUG", "1")
    assert "break_it" in nst(*PAINT).err
    assert "Traceback" not in nst("stylize", "missing.png", "painting.png").err


@pytest.mark.parametrize(
    ("error", "code", "exits"),
    [
        (NstError(ErrorCode.BAD_IMAGE, "Bad."), ErrorCode.BAD_IMAGE, 2),
        (NstError(ErrorCode.DIVERGED, "Bad."), ErrorCode.DIVERGED, 2),
        (NstError(ErrorCode.INTERNAL, "Bad."), ErrorCode.INTERNAL, 1),
        (ModuleNotFoundError("No module named 'onnx'", name="onnx"), ErrorCode.NO_ENGINE, 2),
        (ModuleNotFoundError("bug", name="nst_core.nothing"), ErrorCode.INTERNAL, 1),
        (MemoryError(), ErrorCode.OUT_OF_MEMORY, 2),
        (OSError(28, "No space left on device"), ErrorCode.DISK_FULL, 2),
        (click.UsageError("wrong\n  use"), ErrorCode.BAD_SETTING, 2),
        (KeyboardInterrupt(), ErrorCode.CANCELLED, 130),
        (BrokenOff(15), ErrorCode.CANCELLED, 143),
        (ValueError("bug"), ErrorCode.INTERNAL, 1),
    ],
)
def test_exit_codes(error: BaseException, code: ErrorCode, exits: int) -> None:
    told = explain(error)
    assert (told.code, exit_code(error, told)) == (code, exits)
    assert "\n" not in str(told)
    assert told.message.endswith(".")


def test_a_reader_that_leaves_ends_it_silently(start: Start) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("settings", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
