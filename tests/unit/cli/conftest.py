"""Small pictures, and two ways to run ``nst``: inside this process, and as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nst_core.cli.commands import nst as nst_group
from nst_core.vgg.store import ModelStore

QUICK = ("--iterations", "3", "--coarsest", "0")


@dataclass(frozen=True)
class Outcome:
    """The exit code and the output of a run of ``nst``."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Nst = Callable[..., Outcome]


def waves(width: int, height: int, seed: int) -> Image.Image:
    """Return a smooth colourful picture with some grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    bands = [np.sin(x / (5 + 2 * c + seed) + c) + np.cos(y / (7 + c) + seed) for c in range(3)]
    values = 127 + 55 * np.stack(bands, axis=2) + rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with photo.png (72 x 48) and painting.png (48 x 64)."""
    folder = tmp_path / "workdir"
    folder.mkdir()
    waves(72, 48, 0).save(folder / "photo.png")
    waves(48, 64, 3).save(folder / "painting.png")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def environment(models: ModelStore, rates_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of the tests, and a cache of their own."""
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    monkeypatch.delenv("NST_DEBUG", raising=False)


@pytest.fixture
def nst(environment: None) -> Nst:
    """Run ``nst`` in this process."""
    return run_nst


@pytest.fixture
def nst_without_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nst:
    """Run ``nst`` in this process with an empty model store."""
    monkeypatch.setenv("NST_MODELS", str(tmp_path / "no networks"))
    monkeypatch.delenv("NST_DEBUG", raising=False)
    return run_nst


def run_nst(*arguments: object) -> Outcome:
    """Run ``nst`` in this process."""
    result = CliRunner().invoke(nst_group, [str(argument) for argument in arguments])
    return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def start(environment: None) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``nst`` as a process of its own."""
    processes: list[subprocess.Popen[str]] = []

    def start_process(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nst_core.cli", *map(str, arguments)]
        root = str(Path(__file__).parents[3])
        environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, env=environment, **{**pipes, **options})
        processes.append(process)
        return process

    yield start_process
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run the block as the user nobody if this is root, because no permission stops root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def assert_refused(outcome: Outcome, *words: str) -> None:
    """Check for exit code 2 and one line for people that contains ``words``, without a traceback."""
    assert outcome.code == 2, outcome
    assert "Traceback" not in outcome.err
    lines = [line for line in outcome.err.splitlines() if not line.startswith("VGG-16 is used because")]
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("nst: ")
    assert lines[0].endswith((".", "?", ")"))
    for word in words:
        assert word in lines[0]
