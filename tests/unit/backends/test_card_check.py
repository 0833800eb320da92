"""Which graphics card ``auto`` takes, and the check of a card that it has not used before."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from nst_core.backends import card_check, choose
from nst_core.backends.card_check import (
    Measurement,
    check_in_own_process,
    find_trusted_card,
    judge,
    judge_ending,
    measure_card,
)
from nst_core.backends.card_verdicts import Verdict, remembered_verdict
from nst_core.backends.interface import Evaluation
from nst_core.backends.machine_file import load_entries
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.painting.clock import Rate
from nst_core.planning.rate_cache import load_rate, store_rate
from nst_core.settings import make_settings
from nst_core.vgg.graphics_cards import CardSearch
from tests.unit.cards import RADEON

INTEL = dataclasses.replace(RADEON, index=1, name="Intel UHD 770", own_memory=False, economical=True)
SOFTWARE = dataclasses.replace(RADEON, index=2, name="llvmpipe", software=True)


@pytest.fixture
def network(models):
    return models.resolve("vgg16")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty file of rates."""
    monkeypatch.setenv("NST_CACHE", str(tmp_path))


class Checks:
    """A check with given verdicts, which counts."""

    def __init__(self, **verdicts: Verdict) -> None:
        self.verdicts, self.checked = verdicts, []

    def __call__(self, card, _network) -> Verdict:
        self.checked.append(card.name)
        return self.verdicts[card.vendor]


def find(network, cards, check):
    notices = []
    card = find_trusted_card(network, notices.append, lambda: CardSearch(cards), check)
    return card, [notice.message for notice in notices]


def test_a_good_card_is_checked_once(network):
    check = Checks(AMD=Verdict(True))
    assert find(network, (RADEON,), check) == (RADEON, [])
    assert find(network, (RADEON,), check) == (RADEON, [])
    assert check.checked == ["Radeon RX 7600"]
    assert remembered_verdict(RADEON, network) == Verdict(True)


def test_another_driver_is_checked_again(network):
    check = Checks(AMD=Verdict(True))
    find(network, (RADEON,), check)
    find(network, (dataclasses.replace(RADEON, driver="radv Mesa 25.1"),), check)
    assert len(check.checked) == 2


def test_a_wrong_card_is_passed_over_with_one_sentence_and_the_next_one_taken(network):
    intel = dataclasses.replace(INTEL, vendor="Intel")
    check = Checks(AMD=judge(Measurement(0.2, 0.1, 1.0)), Intel=Verdict(True))
    card, messages = find(network, (RADEON, intel), check)
    assert card == intel
    assert messages == [
        "The graphics card Radeon RX 7600 is not used, because it computes wrong numbers.",
    ]
    assert find(network, (RADEON, intel), check) == (intel, [])


def test_a_software_device_is_never_taken(network):
    check = Checks()
    assert find(network, (SOFTWARE,), check) == (None, [])
    assert check.checked == []


def test_verdicts_and_rates_share_a_file(network):
    rate = Rate._make([1.0] * len(Rate._fields))
    store_rate("an engine", rate)
    find(network, (RADEON,), Checks(AMD=Verdict(True)))
    store_rate("another", rate)
    assert load_rate("an engine") == rate
    assert remembered_verdict(RADEON, network) == Verdict(True)
    assert len(load_entries()) == 3


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (Measurement(1e-5, 0.1, 1.0), ""),
        (Measurement(1e-2, 0.1, 1.0), "computes wrong numbers"),
        (Measurement(math.nan, 0.1, 1.0), "computes wrong numbers"),
        (
            Measurement(1e-6, 2.0, 0.5),
            "is slower than the processor (2.00 s for a small picture, not 0.50 s)",
        ),
    ],
)
def test_a_card_must_be_right_and_fast(measured, reason):
    assert judge(measured) == Verdict(not reason, reason)


@pytest.mark.parametrize(
    ("share", "seconds", "half"), [(0.3, 0.06, True), (1.2, 0.06, False), (0.3, 0.11, False)]
)
def test_half_precision_must_be_close_and_faster(share, seconds, half):
    assert judge(Measurement(1e-6, 0.1, 1.0, share, seconds)) == Verdict(True, half=half)


