"""What the plug-in does about an engine that is not usable: the installer and the download as tasks."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gimp_plugin.test_engine import plugin  # noqa: F401 - a fixture

FAILING = """
import json
print(json.dumps({"event": "say", "text": "Engine"}))
print("something that nobody expects")
print(json.dumps({"event": "bar", "label": "numpy", "done": 5, "total": 10}))
print(json.dumps({"event": "error", "text": "The disk is full."}))
raise SystemExit(2)
"""
WAITING = "import time\nprint(1, flush=True)\ntime.sleep(600)\n"


@pytest.fixture
def tasks(plugin: Any) -> Any:  # noqa: F811
    from nst_gimp.process import tasks

    return tasks


def run_to_the_end(task: Any, steps: list) -> None:
    """Poll a task until it is done."""
    end = time.monotonic() + 60
    while not task.is_done:
        assert time.monotonic() < end
        steps += task.poll()
        time.sleep(0.01)


def test_failing_installer_is_reported_in_its_own_words(tasks: Any, plugin: Any, tmp_path: Path) -> None:  # noqa: F811
    script = tmp_path / "install.py"
    script.write_text(FAILING)
    steps: list = []
    task = tasks.InstallerTask([sys.executable, str(script)])
    with pytest.raises(plugin.messages.UserError, match=r"^The disk is full\.$"):
        run_to_the_end(task, steps)
    assert task.is_done


def test_installer_is_asked_for_films(tasks: Any, tmp_path: Path) -> None:
    script = tmp_path / "install.py"
    script.write_text("import sys\nprint(*sys.argv[1:])\n")
    steps: list = []
    run_to_the_end(tasks.InstallerTask([sys.executable, str(script)], tasks.ADD_FILMS), steps)
    assert steps == [("--events update --films", 0, 0)]


def test_missing_opencv_is_told_in_the_painters_words(plugin: Any) -> None:  # noqa: F811
    """The engine's sentence is the same, so that it is not added in brackets."""
    sentence = "Films and animations need OpenCV, which is not installed."
    error = plugin.messages.engine_error("no-film", sentence, "Run: python -m pip install")
    assert (error.code, error.message) == ("no-film", sentence)
    assert "update --films" in error.hint


def test_installer_is_cancelled(tasks: Any, plugin: Any, tmp_path: Path) -> None:  # noqa: F811
    script = tmp_path / "install.py"
    script.write_text(WAITING)
    task = tasks.InstallerTask([sys.executable, str(script)])
    steps: list = []
    while not steps:
        steps += task.poll()
    assert steps == [("1", 0, 0)], "what is not expected is shown as it is"
    task.cancel()
    with pytest.raises(plugin.messages.Cancelled):
        run_to_the_end(task, steps)
    assert task.process.poll() is not None


def test_network_is_downloaded(tasks: Any, tmp_path: Path) -> None:
    steps: list = []
    run_to_the_end(tasks.NetworkTask(), steps)
    assert steps[0] == ("Downloading VGG-19…", 0, 575_000_000)
    assert (tmp_path / "network").exists()


def test_installer_is_known_from_the_record(plugin: Any, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.delenv("NST_PYTHON")
    find = plugin.locations.find_installer
    assert find() == []
    script = tmp_path / "install.py"
    script.touch()
    record = plugin.locations.data_folders()[0] / "engine.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"python": "/gone", "installer": [sys.executable, str(script)]}))
    assert find() == [sys.executable, str(script)]
    monkeypatch.setenv("NST_PYTHON", sys.executable)
    assert find() == [], "the user chose that Python, so the installer cannot repair it"
    monkeypatch.delenv("NST_PYTHON")
    script.unlink()
    assert find() == []


def test_python_that_may_not_be_executed_is_told_from_a_missing_one(plugin: Any, tmp_path: Path) -> None:  # noqa: F811
    python = tmp_path / "python"
    for make, words in ((lambda: None, "is missing"), (python.touch, "is not allowed to be executed")):
        make()
        with pytest.raises(plugin.messages.UserError, match=words) as caught:
            plugin.locations.find_engine("linux", {"NST_PYTHON": str(python)})
        assert caught.value.code == "no-engine"
