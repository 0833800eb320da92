"""Parts that paint whole pictures."""

from __future__ import annotations

import cProfile
import hashlib
import json
import pstats
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

import nst_core
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.backends.pytorch.network import TorchNetwork, Trace
from tests.bench.gpu_check.pictures import PaintedRun, Place, paint
from tests.bench.gpu_check.report import Row, at_most, holds, near

CAP = "8GB"
"""The card's memory that large pictures may use."""

PROCESSES = 3

ENGINE = Path(nst_core.__file__).parent

FUNCTIONS = 25
"""Functions of the engine that are listed."""

SCARCE_SIDE = 200
"""Longest side of what can be evaluated at a time on a processor that pretends to have little memory."""


def default_1024(place: Place) -> list[Row]:
    """The default run at 1024, twice: the second needs no measurement of the machine."""
    side = place.choose(1024, 80)
    first, second = paint(place, side, side), paint(place, side, side)
    return [Row("the first run of a machine", first.seconds, "s"), *_rows(place, second, 3.0)]


def host(place: Place) -> list[Row]:
    """The default run at 1024: the functions of the engine in which the host spends most time."""
    side = place.choose(1024, 48)
    profile = cProfile.Profile()
    with profile:
        paint(place, side, side)
    seconds = {
        f"{Path(file).relative_to(ENGINE)}, {name}": cumulative
        for (file, _line, name), (*_, cumulative, _callers) in pstats.Stats(profile).stats.items()
        if Path(file).is_relative_to(ENGINE)
    }
    longest = sorted(seconds, key=lambda name: -seconds[name])[:FUNCTIONS]
    return [Row(name, seconds[name], "s, with what it calls") for name in longest]


def megapixels_12(place: Place) -> list[Row]:
    """The default run of a camera's picture within 8 GB."""
    return _large(place, 2828, 4243)


def megapixels_24(place: Place) -> list[Row]:
    """The same at twice the pixels."""
    return _large(place, 4000, 6000)


def _large(place: Place, height: int, width: int) -> list[Row]:
    height, width = place.choose((height, width), (96, 144))
    run = paint(place, height, width, max_device_memory=CAP)
    rows = [*_rows(place, run, 60.0), Row("tiles", run.tiles)]
    if place.on_cuda:
        rows.append(at_most("memory within the limit", run.bytes_taken / 1e9, 8.0, "GB"))
    return rows


def _rows(place: Place, run: PaintedRun, goal: float) -> list[Row]:
    """Return what a run took, compared with its goal and with what was told before."""
    rows = [Row("loss", run.loss)]
    rows += [Row("notice", notice) for notice in run.notices]
    if place.small:
        return [Row("seconds", run.seconds, "s"), Row("seconds told", run.told_seconds, "s"), *rows]
    rows += [
        at_most("seconds", run.seconds, goal, "s"),
        near("seconds against told", run.seconds, run.told_seconds, "s"),
    ]
    if place.on_cuda:
        rows.append(near("memory against told", run.bytes_taken / 1e9, run.told_bytes / 1e9, "GB"))
    return rows


def one(place: Place) -> list[Row]:
    """Paint one picture and return its bits, for :func:`processes`."""
    side = place.choose(512, 64)
    run = paint(place, side, side)
    return [Row("bits", hashlib.sha256(run.pixels.tobytes()).hexdigest()[:16]), Row("seconds", run.seconds)]


def one_with_search(place: Place) -> list[Row]:
    """The same with cuDNN's search for the fastest kernels, for :func:`same_bits`."""
    make = TorchBackend.__init__

    def make_searching(backend: TorchBackend, *arguments, **options) -> None:
        make(backend, *arguments, **options)
        torch.backends.cudnn.benchmark = True

    with patch.object(TorchBackend, "__init__", make_searching):
        return one(place)


def same_bits(place: Place) -> list[Row]:
    """Two processes one after the other, without the search for kernels, as runs are, and with it."""
    found = {part: [_collect([_start(place, part)]) for _ in range(2)] for part in ("one", "one_with_search")}
    bits = {part: [painted[0][0] for painted in twice if painted] for part, twice in found.items()}
    same = {part: len(pair) == 2 and len(set(pair)) == 1 for part, pair in bits.items()}
    return [
        holds("same bits twice, without the search", same["one"]),
        Row("same bits twice, with the search", "yes" if same["one_with_search"] else "no"),
    ]


def processes(place: Place) -> list[Row]:
    """Several processes on one card at a time: all finish, with the same bits as one alone."""
    alone = _collect([_start(place)])
    together = _collect([_start(place) for _ in range(PROCESSES)])
    bits = {found[0] for found in together}
    return [
        Row("one process", alone[0][1], "s"),
        Row(f"the slowest of {PROCESSES} at a time", max(found[1] for found in together), "s"),
        holds("all finish", len(together) == PROCESSES),
        holds("same bits in every process", bits == {alone[0][0]}),
    ]


def _start(place: Place, part: str = "one") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.gpu_check", part, "--device", place.device]
    command += ["--small"] if place.small else []
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _collect(started: list[subprocess.Popen[str]]) -> list[tuple[str, float]]:
    """Wait for processes; return the bits and seconds of those that finished."""
    found = []
    for process in started:
        said, complaint = process.communicate()
        if process.returncode:
            print(complaint, file=sys.stderr)
            continue
        bits, seconds = json.loads(said.strip().splitlines()[-1])["rows"]
        found.append((bits["value"], float(seconds["value"])))
    return found


def stop(place: Place) -> list[Row]:
    """A run that is asked to stop: how long until it returns its picture."""
    side, asked = place.choose(1024, 80), [0.0, 0.0]
    after = place.choose(3.0, 0.0)
    began = time.perf_counter()

    def should_stop() -> bool:
        if not asked[0] and time.perf_counter() - began > after and asked[1] > place.choose(50, 8):
            asked[0] = time.perf_counter()
        asked[1] += 1
        return bool(asked[0])

    run = paint(place, side, side, should_stop=should_stop, iterations=place.choose(5000, 300))
    waited = time.perf_counter() - asked[0]
    return [
        at_most("seconds until the picture is there", waited, 1.0 if not place.small else 60.0, "s"),
        Row("loss", run.loss),
    ]


def memory_ends(place: Place) -> list[Row]:
    """A device whose memory ends in the middle of a run: smaller tiles, and the same picture's loss."""
    height, width = place.choose((1536, 2048), (256, 320))
    whole = paint(place, height, width, quality="draft")
    with _scarce_memory(place):
        cut = paint(place, height, width, quality="draft", max_device_memory="60GB")
    said = "; ".join(cut.notices)
    return [
        holds("smaller tiles are reported", "continues in tiles" in said or cut.tiles > whole.tiles, said),
        at_most("loss against the whole", abs(cut.loss / whole.loss - 1.0), 0.02),
    ]


@contextmanager
def _scarce_memory(place: Place) -> Iterator[None]:
    """Leave a card 5.5 GB; on a processor, let evaluations of more than :data:`SCARCE_SIDE` pixels fail."""
    if place.on_cuda:
        device = torch.device(place.device)
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1.0, 5.5e9 / total), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
        return
    trace = TorchNetwork.trace

    def scarce(network: TorchNetwork, picture: torch.Tensor) -> Trace:
        if max(picture.shape) > SCARCE_SIDE:
            raise torch.OutOfMemoryError("out of memory, put in by this check")
        return trace(network, picture)

    with patch.object(TorchNetwork, "trace", scarce):
        yield
