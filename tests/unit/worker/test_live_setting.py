"""The setting that changes during a run: the newest value counts, and nothing is applied after the run."""

from __future__ import annotations

import threading

import pytest

from nst_core.worker.live_setting import LiveSetting
from nst_core.worker.protocol import read_color_layout

SECONDS = 20.0


class Applied:
    """Collects values, and holds the first one up until it is released."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.first, self.release, self.last = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, value: float) -> None:
        self.values.append(value)
        self.first.set()
        assert self.release.wait(SECONDS)
        if value == 100.0:
            self.last.set()


def test_values_in_between_are_left_out() -> None:
    setting, applied = LiveSetting(), Applied()
    with setting.followed_by(applied):
        setting.put(10.0)
        assert applied.first.wait(SECONDS)
        for value in (20.0, 30.0, 100.0):
            setting.put(value)
        applied.release.set()
        assert applied.last.wait(SECONDS)
    assert applied.values == [10.0, 100.0]


def test_value_set_before_the_run_begins_is_applied() -> None:
    setting, applied = LiveSetting(), Applied()
    applied.release.set()
    setting.put(100.0)
    with setting.followed_by(applied):
        assert applied.last.wait(SECONDS)


def test_next_request_forgets_the_value() -> None:
    setting, applied = LiveSetting(), Applied()
    applied.release.set()
    setting.put(10.0)
    setting.clear()
    with setting.followed_by(applied):
        pass
    setting.put(20.0)  # too late: the run has ended
    assert applied.values == []


def test_failure_does_not_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    setting, values, second = LiveSetting(), list[float](), threading.Event()

    def apply(value: float) -> None:
        values.append(value)
        if value == 1.0:
            setting.put(2.0)
            raise MemoryError
        second.set()

    with setting.followed_by(apply):
        setting.put(1.0)
        assert second.wait(SECONDS)
    assert values == [1.0, 2.0]
    assert "MemoryError" in capsys.readouterr().err


@pytest.mark.parametrize("value", [0, 100, 37.5])
def test_color_layout_is_read_from_a_message(value: float) -> None:
    message = {"command": "set", "settings": {"color_layout": value, "strength": 3, "new": []}, "more": 1}
    assert read_color_layout(message) == value


@pytest.mark.parametrize(
    "settings",
    [None, [], {}, *({"color_layout": value} for value in (-1, 101, float("nan"), "4", None, True, [1]))],
)
def test_other_values_are_ignored(settings: object) -> None:
    assert read_color_layout({"command": "set", "settings": settings}) is None
