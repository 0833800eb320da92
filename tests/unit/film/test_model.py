"""What films need is told with the command that installs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.film import model


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an environment without the packages for films."""
    monkeypatch.setattr(model.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    return tmp_path / "venv"


def failure(*modules: str) -> NstError:
    with pytest.raises(NstError) as caught:
        model.check_film_installed(modules)
    assert caught.value.code is ErrorCode.NO_FILM
    return caught.value


def test_an_engine_of_the_installer_names_the_installers_command(environment: Path) -> None:
    record = {"installer": ["/usr/bin/python3", "/home/zoë/neural style/install/install.py"]}
    (environment.parent / "engine.json").write_text(json.dumps(record), "utf-8")
    error = failure("cv2")
    assert error.message == "Films and animations need OpenCV, which is not installed."
    assert error.hint == (
        "Run: /usr/bin/python3 '/home/zoë/neural style/install/install.py' update --films"
        if sys.platform != "win32"
        else 'Run: /usr/bin/python3 "/home/zoë/neural style/install/install.py" update --films'
    )


@pytest.mark.parametrize("record", ["", "{}", '{"installer": []}', '{"installer": [1]}'])
def test_an_engine_installed_by_hand_names_pip(environment: Path, record: str) -> None:
    (environment.parent / "engine.json").write_text(record)
    error = failure("cv2", "av")
    assert error.message == "Films and animations need OpenCV and PyAV, which are not installed."
    assert error.hint.endswith(" -m pip install opencv-python-headless av")
