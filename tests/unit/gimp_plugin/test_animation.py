"""What the filter for animations reads from the names of layers, as GIMP's own animation tools do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PLUG_IN = Path(__file__).resolve().parents[3] / "gimp_plugin" / "neural-style"


@pytest.fixture
def frame_names(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUG_IN))
    from nst_gimp.image import frame_names

    yield frame_names
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("walk 3 (80ms) (replace)", True),
        ("walk 3 (80ms) (replace) #1", True),
        ("(replace) (combine)", False),
        ("walk 3 (80ms)", False),
        ("", False),
    ],
)
def test_names_say_how_frames_follow_each_other(frame_names, name: str, replaced: bool) -> None:
    assert frame_names.is_replaced(name) is replaced
