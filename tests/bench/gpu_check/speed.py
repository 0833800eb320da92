"""Parts that time evaluations and iterations."""

from __future__ import annotations

import time

import torch

from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.optim.lbfgs import Lbfgs
from nst_core.optim.preconditioner import inverse_frequency
from tests.bench.gpu_check.exactness import plain
from tests.bench.gpu_check.pictures import Place, make_objective, open_network, seconds_of
from tests.bench.gpu_check.report import Row, at_most
from tests.bench.sizes import picture

KERNELS = 12
"""Kernels that are listed."""


def card(place: Place) -> list[Row]:
    """What the card is, and what it can do: copies, and products of matrices."""
    rows = [Row("PyTorch", torch.__version__)]
    if not place.on_cuda:
        return [Row("device", place.device), *rows]
    properties = torch.cuda.get_device_properties(place.device)
    rows.insert(0, Row("card", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"))
    rows.append(Row("cuDNN", str(torch.backends.cudnn.version())))
    source = torch.empty(place.choose(2**30, 2**20), dtype=torch.uint8, device=place.device)
    target = torch.empty_like(source)
    seconds_of(lambda: target.copy_(source), place)
    seconds = seconds_of(lambda: target.copy_(source), place, 10) / 10
    rows.append(Row("copy", 2 * source.numel() / seconds / 1e12, "TB/s"))
    side = place.choose(8192, 256)
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("float16", torch.float16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        matrix = torch.randn(side, side, device=place.device, dtype=dtype)
        seconds_of(lambda matrix=matrix: matrix @ matrix, place)
        seconds = seconds_of(lambda matrix=matrix: matrix @ matrix, place, 5) / 5
        rows.append(Row(f"product of matrices, {name}", 2 * side**3 / seconds / 1e12, "TFLOP/s"))
    torch.backends.cuda.matmul.allow_tf32 = False
    return rows


def evaluations(place: Place) -> list[Row]:
    """500 evaluations and 500 L-BFGS iterations at 512, and single ones at larger sizes."""
    network, rows = open_network(), []
    count, side = place.choose(500, 3), place.choose(512, 64)
    backend = TorchBackend(network, device=place.device)
    evaluate = backend.evaluator(make_objective(network, side, side), side, side)
    at = backend.upload(picture(1, side, side))
    rows.append(
        Row(f"first evaluation at {side}, with recording", seconds_of(lambda: evaluate(at), place), "s")
    )
    for name, work in (("plain", plain(evaluate)), ("as in runs", evaluate)):
        seconds = seconds_of(lambda work=work: work(at), place, count)
        title = f"{count} evaluations at {side}, {name}"
        goal = name == "as in runs" and not place.small
        rows.append(at_most(title, seconds, 2.0, "s") if goal else Row(title, seconds, "s"))
    rows += _iterations(place, evaluate, at, count)
    for larger in place.choose((1024, 2048), (96,)):
        backend.close()
        evaluate = backend.evaluator(make_objective(network, larger, larger), larger, larger)
        at = backend.upload(picture(1, larger, larger))
        evaluate(at)
        seconds = seconds_of(lambda evaluate=evaluate, at=at: evaluate(at), place, 10) / 10
        rows.append(Row(f"evaluation at {larger}", seconds * 1e3, "ms"))
    return rows


def _iterations(place: Place, evaluate, at, count: int) -> list[Row]:
    """Time iterations of L-BFGS; the host's share shows whether it keeps up with the card."""

    def loss(here):
        evaluation = evaluate(here)
        return evaluation.loss, evaluation.gradient

    optimizer = Lbfgs(loss, at, precondition=inverse_frequency(at))
    for _ in range(place.choose(11, 1)):
        optimizer.iterate()
    told, seconds = _host_and_all(optimizer, place, count)
    optimizer.evaluate = lambda _: (optimizer.loss + 0.0, optimizer.gradient + 0.0)
    own_told, own = _host_and_all(optimizer, place, count)
    side = at.shape[1]
    return [
        Row(f"{count} L-BFGS iterations at {side}", seconds, "s"),
        Row("of it until the host has given all orders", told, "s"),
        Row("an L-BFGS iteration", seconds / count * 1e3, "ms"),
        Row("of it the host's", told / count * 1e3, "ms"),
        Row("an L-BFGS iteration without its evaluation", own / count * 1e3, "ms"),
        Row("of it the host's, without its evaluation", own_told / count * 1e3, "ms"),
    ]


def _host_and_all(optimizer: Lbfgs, place: Place, count: int) -> tuple[float, float]:
    """Return seconds of ``count`` iterations until the host has given all orders, and until all is done."""
    place.wait()
    began = time.perf_counter()
    for _ in range(count):
        optimizer.iterate()
    told = time.perf_counter() - began
    place.wait()
    return told, time.perf_counter() - began


def kernels(place: Place) -> list[Row]:
    """The kernels that ten evaluations at 1024 spend most time in."""
    network, side = open_network(), place.choose(1024, 96)
    backend = TorchBackend(network, device=place.device)
    evaluate = plain(backend.evaluator(make_objective(network, side, side), side, side))
    at = backend.upload(picture(1, side, side))
    for _ in range(3):
        evaluate(at)
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if place.on_cuda else []
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(place.choose(10, 1)):
            evaluate(at)
        place.wait()
    name = "self_device_time_total" if place.on_cuda else "self_cpu_time_total"
    times = {event.key: float(getattr(event, name)) for event in profile.key_averages()}
    total = sum(times.values())
    longest = sorted(times, key=lambda key: -times[key])[:KERNELS]
    return [Row(key[:80], 100 * times[key] / total, "% of the time") for key in longest]
