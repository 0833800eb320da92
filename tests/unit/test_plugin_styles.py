"""What of the plug-in's dialog can be tried without GIMP: styles at hand, words, which settings count."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from nst_core.styles import StyleLibrary

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plugin(monkeypatch, tmp_path: Path):
    """Return a function that imports one of the plug-in's modules, for a user without any files."""
    monkeypatch.syspath_prepend(str(ROOT / "gimp_plugin" / "neural-style"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("NST_STYLES", raising=False)

    def module(name: str):
        return __import__(f"nst_gimp.{name}", fromlist=["nst_gimp"])

    yield module
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


def painting(path: Path) -> Path:
    Image.new("RGB", (40, 30), (200, 120, 40)).save(path)
    return path


def test_the_plugin_finds_what_the_engine_keeps(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("kept_styles")
    library = StyleLibrary(tmp_path / "data" / "nst" / "styles")
    library.add(painting(tmp_path / "a.png"), "Monet's sky", {"style_scale": 0.5})
    library.add(painting(tmp_path / "b.jpg"), "embers")
    found = kept_styles.kept()
    assert [style.name for style in found] == ["embers", "Monet's sky"]
    assert all(Path(style.thumbnail).is_file() for style in found)
    assert kept_styles.path_of("embers") == str(library.get("embers").path)
    assert kept_styles.settings_of(kept_styles.path_of("Monet's sky")) == {"style-scale": 0.5}
    assert kept_styles.settings_of(kept_styles.path_of("embers")) == {}
    assert kept_styles.settings_of(str(tmp_path / "a.png")) == {}
    assert kept_styles.path_of("nothing of the kind") is None
    library.remove("embers")
    assert [style.name for style in kept_styles.kept()] == ["Monet's sky"]


def test_nst_styles_moves_the_folder_for_both(plugin, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "elsewhere"))
    StyleLibrary().add(painting(tmp_path / "a.png"), "moss")
    assert [style.name for style in plugin("kept_styles").kept()] == ["moss"]


def test_the_styles_used_last_come_first_and_those_gone_drop_out(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("kept_styles")
    assert kept_styles.recent() == []
    paths = [str(painting(tmp_path / f"{number}.png")) for number in range(15)]
    for path in paths:
        kept_styles.remember([path])
    kept_styles.remember([paths[3]])
    assert kept_styles.recent()[:2] == [paths[3], paths[14]]
    assert len(kept_styles.recent()) == kept_styles.MOST_RECENT
    Path(paths[14]).unlink()
    assert paths[14] not in kept_styles.recent()
    assert [entry.name for entry in kept_styles.recent_file().parent.iterdir()] == ["recent-styles.json"]


@pytest.mark.parametrize("damage", ["", "{", "7", '{"a": 1}', json.dumps([7, None, "/not/there.png"])])
def test_a_damaged_list_is_an_empty_one(plugin, tmp_path: Path, damage: str) -> None:
    kept_styles = plugin("kept_styles")
    kept_styles.recent_file().parent.mkdir(parents=True)
    kept_styles.recent_file().write_text(damage)
    assert kept_styles.recent() == []
    path = str(painting(tmp_path / "a.png"))
    kept_styles.remember([path])
    assert kept_styles.recent() == [path]


def test_expected_times_and_sizes_are_said_no_finer_than_they_are_known(plugin) -> None:
    words = plugin("words")
    times = {0.2: "1 s", 8.4: "8 s", 41.0: "40 s", 58.0: "1 min", 118.0: "2 min", 4205.0: "1 h 10 min"}
    assert {seconds: words.roughly(seconds) for seconds in times} == times
    sizes = {350e6: "350 MB", 999.6e6: "1.0 GB", 1.23e9: "1.2 GB"}
    assert {size: words.amount(size) for size in sizes} == sizes


class Config(dict):
    def get_property(self, name: str) -> object:
        return self[name]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("strength", {"loss": "relative"}, True),
        ("strength", {"loss": "paper"}, False),
        ("alpha", {"loss": "paper"}, True),
        ("outside", {"region-masks": []}, False),
        ("outside", {"region-masks": ["sky"]}, True),
        ("guides", {"region-masks": None}, False),
        ("color-match", {"keep-colors": "none", "fine-style": ""}, False),
        ("color-match", {"keep-colors": "none", "fine-style": "a.png"}, True),
        ("seed", {}, True),
    ],
)
def test_a_setting_without_an_effect_is_known(plugin, name: str, values: dict, expected: bool) -> None:
    assert plugin("effects").has_effect(Config(values), name) is expected


def test_rules_are_about_settings_that_exist(plugin) -> None:
    arguments, effects = plugin("arguments"), plugin("effects")
    known = {*arguments.BY_NAME, *arguments.EXTRAS}
    assert {name for name, (others, _rule) in effects.RULES.items() for name in (name, *others)} <= known