def test_half_precision_is_remembered_with_the_card_and_its_driver(network):
    find(network, (RADEON,), Checks(AMD=Verdict(True, half=True)))
    assert remembered_verdict(RADEON, network) == Verdict(True, half=True)
    assert remembered_verdict(dataclasses.replace(RADEON, driver="radv Mesa 25.1"), network) is None


@pytest.mark.parametrize(
    ("code", "output", "verdict"),
    [
        (0, "a line of the driver's\n[1e-06, 0.1, 0.5]\n", Verdict(True)),
        (0, "[1e-06, 0.1, 0.5, 0.4, 0.06]", Verdict(True, half=True)),
        (0, "[1e-06, 0.1, 0.5, Infinity, Infinity]", Verdict(True)),
        (0, '{"failure": "failed at a small picture"}', Verdict(False, "failed at a small picture")),
        (-6, "", Verdict(False, "ended the process that tried it")),
        (0, "nothing that was agreed on", Verdict(False, "ended the process that tried it")),
        (0, "[1]", Verdict(False, "ended the process that tried it")),
    ],
)
def test_the_ending_of_the_process_is_judged(code, output, verdict):
    assert judge_ending(code, output) == verdict


class BrokenCard(OnnxBackend):
    """The processor, whose gradients come back damaged by ``damage``."""

    def __init__(self, network, damage) -> None:
        super().__init__(network, device="cpu")
        self.damage = damage

    def evaluator(self, objective, height, width, tiling=None):
        evaluate = super().evaluator(objective, height, width, tiling)

        def broken(picture):
            evaluation = evaluate(picture)
            gradient = self.damage(evaluation.gradient.copy())
            return Evaluation(evaluation.loss, gradient, evaluation.terms)

        return broken


def lose_a_tenth(gradient):
    gradient[:, : gradient.shape[1] // 10] = 0.0
    return gradient


@pytest.mark.parametrize(
    ("damage", "trusted"),
    [
        (lambda gradient: gradient * (1 + 1e-5), True),
        (lambda gradient: gradient * 1.01, False),
        (lose_a_tenth, False),
        (lambda gradient: gradient * np.nan, False),
        (np.zeros_like, False),
    ],
    ids=["rounding", "scaled", "a part is lost", "nan", "zeros"],
)
def test_a_broken_device_is_refused(network, damage, trusted):
    measured = measure_card(BrokenCard(network, damage), OnnxBackend(network, device="cpu"), 32, 32)
    assert judge(measured._replace(card_seconds=0.1, cpu_seconds=1.0)).trusted is trusted


def test_the_check_runs_in_a_process_of_its_own(network, monkeypatch):
    """There is no card here, which the process says; the driver of a card may end it."""
    absent = dataclasses.replace(RADEON, index=9)
    assert check_in_own_process(absent, network) == Verdict(False, "could not be opened")
    crash = [sys.executable, "-c", "import os; os.abort()"]
    real = subprocess.run
    monkeypatch.setattr(card_check.subprocess, "run", lambda _command, **options: real(crash, **options))
    assert check_in_own_process(RADEON, network) == Verdict(False, "ended the process that tried it")


def test_a_card_that_hangs_is_passed_over(network, monkeypatch):
    monkeypatch.setattr(card_check, "LONGEST", 0.05)
    assert check_in_own_process(RADEON, network).reason.startswith("did not finish a small picture within")


@pytest.mark.parametrize(("card", "device"), [(RADEON, "webgpu:0"), (None, "cpu")])
def test_auto_takes_a_trusted_card_before_the_processor(models, card, device, monkeypatch):
    opened = []

    class Backend(OnnxBackend):
        def __init__(self, network, *, device, **options) -> None:
            opened.append(device)
            super().__init__(network, device="cpu", **options)

    monkeypatch.setattr(choose, "torch_gpu", lambda *_arguments: None)
    monkeypatch.setattr(card_check, "find_trusted_card", lambda *_arguments: card)
    monkeypatch.setattr("nst_core.backends.onnx_runtime.backend.OnnxBackend", Backend)
    monkeypatch.setattr(choose, "OnnxFeatures", lambda _network, device, **_options: opened.append(device))
    choose.open_engine(make_settings({"model": "vgg16"}), models, lambda _notice: None)
    assert opened == [device, device]
