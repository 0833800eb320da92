"""Parts of the plug-in's dialog that work without GIMP: kept styles, texts, and the effects of settings."""

from __future__ import annotations

import gettext
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.contract import READY_STYLES, is_style_name
from nst_core.events import Plan, PlannedLevel
from nst_core.images.read import read_picture
from nst_core.style_library.library import StyleLibrary
from tests.unit.images.build import gamma_curve, rgb_profile

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def plugin(monkeypatch, tmp_path: Path):
    """Return a function that imports one of the plug-in's modules, for a user without any files."""
    monkeypatch.syspath_prepend(str(ROOT / "gimp_plugin" / "neural-style"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("NST_STYLES", raising=False)
    monkeypatch.delenv("NST_PYTHON", raising=False)

    def module(name: str):
        return __import__(f"nst_gimp.{name}", fromlist=["nst_gimp"])

    yield module
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


def painting(path: Path) -> Path:
    Image.new("RGB", (40, 30), (200, 120, 40)).save(path)
    return path


def test_plugin_finds_styles_that_the_engine_keeps(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    library = StyleLibrary(tmp_path / "data" / "nst" / "styles")
    library.add(painting(tmp_path / "a.png"), "Monet's sky", {"style_scale": 0.5})
    library.add(painting(tmp_path / "b.jpg"), "embers")
    styles = kept_styles.list_styles()
    assert [style.name for style in styles] == ["embers", "Monet's sky"]
    assert all(Path(style.thumbnail).is_file() for style in styles)
    assert kept_styles.find_path("embers") == str(library.get("embers").path)
    assert kept_styles.read_settings(kept_styles.find_path("Monet's sky")) == {"style-scale": 0.5}
    assert kept_styles.read_settings(kept_styles.find_path("embers")) == {}
    assert kept_styles.read_settings(str(tmp_path / "a.png")) == {}
    assert kept_styles.find_path("nothing of the kind") is None
    library.remove("embers")
    assert [style.name for style in kept_styles.list_styles()] == ["Monet's sky"]


@pytest.mark.parametrize(
    "damaged",
    [
        '{"keep_colors": ["none"], "strength": "much", "quality": 5, "size": 2.5, "tv": 1e999}',
        '{"content_layers": "\\ud800", "strength": 101, "something_new": 1, "iterations": true, "seed": 1%s}'
        % ("0" * 400),
        "[]",
    ],
)
def test_invalid_settings_of_a_style_are_ignored(plugin, tmp_path: Path, damaged: str) -> None:
    kept_styles = plugin("process.kept_styles")
    style = StyleLibrary(tmp_path / "data" / "nst" / "styles").add(painting(tmp_path / "a.png"), "moss")
    style.path.with_suffix(".json").write_text(damaged)
    assert kept_styles.read_settings(str(style.path)) == {}
    style.path.with_suffix(".json").write_text('{"strength": 20, "keep_colors": [], "quality": "draft"}')
    assert kept_styles.read_settings(str(style.path)) == {"strength": 20, "quality": "draft"}


def test_nst_styles_variable_moves_the_folder_for_both(plugin, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NST_STYLES", str(tmp_path / "elsewhere"))
    StyleLibrary().add(painting(tmp_path / "a.png"), "moss")
    assert [style.name for style in plugin("process.kept_styles").list_styles()] == ["moss"]


def test_recent_styles_come_latest_first_and_skip_missing_files(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    assert kept_styles.list_recent() == []
    paths = [str(painting(tmp_path / f"{number}.png")) for number in range(15)]
    for path in paths:
        kept_styles.add_recent([path])
    kept_styles.add_recent([paths[3]])
    assert kept_styles.list_recent()[:2] == [paths[3], paths[14]]
    assert len(kept_styles.list_recent()) == kept_styles.MOST_RECENT
    Path(paths[14]).unlink()
    assert paths[14] not in kept_styles.list_recent()
    assert [entry.name for entry in kept_styles.recent_file().parent.iterdir()] == ["recent-styles.json"]


def test_file_chooser_opens_where_the_latest_painting_of_the_user_is(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    assert kept_styles.latest_file("") == ""
    recent, chosen = (str(painting(tmp_path / name)) for name in ("recent.png", "chosen.png"))
    (folder := kept_styles.style_folders()[0]).mkdir(parents=True)
    kept = str(painting(folder / "moss.jpg"))
    assert kept_styles.latest_file(kept) == ""
    kept_styles.add_recent([kept, recent])
    assert kept_styles.latest_file(kept) == recent
    assert kept_styles.latest_file(chosen) == chosen


@pytest.fixture
def engine_environment(tmp_path: Path, monkeypatch) -> Path:
    """Make an environment whose Python would find the engine's package through a .pth file."""
    packages = tmp_path / "venv" / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "nst.pth").write_text(f"import site\n\n{ROOT}\n")
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setenv("NST_PYTHON", str(python))
    return packages


def test_gallery_gets_the_ready_styles_of_the_engine(
    plugin, engine_environment: Path, tmp_path: Path
) -> None:
    kept_styles = plugin("process.kept_styles")
    ready = kept_styles.list_ready()
    assert [style.name for style in ready] == list(READY_STYLES)
    assert all(Path(style.path).is_file() for style in ready)
    assert kept_styles.find_path("watercolour") == ready[2].path
    assert kept_styles.display_name(ready[1].path) == "Oil Swirls"
    assert kept_styles.list_styles() == []
    (engine_environment / "nst.pth").unlink()
    assert kept_styles.list_ready() == []
    (engine_environment / "nst_core").symlink_to(ROOT / "nst_core")
    assert len(kept_styles.list_ready()) == len(READY_STYLES)


def test_first_start_has_a_style(plugin, engine_environment: Path, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    first = kept_styles.first_choice()
    assert kept_styles.display_name(first) == READY_STYLES[0]
    kept_styles.add_recent([first])  # ready styles are always at hand
    assert kept_styles.list_recent() == []
    path = str(painting(tmp_path / "a.png"))
    kept_styles.add_recent([path])
    assert kept_styles.first_choice() == path


def test_ready_style_is_found_after_an_update_of_the_engine(plugin, engine_environment: Path) -> None:
    old = "/data/nst/code-1234/nst_core/style_library/ready/Stained Glass.jpg"
    kept_styles = plugin("process.kept_styles")
    assert kept_styles.display_name(old) == "Stained Glass"
    assert Path(kept_styles.find_path(old)).is_file()
    assert kept_styles.find_path("/pictures/Stained Glass.jpg") is None


def test_kept_style_takes_the_place_of_a_ready_one(plugin, engine_environment: Path, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    kept = StyleLibrary(tmp_path / "data" / "nst" / "styles").add(painting(tmp_path / "a.png"), "Ink")
    assert kept_styles.find_path("Ink") == str(kept.path)
    assert "Ink" not in [style.name for style in kept_styles.list_ready()]


def test_without_an_engine_there_are_no_ready_styles(plugin) -> None:
    kept_styles = plugin("process.kept_styles")
    assert kept_styles.list_ready() == []
    assert kept_styles.first_choice() == ""


@pytest.mark.parametrize("language", ["de", "fr"])
def test_ready_styles_have_names_in_every_language(plugin, language: str) -> None:
    labels = plugin("process.ready_styles").LABELS
    assert list(labels) == list(READY_STYLES)
    folder = ROOT / "gimp_plugin" / "neural-style" / "locale"
    with (folder / language / "LC_MESSAGES" / "neural-style.mo").open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    assert all(catalogue.gettext(name) != name or name in ("Pastel",) for name in READY_STYLES)


@pytest.mark.parametrize("damage", ["", "{", "7", '{"a": 1}', json.dumps([7, None, "/not/there.png"])])
def test_damaged_list_of_recent_styles_is_empty(plugin, tmp_path: Path, damage: str) -> None:
    kept_styles = plugin("process.kept_styles")
    kept_styles.recent_file().parent.mkdir(parents=True)
    kept_styles.recent_file().write_text(damage)
    assert kept_styles.list_recent() == []
    path = str(painting(tmp_path / "a.png"))
    kept_styles.add_recent([path])
    assert kept_styles.list_recent() == [path]


def test_estimates_are_rounded(plugin) -> None:
    words = plugin("text.words")
    times = {0.2: "1 s", 8.4: "8 s", 41.0: "40 s", 58.0: "1 min", 118.0: "2 min", 4205.0: "1 h 10 min"}
    assert {seconds: words.format_estimate(seconds) for seconds in times} == times
    sizes = {350e6: "350 MB", 999.6e6: "1.0 GB", 1.23e9: "1.2 GB"}
    assert {size: words.format_bytes(size) for size in sizes} == sizes


SMALL = {"width": 900, "height": 600, "iterations": 300, "tiles": 1}
SMALL_PLAN = {"seconds": 95.0, "bytes": 1.23e9, "width": 900, "height": 600, "levels": [SMALL]}
LARGE_PLAN = {**SMALL_PLAN, "seconds": 4205, "width": 6000, "height": 4000, "levels": [SMALL] * 2}
TILED_PLAN = {**SMALL_PLAN, "levels": [SMALL, {**SMALL, "tiles": 6}]}
ENLARGED = "Painted at 900 × 600 px, then enlarged to 2600 × 1733."
SOFT = "Painted at 900 × 600 px, then enlarged 7 times to 6000 × 4000: strokes will be soft."
TILES = "Painted in 6 tiles to fit into memory."


@pytest.mark.parametrize(
    ("plan", "size", "expected"),
    [
        (SMALL_PLAN, (900, 600), ["On CPU: about 2 min, 1.2 GB of memory."]),
        (TILED_PLAN, (900, 600), ["On CPU: about 2 min, 1.2 GB of memory.", TILES]),
        (LARGE_PLAN, (2600, 1733), ["On CPU: about 1 h 10 min, 1.2 GB of memory.", ENLARGED]),
        (LARGE_PLAN, (6000, 4000), ["On CPU: about 1 h 10 min, 1.2 GB of memory.", SOFT]),
        (
            {**LARGE_PLAN, "levels": TILED_PLAN["levels"], "seconds": 1200, "device_bytes": 3e9},
            (2600, 1733),
            ["On CPU: about 20 min, 1.2 GB of memory, 3.0 GB of device memory.", ENLARGED, TILES],
        ),
        (
            {"seconds": None, "bytes": 5e8, "levels": []},
            (900, 600),
            ["On CPU: 500 MB of memory, time unknown before the first run."],
        ),
    ],
    ids=["small", "tiles", "enlarged", "soft", "everything", "not measured yet"],
)
def test_plan_is_described_in_words(plugin, plan: dict, size: tuple[int, int], expected: list[str]) -> None:
    assert plugin("text.plan_words").describe_plan(plan, "CPU", size).splitlines() == expected


def test_event_of_the_engine_is_described_in_words(plugin) -> None:
    """The engine's event has the fields that the sentences are made from."""
    levels = (PlannedLevel(900, 600, 300, 6),)
    event = asdict(
        Plan(
            levels=levels,
            engine="onnx",
            device="CPU",
            model="vgg19",
            model_sha256="",
            seed=0,
            seconds=5.0,
            bytes=10**9,
            device_bytes=None,
            width=6000,
            height=4000,
        )
    )
    sentences = plugin("text.plan_words").describe_plan(event, "", (6000, 4000)).splitlines()
    assert sentences == ["On ?: about 5 s, 1.0 GB of memory.", SOFT, TILES]


@pytest.mark.parametrize(
    ("side", "photo_side", "expected"),
    [
        (512, 4000, "about 2 min, painted at 512 px, then enlarged"),
        (0, 4000, "about 2 min, painted at full size (4000 px)"),
        (None, 900, "about 2 min, painted at full size (900 px)"),
        (None, 600, "about 2 min, painted at 900 px, then reduced"),
    ],
)
def test_choice_of_time_is_one_line(plugin, side: int | None, photo_side: int, expected: str) -> None:
    describe = plugin("text.plan_words").describe_choice
    assert describe(SMALL_PLAN, side, photo_side) == expected
    assert describe(None, 512, 4000) == "painted at 512 px, then enlarged", "before there is a plan"


def test_choice_of_time_stands_for_settings(plugin) -> None:
    how_long = plugin("settings.how_long")
    for side in (300, 1000, 4000):
        for choice in how_long.offered(side):
            assert how_long.choice_of(how_long.values(choice, side), side) == choice
    assert how_long.choice_of({**how_long.DEFAULTS, "time-limit": 60.0}, 4000) == how_long.CUSTOM
    assert how_long.choice_of(how_long.DEFAULTS, 4000) == how_long.FULL
    assert how_long.values("good", 1000) == how_long.DEFAULTS
    good = how_long.values("good", 4000)
    assert good["time-limit"] < how_long.MOST_SECONDS, "of a large photo, what fits into five minutes"
    assert good["size"] == 0, "no smaller than five minutes make it"
    table = {setting.name: setting.default for setting in plugin("settings.settings_table").SETTINGS}
    assert how_long.DEFAULTS.items() <= table.items()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"quick": 40.0, "good": 300.0, "full": 9000.0}, "good"),
        ({"quick": 2.0, "good": 10.0, "full": 200.0}, "full"),
        ({"quick": 900.0, "good": 4000.0, "full": 90000.0}, "quick"),
        ({"quick": 40.0, "good": 300.0}, "good"),
    ],
)
def test_longest_choice_of_about_five_minutes_is_made(plugin, seconds: dict, expected: str) -> None:
    assert plugin("settings.how_long").longest_within(seconds) == expected


def test_small_or_long_painting_gets_advice(plugin) -> None:
    advice = plugin("settings.how_long").advice
    assert all(advice(choice, 60.0, is_soft=True) for choice in ("quick", "good", "full", "custom"))
    assert advice("full", 10_000.0, is_soft=False) == "“Good” or “Quick” is faster."
    assert advice("full", 60.0, is_soft=False) == advice("good", 10_000.0, is_soft=False) == ""


@pytest.fixture
def commands(plugin, monkeypatch):
    """Return the module that runs the engine's ``nst styles``, with this Python as the engine's."""
    monkeypatch.setenv("NST_PYTHON", sys.executable)
    return plugin("process.style_commands")


def test_engine_changes_the_kept_styles_for_the_plugin(plugin, commands, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    picture, folder = painting(tmp_path / "a.png"), commands.default_folder()
    options = commands.to_options({"strength": 70.0, "keep-colors": "luminance"})
    answer = commands.run_command("add", ["--as=-x y", *options, "--", str(picture)], folder)
    assert [style.path for style in kept_styles.list_styles()] == [answer["path"]]
    assert kept_styles.read_settings(answer["path"]) == {"strength": 70.0, "keep-colors": "luminance"}
    with pytest.raises(plugin("text.messages").UserError) as caught:
        commands.run_command("add", ["--as=-x y", "--", str(picture)], folder)
    assert caught.value.code == commands.TAKEN
    commands.run_command("rename", ["--", "-x y", "Monet"], folder)
    commands.run_command("export", ["--", str(tmp_path / "all.json"), "Monet"], folder)
    commands.run_command("remove", ["--", "Monet"], folder)
    assert kept_styles.list_styles() == []
    commands.run_command("import", ["--", str(tmp_path / "all.json")], folder)
    assert [style.name for style in kept_styles.list_styles()] == ["Monet"]


def test_failure_of_the_engine_is_reported(plugin, commands, tmp_path: Path, monkeypatch) -> None:
    error = plugin("text.messages").UserError
    with pytest.raises(error, match="Monet"):
        commands.run_command("remove", ["--", "Monet"], tmp_path)
    bad = tmp_path / "python"
    bad.write_text("#!/bin/sh\necho no module >&2; exit 1\n")
    bad.chmod(0o755)
    monkeypatch.setenv("NST_PYTHON", str(bad))
    with pytest.raises(error, match=r"could not change the kept styles.*gimp-engine\.log"):
        commands.run_command("remove", ["--", "Monet"], tmp_path)
    assert "no module" in plugin("process.locations").log_path().read_text()


def test_only_settings_of_the_style_are_kept_with_it(plugin, commands) -> None:
    settings = {setting.name: setting.default for setting in plugin("settings.settings_table").SETTINGS}
    names = ("strength", "style-scale", "keep-colors", "matching", "structure", "color-layout")
    always = {name: settings[name] for name in names}
    assert commands.style_settings(settings) == always
    changed = {
        "tv": 1.23456789,
        "iterations": 5,
        "size": 640,
        "quality": "draft",
        "device": "cpu",
        "init": "noise",
    }
    assert commands.style_settings({**settings, **changed}) == {**always, "tv": 1.234568}


@pytest.mark.parametrize(
    "name",
    [
        "Monet's sky",
        "-x",
        "Стиль 風",
        "a/b",
        "a:2",
        ".hidden",
        "dot.",
        "",
        " x",
        "x" * 64,
        "x" * 65,
        "a\nb",
        "con",
        "Lpt1.a",
        "𝄞" * 64,
    ],
)
def test_the_plugin_knows_what_can_be_a_name(commands, name: str) -> None:
    assert commands.is_style_name(name) == is_style_name(name)
    assert is_style_name(commands.make_valid_name(name)) or not commands.make_valid_name(name)


def test_recent_style_can_be_removed(plugin, tmp_path: Path) -> None:
    kept_styles = plugin("process.kept_styles")
    first, second = (str(painting(tmp_path / name)) for name in ("a.png", "b.png"))
    kept_styles.add_recent([first, second])
    kept_styles.remove_recent(first)
    assert kept_styles.list_recent() == [second]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_is_read_back_unchanged(plugin, tmp_path: Path, channels: int) -> None:
    path, (height, width) = tmp_path / "a.png", (7, 5)
    values = np.random.default_rng(0).integers(0, 65536, (height, width, channels), dtype=np.uint16)
    profile = rgb_profile(gamma_curve(2.2)) if channels > 2 else b""
    strips = [values[:3].tobytes(), values[3:].tobytes()]
    plugin("image.png").write(str(path), width, height, channels, strips, profile)
    picture = read_picture(path)
    assert (picture.width, picture.height, picture.bits, picture.grey) == (width, height, 16, channels < 3)
    if channels % 2 == 0:
        assert picture.alpha is not None
        np.testing.assert_allclose(picture.alpha, values[:, :, -1] / 65535, atol=1e-6)
    if channels < 3:
        np.testing.assert_allclose(picture.pixels[:, :, 0], values[:, :, 0] / 65535, atol=1e-6)
    else:
        assert picture.profile == profile


class Config(dict):
    """The dialog's settings. Those that are not given have their defaults."""

    def get_property(self, name: str) -> object:
        return {"keep-colors": "none", "outside": "style", **self}.get(name)


def test_invalid_stored_values_are_reset(plugin) -> None:
    stored = {"strength": 101.0, "keep-colors": "chroma", "quality": "draft", "tv": 2.5, "size": 0}
    values = {setting.name: setting.default for setting in plugin("settings.settings_table").SETTINGS}
    config = Config({**values, **stored, "init": None})
    config.set_property = config.__setitem__
    plugin("settings.arguments").reset_invalid(config)
    assert config == {**values, "quality": "draft", "tv": 2.5, "init": None}


COLOURS_BY_REGION = {
    "region-masks": ["sky", "coat"],
    "region-colors": ["none", "luminance"],
    "outside": "keep",
}


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("strength", {"loss": "relative"}, True),
        ("strength", {"loss": "paper"}, False),
        ("alpha", {"loss": "paper"}, True),
        ("outside", {"region-masks": []}, False),
        ("outside", {"region-masks": ["sky"]}, True),
        ("guides", {"region-masks": None}, False),
        ("color-match", {}, False),
        ("color-match", {"fine-style": "a.png"}, True),
        ("color-match", {"keep-colors": "match"}, True),
        ("color-match", {"keep-colors": "match", **COLOURS_BY_REGION}, False),
        ("color-match", {"region-masks": ["sky"], "region-colors": ["match"]}, True),
        ("color-match", {"region-masks": [], "region-colors": ["match"]}, False),
        ("keep-colors", {}, True),
        ("keep-colors", COLOURS_BY_REGION, False),
        ("keep-colors", {**COLOURS_BY_REGION, "outside": "style"}, True),
        ("keep-colors", {**COLOURS_BY_REGION, "region-colors": ["none", ""]}, True),
        ("keep-colors", {**COLOURS_BY_REGION, "region-colors": None}, True),
        ("color-layout", {}, True),
        ("color-layout", {"keep-colors": "luminance"}, False),
        ("color-layout", {"keep-colors": "luminance", **COLOURS_BY_REGION}, True),
        ("color-layout", {**COLOURS_BY_REGION, "region-colors": ["luminance", "luminance"]}, False),
        ("color-layout", {"keep-colors": "luminance", "region-masks": ["a", "b"]}, False),
        ("seed", {}, True),
    ],
)
def test_setting_without_an_effect_is_recognised(plugin, name: str, values: dict, expected: bool) -> None:
    assert plugin("settings.effects").has_effect(Config(values), name) is expected


def test_rules_name_settings_that_exist(plugin) -> None:
    arguments, effects = plugin("settings.arguments"), plugin("settings.effects")
    known = {*arguments.BY_NAME, *arguments.EXTRAS}
    assert {name for name, (others, _rule) in effects.RULES.items() for name in (name, *others)} <= known
