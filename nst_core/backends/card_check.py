"""Whether a graphics card may be trusted: it computes what the processor computes, and faster.

``auto`` asks :func:`find_trusted_card` before it uses a card of WebGPU. The first time, and again with
another card, driver or library, the gradient of a small picture is computed by both and timed, in a process
of its own: a driver may end the process that uses it. A card that may be trusted is tried in half precision,
too. The verdict is remembered (:mod:`nst_core.backends.card_verdicts`). Only ``auto`` asks: a card that the
user names is used.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nst_core.array_types import Array
from nst_core.backends.card_verdicts import Verdict, remember_verdict, remembered_verdict
from nst_core.backends.half_precision import worst_share
from nst_core.backends.interface import Evaluation
from nst_core.backends.onnx_runtime import half_precision
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.errors import NstError
from nst_core.events import Notice, OnNotice
from nst_core.loss.objective import ContentTerm, Objective, StyleTerm, TotalVariation
from nst_core.vgg.graphics_cards import CardSearch, GraphicsCard, find_cards
from nst_core.vgg.layers import LAYERS
from nst_core.vgg.network import Network, load_network

TOLERANCE = 1e-3
"""Largest error of loss and gradient, relative to the processor's. Correct devices have 1e-6 to 1e-5."""

PICTURES = 3
"""Number of pictures of which one must agree: rounding may decide a maximum of one in another way."""

CHECKED_SIDE, TIMED_SIDE = 48, 256
"""Sides of the square pictures that are compared, and timed, in pixels."""

LONGEST = 120.0
"""Seconds after which a card that has not finished is passed over. A processor needs about five."""


class Measurement(NamedTuple):
    """The smallest error of a card's gradient and loss, and the seconds of an evaluation on both.

    ``half_share`` is the largest difference in half precision, as a share of what is allowed, and
    ``half_seconds`` the time of an evaluation; both are infinite if the card has no half precision.
    """

    error: float
    card_seconds: float
    cpu_seconds: float
    half_share: float = math.inf
    half_seconds: float = math.inf


Check = Callable[[GraphicsCard, Network], Verdict]


def find_trusted_card(
    network: Network,
    on_notice: OnNotice,
    search: Callable[[], CardSearch] = find_cards,
    check: Check | None = None,
) -> GraphicsCard | None:
    """Return the first real card that computes correctly and faster than the processor, or None.

    Checks cards that have not been checked; ``on_notice`` hears of each that is passed over then.
    """
    for card in search().real:
        verdict = remembered_verdict(card, network)
        if verdict is None:
            verdict = (check or check_in_own_process)(card, network)
            remember_verdict(card, network, verdict)
            if not verdict.trusted:
                on_notice(passed_over(card, verdict))
        if verdict.trusted:
            return card
    return None


def expected_card(network: Network, search: CardSearch) -> tuple[GraphicsCard | None, list[Notice]]:
    """Return the card that ``auto`` will take, if a check that is still to come succeeds; checks nothing.

    Also returns a notice about each card that was passed over before.
    """
    notices: list[Notice] = []
    for card in search.real:
        verdict = remembered_verdict(card, network)
        if verdict is None or verdict.trusted:
            return card, notices
        notices.append(passed_over(card, verdict))
    return None, notices


def passed_over(card: GraphicsCard, verdict: Verdict) -> Notice:
    """Return the notice that ``auto`` does not use ``card``."""
    return Notice(
        "card-passed-over",
        f"The graphics card {card.name} is not used, because it {verdict.reason}.",
        f"Update its driver, or use it nevertheless with --device {card.device}.",
    )


def check_in_own_process(card: GraphicsCard, network: Network) -> Verdict:
    """Measure a card in another process, and judge it."""
    root = str(Path(__file__).resolve().parents[2])
    paths = filter(None, (root, os.environ.get("PYTHONPATH", "")))
    command = [sys.executable, "-m", __name__, card.device, str(network.path), network.name]
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return Verdict(False, f"did not finish a small picture within {LONGEST:.0f} seconds")
    except OSError:
        return Verdict(False, "could not be tried in a process of its own")
    return judge_ending(ended.returncode, ended.stdout)


def judge_ending(code: int, output: str) -> Verdict:
    """Judge a card by the exit ``code`` and the ``output`` of the process that tried it."""
    try:
        found = json.loads(output.strip().splitlines()[-1]) if code == 0 else None
        if isinstance(found, dict):
            return Verdict(False, str(found["failure"]))
        if found is not None:
            return judge(Measurement(*map(float, found)))
    except (IndexError, KeyError, TypeError, ValueError):
        pass
    return Verdict(False, "ended the process that tried it")


