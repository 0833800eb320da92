"""A series: styles are computed once, and no picture depends on those before it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from nst_core.array_types import Array
from nst_core.backends.tiling.features import TiledFeatures
from nst_core.backends.tiling.style_memory import StyleMemory, memory_for_series
from nst_core.batch.folder import BatchTask, PaintOptions, paint_file
from nst_core.images.colour import to_oklab
from nst_core.images.read import read_picture
from nst_core.job.metadata import read_run_record
from nst_core.painting.run import RunCallbacks
from nst_core.settings import make_settings
from nst_core.system.content_hash import content_hash
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import waves

SETTINGS = {"iterations": 2, "coarsest": 0}
SIZES = {"a": (48, 32), "b": (48, 32), "c": (32, 40)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the pictures a, b and c, a style and a fine style."""
    for seed, (name, size) in enumerate(SIZES.items()):
        waves(*size, seed).save(tmp_path / f"{name}.png")
    waves(56, 40, 7).save(tmp_path / "style.png")
    waves(40, 40, 9).save(tmp_path / "fine.png")
    return tmp_path


def paint(
    folder: Path, names: Sequence[str], models: ModelStore, memory: StyleMemory | None, **settings: object
) -> dict[str, bytes]:
    """Paint pictures in the given order, and return the results' files."""
    options = PaintOptions(
        [(str(folder / "style.png"), 1.0)], make_settings(SETTINGS | settings), force=True, memory=memory
    )
    (folder / "out").mkdir(exist_ok=True)
    files = {}
    for name in names:
        target = folder / "out" / f"{name}.png"
        paint_file(BatchTask(folder / f"{name}.png", target), options, models, RunCallbacks())
        files[name] = target.read_bytes()
    return files


def moments(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and covariance of a picture's colours in OKLab."""
    lab = to_oklab(read_picture(path).pixels).reshape(-1, 3).astype(np.float64)
    return lab.mean(axis=0), np.cov(lab.T, bias=True)


def seen_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the hash of each picture whose features are computed."""
    seen: list[str] = []
    for name in ("_features", "_sums"):
        compute = getattr(TiledFeatures, name)

        def record(self: TiledFeatures, picture: Array, *args: object, compute=compute, **rest: object):  # type: ignore[no-untyped-def]
            seen.append(content_hash([picture]))
            return compute(self, picture, *args, **rest)

        monkeypatch.setattr(TiledFeatures, name, record)
    return seen


def test_second_picture_computes_no_style_features(
    pictures: Path, models: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = seen_pictures(monkeypatch)
    paint(pictures, ["a"], models, None)
    first = set(seen)
    seen.clear()
    paint(pictures, ["b"], models, None)
    alone = set(seen)
    (style,) = first & alone  # all else that is computed belongs to one of the contents
    memory = StyleMemory(1e9)
    paint(pictures, ["a"], models, memory)
    misses = memory.misses
    seen.clear()
    paint(pictures, ["b"], models, memory)
    assert set(seen) == alone - {style}
    assert (memory.misses, memory.hits) == (misses, misses)


def test_order_of_the_pictures_does_not_matter(pictures: Path, models: ModelStore) -> None:
    """Neither if nothing is remembered, nor if only a part fits: what came first."""
    alone = paint(pictures, ["a", "b", "c"], models, None)
    memory = StyleMemory(6e6)
    assert paint(pictures, ["c", "b", "a"], models, memory) == alone
    assert memory.hits
    assert memory.bytes <= 6e6


def test_results_of_a_series_share_mean_and_spread_of_their_colours(
    pictures: Path, models: ModelStore
) -> None:
    """In the files; and the setting is kept in them, so that one more picture can join the series."""
    paint(pictures, ["a", "c"], models, StyleMemory(1e9), series_colors=True)
    wanted = moments(pictures / "style.png")
    for name in ("a", "c"):
        result = pictures / "out" / f"{name}.png"
        for got, expected in zip(moments(result), wanted, strict=True):
            np.testing.assert_allclose(got, expected, atol=3e-3)
        assert read_run_record(result).settings["series_colors"] is True


def test_styles_that_follow_the_photograph_are_not_remembered(pictures: Path, models: ModelStore) -> None:
    memory = StyleMemory(1e9)
    paint(pictures, ["a"], models, memory, keep_colors="match")
    assert not memory.misses


def test_memory_is_bounded_and_takes_nothing_in_files(tmp_path: Path) -> None:
    memory = StyleMemory(100.0)
    in_file = np.memmap(tmp_path / "features", dtype=np.float16, mode="w+", shape=(2,))
    values = {"small": {"relu1_1": np.zeros(20, np.float32)}, "large": np.zeros(30), "file": (in_file,)}
    for expected_hits in (0, 1):
        for name, value in values.items():
            assert memory.recall([name], lambda value=value: value) is value
        assert memory.hits == expected_hits
    assert memory.bytes == 80.0


def test_memory_of_a_series_is_a_small_part_of_the_memory() -> None:
    assert 0 < memory_for_series().most_bytes <= 256e6
    assert memory_for_series(100_000_000).most_bytes <= 5e6


def test_styles_used_least_recently_go_first_if_others_replace_them() -> None:
    memory = StyleMemory(160.0, replaces=True)
    for name, hits in (
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("c", 1),
        ("a", 2),
        ("b", 2),
        ("too large", 2),
        ("a", 3),
    ):
        memory.recall([name], lambda size=50 if name == "too large" else 20: np.zeros(size, np.float32))
        assert memory.hits == hits, name
    assert memory.bytes == 160.0
