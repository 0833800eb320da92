"""The strip of results without GIMP: which GIMP runs, what is kept on disk, and the sheet's variants."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], ModuleType]]:
    """Return a function that imports one of the plug-in's modules, for a user without any files."""
    monkeypatch.syspath_prepend(str(ROOT / "gimp_plugin" / "neural-style"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    yield lambda name: importlib.import_module(f"nst_gimp.{name}")
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


@pytest.fixture
def session(plugin) -> ModuleType:
    return plugin("process.gimp_session")


@pytest.fixture
def store(plugin, tmp_path: Path):
    return plugin("process.result_store").ResultStore(tmp_path)


def facts(plugin, title: str = "Ink", **values: object):
    """Return the facts of a trial."""
    return plugin("process.result_store").Facts(kind="trial", title=title, image=3, file="", values=values)


def test_running_gimp_finds_its_folder_again(session) -> None:
    assert session.find_folder(os.getpid(), create=False) is None
    folder = session.find_folder(os.getpid(), create=True)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert session.find_folder(os.getpid(), create=True) == folder
    assert session.find_folder(os.getpid(), create=False) == folder


def ended_process() -> int:
    """Return the number of a process that has just ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_gimp_that_has_ended_has_no_folder(session) -> None:
    assert session.find_folder(ended_process(), create=True) is None


def test_next_start_deletes_the_folders_of_gimps_that_have_ended(session) -> None:
    own = session.find_folder(os.getpid(), create=True)
    ended = own.with_name(f"{ended_process()}-123b456-{session.process_space()}")
    reused = own.with_name(own.name.replace("-", "-1", 1))  # this process number, another start
    elsewhere = own.with_name(f"{os.getpid()}-123b456-pid77")  # a sandbox has numbers of its own
    stale = own.with_name(f"{os.getpid()}-123b456-pid78")
    for folder in (ended, reused, elsewhere, stale):
        (folder / "result").mkdir(parents=True)
    os.utime(stale, (0, 0))
    (own / "result").mkdir()
    session.find_folder(os.getpid(), create=True)
    assert {path.name for path in own.parent.iterdir()} == {own.name, elsewhere.name}
    assert (own / "result").is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="uses ps")
def test_start_of_a_process_where_there_is_no_proc(session) -> None:
    start = session.start_of(os.getpid(), "darwin")
    assert start.split("_")[-1].isdigit(), "the year"
    assert session.start_of(os.getpid(), "darwin") == start
    assert session.start_of(ended_process(), "darwin") == ""


def test_results_are_listed_latest_first_as_they_were_kept(plugin, store) -> None:
    for title in ("first", "second"):
        store.add(facts(plugin, title, strength=40.0), lambda folder: (folder / "picture.png").touch())
    latest, first = store.results()
    assert (latest.facts.title, first.facts.title) == ("second", "first")
    assert first.facts == facts(plugin, "first", strength=40.0)
    assert latest.path("picture.png").is_file()
    assert not latest.has_layer()
    store.remove(latest)
    assert store.results() == [first]


def test_damaged_results_are_skipped(plugin, store, tmp_path: Path) -> None:
    kept = store.add(facts(plugin), lambda _folder: None)
    for name, text in (("1", "{"), ("2", "[]"), ("3", '{"unknown": 1}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "facts.json").write_text(text)
    (tmp_path / "4").mkdir()
    assert store.results() == [kept]


def test_result_that_cannot_be_written_leaves_nothing(plugin, store, tmp_path: Path) -> None:
    def fail(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        store.add(facts(plugin), fail)
    assert list(tmp_path.iterdir()) == []


def test_oldest_results_go_first(plugin, store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin("process.result_store"), "MOST_RESULTS", 3)
    for number in range(5):
        store.add(facts(plugin, str(number)), lambda _folder: None)
    assert [result.facts.title for result in store.results()] == ["4", "3", "2"]


def test_oldest_layers_go_before_anything_else(plugin, store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin("process.result_store"), "MOST_BYTES", 25_000)
    for number in range(4):
        store.add(
            facts(plugin, str(number)), lambda folder: (folder / "layer.xcf").write_bytes(bytes(10_000))
        )
    assert [(result.facts.title, result.has_layer()) for result in store.results()] == [
        ("3", True),
        ("2", True),
        ("1", False),
        ("0", False),
    ]


def test_what_a_killed_process_left_is_deleted_after_a_while(plugin, store, tmp_path: Path) -> None:
    for name, age in ((".new-old", 7200), (".new-recent", 0)):
        (tmp_path / name).mkdir()
        if age:
            os.utime(tmp_path / name, (1, 1))
    store.add(facts(plugin), lambda _folder: None)
    assert sorted(path.name for path in tmp_path.glob(".new-*")) == [".new-recent"]


class Config:
    """The procedure's arguments as the dialog holds them, with the engine's defaults."""

    def __init__(self, plugin, values: dict[str, object]) -> None:
        self.values = {
            name: setting.default for name, setting in plugin("settings.arguments").BY_NAME.items()
        }
        self.values.update(values)

    def get_property(self, name: str) -> object:
        return self.values[name]


@pytest.mark.parametrize(
    ("strength", "brush", "strengths", "brushes"),
    [
        (50.0, 1.0, [30, 50, 70], [0.62, 1, 1.6]),
        (0.0, 4.0, [0, 20, 40], [1.56, 2.5, 4]),
        (90.0, 0.1, [70, 90, 100], [0.1, 0.16, 0.26]),
    ],
    ids=["inside", "weakest, broadest", "strongest, finest"],
)
def test_variants_lie_around_the_current_settings(plugin, strength, brush, strengths, brushes) -> None:
    cells = plugin("settings.variants").around(Config(plugin, {"strength": strength, "style-scale": brush}))
    assert cells[0].changes == {"strength": strength, "style-scale": brush}, "the current settings come first"
    assert len(cells) == 9
    for cell in cells:
        assert cell.changes["strength"] == pytest.approx(strengths[cell.column])
        assert cell.changes["style-scale"] == pytest.approx(brushes[cell.row])
    assert sorted((cell.row, cell.column) for cell in cells) == [(y, x) for y in range(3) for x in range(3)]


def test_variants_keep_a_setting_that_has_no_effect(plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    variants = plugin("settings.variants")
    monkeypatch.setattr(variants.effects, "has_effect", lambda _config, name: name != "strength")
    cells = variants.around(Config(plugin, {}))
    assert [cell.changes["strength"] for cell in cells] == [50.0] * 3
