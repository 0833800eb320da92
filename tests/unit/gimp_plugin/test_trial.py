"""What a trial decides without GIMP: the part at 100 %, its styles, its settings, and when it rests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PLUG_IN = Path(__file__).resolve().parents[3] / "gimp_plugin" / "neural-style"
PHOTO = (0, 0, 4000, 3000)


@pytest.fixture
def plug_in(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUG_IN))
    yield
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


@pytest.fixture
def detail(plug_in):
    from nst_gimp.run import detail

    return detail


@pytest.mark.parametrize("painted_side", [1024, 4000, 9000])
def test_part_has_its_size_in_the_painting_around_its_place(detail, painted_side: int) -> None:
    part = detail.find(PHOTO, (0.25, 0.5), painted_side, 1.0, 256)
    x, y, width, height = part.box
    assert part.scale == min(1.0, painted_side / 4000)
    assert width * part.scale == pytest.approx(256, abs=part.scale)
    assert width == height
    assert (x + width / 2, y + height / 2) == pytest.approx((1000, 1500), abs=1)


def test_part_stays_inside_the_box_and_is_no_larger(detail) -> None:
    box = (100, 50, 400, 90)
    part = detail.find(box, (1.5, -1.0), 400, 1.0, 256)
    assert part.box == (244, 50, 256, 90)
    assert detail.find(box, (0.5, 0.5), 64, 1.0, 256).box == box


@pytest.mark.parametrize("style_scale", [0.1, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("painted_side", [256, 1024, 4000])
def test_strokes_of_a_part_are_as_large_as_in_the_painting(
    detail, style_scale: float, painted_side: int
) -> None:
    """The side of a style in the painting, times the share that is read, is its side in the part."""
    part = detail.find(PHOTO, (0.5, 0.5), painted_side, style_scale, 256)
    in_painting = style_scale * (4000 * 3000) ** 0.5 * part.scale
    area_of_part = part.box[2] * part.box[3] * part.scale**2
    in_part = part.style_scale * area_of_part**0.5
    assert in_part == pytest.approx(in_painting * part.style_share, rel=1e-6)
    assert 0 < part.style_share <= 1.0 + 1e-9
    assert 0.1 <= part.style_scale <= 4.0
    assert in_part <= 512 + 1e-6


def test_middle_of_a_style_is_read(detail) -> None:
    assert detail.middle((10, 20, 100, 50), 0.5) == (35, 32, 50, 25)
    assert detail.middle((10, 20, 100, 50), 1.0) == (10, 20, 100, 50)


def test_place_of_a_part_can_be_found_again(detail) -> None:
    part = detail.find(PHOTO, (0.3, 0.7), 1024, 1.0, 256)
    center = detail.center_of(part.box, PHOTO)
    assert center == pytest.approx((0.3, 0.7), abs=1e-3)
    assert detail.find(PHOTO, center, 1024, 1.0, 256) == part


def machine(folder: Path, free: int, supplies: dict[str, str]) -> Path:
    """Write what Linux says about a machine: free kilobytes, and whether each mains supply is on."""
    (folder / "proc").mkdir()
    (folder / "proc/meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {free} kB\n")
    for name, online in {"BAT0": "", **supplies}.items():
        supply = folder / "sys/class/power_supply" / name
        supply.mkdir(parents=True)
        (supply / "type").write_text("Battery\n" if name == "BAT0" else "Mains\n")
        if online:
            (supply / "online").write_text(f"{online}\n")
    return folder


@pytest.mark.parametrize(
    ("free", "supplies", "reason"),
    [
        (8_000_000, {"AC": "1"}, ""),
        (8_000_000, {}, ""),
        (8_000_000, {"AC": "0"}, "The computer runs on its battery."),
        (900_000, {"AC": "1"}, "Little memory is free."),
    ],
)
def test_trials_rest_if_memory_is_short_or_on_battery(plug_in, tmp_path, free, supplies, reason) -> None:
    from nst_gimp.process import machine_state

    assert machine_state.reason_to_rest("linux", machine(tmp_path, free, supplies)) == reason


def test_machine_that_says_nothing_has_no_reason_to_rest(plug_in, tmp_path: Path) -> None:
    from nst_gimp.process import machine_state

    assert machine_state.reason_to_rest("linux", tmp_path) == ""