def judge(measured: Measurement) -> Verdict:
    """Judge a card by what was measured."""
    if not measured.error <= TOLERANCE:  # so that what is not a number is wrong, too
        return Verdict(False, "computes wrong numbers")
    if measured.card_seconds >= measured.cpu_seconds:
        return Verdict(
            False,
            f"is slower than the processor ({measured.card_seconds:.2f} s for a small picture, "
            f"not {measured.cpu_seconds:.2f} s)",
        )
    half = measured.half_share <= 1.0 and measured.half_seconds < measured.card_seconds
    return Verdict(True, half=half)


def measure_card(card: OnnxBackend, cpu: OnnxBackend, checked: int, timed: int) -> Measurement:
    """Compare a card with the processor at pictures of side ``checked``, and time both at ``timed``.

    Raises:
        NstError: the card failed.
    """
    error: float = math.inf
    objective = _objective(cpu.network, checked)
    on_card, on_cpu = (backend.evaluator(objective, checked, checked) for backend in (card, cpu))
    for seed in range(PICTURES):
        picture = _smooth_picture(seed, checked)
        error = min(error, _difference(on_card(picture), on_cpu(picture)))
        if error <= TOLERANCE:
            break
    if not error <= TOLERANCE:
        return Measurement(error, math.inf, 0.0)
    return Measurement(error, _time(card, timed), _time(cpu, timed))


def measure_half(card: OnnxBackend, cpu: OnnxBackend, timed: int) -> tuple[float, float]:
    """Return ``half_share`` and ``half_seconds`` of a :class:`Measurement`; ``card`` is in half precision."""
    if not card.half:
        return math.inf, math.inf
    try:
        share = worst_share(half_precision.compare(cpu, card))
        # A card without half precision opens its graphs on the processor.
        return (share, _time(card, timed)) if card.half else (math.inf, math.inf)
    except NstError:
        return math.inf, math.inf


def _difference(found: Evaluation, expected: Evaluation) -> float:
    """Return the larger error of loss and gradient, relative to those that are expected."""
    difference = np.linalg.norm(found.gradient - expected.gradient)
    gradient = float(difference / np.linalg.norm(expected.gradient))
    loss = abs(float(found.loss) - float(expected.loss)) / abs(float(expected.loss))
    return max(gradient, loss) if math.isfinite(gradient + loss) else math.inf


def _time(backend: OnnxBackend, side: int) -> float:
    """Return the seconds of an evaluation; the first one, which compiles and allocates, does not count."""
    evaluator = backend.evaluator(_objective(backend.network, side), side, side)
    picture, times = _smooth_picture(0, side), []
    for _ in range(3):
        started = time.perf_counter()
        evaluator(picture)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _objective(network: Network, side: int) -> Objective:
    """Return an objective with content and Gram matrices at the layers of the paper; targets are zero."""
    table = {layer.name: layer for layer in LAYERS[network.architecture]}
    content = table["relu4_2"]
    target = np.zeros((content.channels, side // content.stride, side // content.stride), np.float32)
    names = [f"relu{block}_1" for block in range(1, 6)]
    channels = [table[name].channels for name in names]
    return Objective(
        (ContentTerm(content.name, 1.0 / target.size, target),),
        tuple(
            StyleTerm(name, 1.0, np.zeros((count, count), np.float32))
            for name, count in zip(names, channels, strict=True)
        ),
        (TotalVariation(1.0),),
    )


def _smooth_picture(seed: int, side: int) -> Array:
    """Return a picture (3, side, side) of patches with grain; noise alone hardly activates deep layers."""
    random = np.random.default_rng(seed)
    patches = random.uniform(size=(3, side // 4, side // 4)).repeat(4, axis=1).repeat(4, axis=2)
    return np.asarray(patches + random.normal(scale=0.02, size=patches.shape), dtype=np.float32)


def main(arguments: list[str]) -> None:
    """Measure the card ``DEVICE`` with the network of ``PATH`` and ``NAME``; print the numbers as JSON."""
    device, path, name = arguments
    network = load_network(Path(path), name)
    result: Any
    try:
        cpu, card = OnnxBackend(network, device="cpu"), OnnxBackend(network, device=device, half=False)
        if card.runtime_device.kind == "cpu":
            result = {"failure": "could not be opened"}
        else:
            result = measure_card(card, cpu, CHECKED_SIDE, TIMED_SIDE)
            if judge(result).trusted:
                half = OnnxBackend(network, device=device, half=True)
                share, seconds = measure_half(half, cpu, TIMED_SIDE)
                result = result._replace(half_share=share, half_seconds=seconds)
    except NstError:
        result = {"failure": "failed at a small picture"}
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
