"""Pairs, variants, paintings and reports of the judge, with a program that paints at once."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nst_core.images.picture import Picture
from nst_core.images.write import write_picture
from tests.bench.judge import painting
from tests.bench.judge.measures import Measures
from tests.bench.judge.painting import open_sources, paint
from tests.bench.judge.report import COLUMNS, Row, Score, foot, head, row_line, write_json, write_page
from tests.bench.judge.variants import Pair, Variant, find_pairs, make_variants

PROGRAM = """
import json, os, shutil, sys
if "--strength=200" in sys.argv:
    sys.exit(print(json.dumps({"message": "strength must be 100 or less"})) or 2)
shutil.copy(sys.argv[2], sys.argv[sys.argv.index("-o") + 1])
with open(os.environ["COUNTED"], "a") as file:
    file.write("SHADE ")
print(json.dumps({"event": "done", "seconds": 1.5}))
"""
FAIR = Measures(
    patches=0.4, features=0.3, structure=0.7, color=0.3,
    speckle=0.01, speckle_allowed=0.02, structure_by_chance=0.4,
)  # fmt: skip


def write_program(root: Path, shade: str) -> None:
    package = root / "nst_core"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text(PROGRAM.replace("SHADE", shade))


def git(*arguments: str, folder: Path) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    for name in ("photo", "painting"):
        write_picture(Picture(np.full((8, 8, 3), 0.5, np.float32)), tmp_path / f"{name}.png")
    return Pair(tmp_path / "photo.png", tmp_path / "painting.png")


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the program, a repository with one commit and a change, writes at each run."""
    root = tmp_path / "checkout"
    root.mkdir()
    write_program(root, "committed")
    git("init", folder=root)
    git("add", ".", folder=root)
    git("commit", "-m", "one", folder=root)
    write_program(root, "changed")
    monkeypatch.setattr(painting, "ROOT", root)
    monkeypatch.setenv("NST_MODELS", str(tmp_path))
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted"))
    return tmp_path / "counted"


def test_commits_and_the_working_tree_paint_once_each(tmp_path: Path, pair: Pair, counted: Path) -> None:
    variants = make_variants(["strength=20"], [".", "HEAD"], "")
    for _ in range(2):
        with open_sources(variant.commit for variant in variants) as sources:
            painted = [paint(pair, variant, 8, sources[variant.commit], tmp_path) for variant in variants]
            folder = sources["HEAD"].folder
    assert counted.read_text().split() == ["changed", "committed"]
    assert [result.seconds for result in painted] == [1.5, 1.5]
    assert len({result.path for result in painted}) == 2
    assert not folder.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=painting.ROOT, capture_output=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


def test_other_settings_sizes_and_files_are_painted_anew(tmp_path: Path, pair: Pair, counted: Path) -> None:
    plain = Variant(())
    with open_sources(["."]) as sources:
        paint(pair, plain, 8, sources["."], tmp_path)
        paint(pair, plain, 9, sources["."], tmp_path)
        paint(pair, Variant(("seed=1",)), 8, sources["."], tmp_path)
    write_program(painting.ROOT, "again")
    with open_sources(["."]) as sources:
        paint(pair, plain, 8, sources["."], tmp_path)
    assert counted.read_text().split() == ["changed"] * 3 + ["again"]


def test_refusals_say_why(tmp_path: Path, pair: Pair, counted: Path) -> None:
    with (
        open_sources(["."]) as sources,
        pytest.raises(ValueError, match="photo x painting with strength=200 was not painted: strength must"),
    ):
        paint(pair, Variant(("strength=200",)), 8, sources["."], tmp_path)
    with pytest.raises(ValueError, match="nowhere"), open_sources(["nowhere"]):
        pass


def test_variants_are_all_combinations() -> None:
    variants = make_variants(["", "matching=17 style_layers=relu1_1,relu2_1"], ["a", "."], "0,50")
    assert len(variants) == 8
    assert [variant.name for variant in variants[:3]] == [
        "strength=0 @ a", "strength=50 @ a", "strength=0",
    ]  # fmt: skip
    assert variants[-1].options == [
        "--matching=17", "--style-layers=relu1_1,relu2_1", "--strength=50",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="name=value, not 'matching'"):
        make_variants(["matching"], [], "")


def test_pairs_by_name(tmp_path: Path, pair: Pair) -> None:
    assert find_pairs(tmp_path, tmp_path, "photo:painting, painting:photo") == [
        pair,
        Pair(pair.painting, pair.photo),
    ]
    assert find_pairs(pair.photo, tmp_path, "") == [
        Pair(pair.photo, pair.painting),
        Pair(pair.photo, pair.photo),
    ]
    with pytest.raises(ValueError, match="there is no pair photo:cat; there are painting, photo"):
        find_pairs(tmp_path, tmp_path, "photo:cat")


def test_reports(tmp_path: Path, pair: Pair) -> None:
    better = replace(FAIR, patches=0.2, structure=0.6)
    scores = tuple(Score(pair.photo, measures, seconds) for measures, seconds in ((FAIR, 2.0), (better, 3.0)))
    rows, variants = [Row(pair, scores)] * 2, make_variants(["", "matching=17"], [], "")
    table = "\n".join([head(variants), row_line(rows[0]), foot(rows)]).splitlines()
    assert table[0] == "1: defaults"
    assert table[-1].split() == ["wins", "of", "2", *"022222", *"202200"]
    assert table[3].split()[3:9] == ["0.400", "0.700", "0.300", "1.00/2.00", f"{FAIR.overall:.3f}", "2.000"]
    write_json(rows, variants, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert len(results) == 4
    assert results[1]["settings"] == ["matching=17"]
    assert results[1]["style"] == 0.3
    write_page(rows, variants, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert page.count('src="photo.png"') == 4
    assert page.count("<b>") == 2 * (len(COLUMNS) + 2)
    assert (tmp_path / "originals" / "painting.jpg").exists()
