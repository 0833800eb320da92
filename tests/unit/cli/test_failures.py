"""Messages and exit codes for bugs, interrupts and a closed stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from nst_core.cli import run_command
from nst_core.cli.failures import Cancelled, exit_code, to_nst_error
from nst_core.errors import ErrorCode, NstError
from tests.unit.cli.conftest import Nst

Start = Callable[..., "subprocess.Popen[str]"]
PAINT = ("stylize", "photo.png", "painting.png", "-o", "out.png")


def break_it(*_: object, **__: object) -> None:
    raise ZeroDivisionError("one line\nanother line")


def test_bug_is_one_sentence_and_exit_code_1(
    nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_command, "run_job", break_it)
    outcome = nst(*PAINT)
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("nst: Internal error: ZeroDivisionError: one line. ")
    assert "NST_DEBUG=1" in outcome.err
    assert nst(*PAINT, "--json").events[-1]["code"] == "internal"


def test_traceback_is_printed_only_on_request(
    nst: Nst, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_command, "run_job", break_it)
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
        (Cancelled(15), ErrorCode.CANCELLED, 143),
        (ValueError("bug"), ErrorCode.INTERNAL, 1),
    ],
)
def test_every_error_has_a_code_and_an_exit_code(error: BaseException, code: ErrorCode, exits: int) -> None:
    nst_error = to_nst_error(error)
    assert (nst_error.code, exit_code(error, nst_error)) == (code, exits)
    assert "\n" not in str(nst_error)
    assert nst_error.message.endswith(".")


def test_closed_stdout_ends_the_command_silently(start: Start) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start("settings", stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces the limit")
@pytest.mark.parametrize("kilobytes", [100_000, 400_000])
def test_limit_on_memory_is_never_called_a_bug(start: Start, workdir: Path, kilobytes: int) -> None:
    resource = pytest.importorskip("resource")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (kilobytes * 1024,) * 2)

    process = start("stylize", "photo.png", "painting.png", "-o", "out.png", preexec_fn=limit)
    _, err = process.communicate(timeout=120)
    *notices, sentence = err.splitlines()
    assert process.returncode == 2
    assert "memory" in sentence
    assert [line for line in notices if not line.startswith("VGG-16 is used")] == []
