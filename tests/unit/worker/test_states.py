"""The folder in which the worker keeps the states of interrupted runs."""

from __future__ import annotations

import json
import os
import stat

import pytest

from nst_core.errors import NstError
from nst_core.job import checkpoint
from nst_core.worker import states
from nst_core.worker.commands import stylize
from nst_core.worker.live_setting import LiveSetting
from nst_core.worker.protocol import JOB_PREFIX, parse_request
from nst_core.worker.states import delete_old_states, open_state
from tests.unit.worker.test_process import request


class GimpIsGone(BaseException):
    """Stands in for the end of the process."""


def paint(folder, states_folder, *, dies=False):
    """Do a request, as the worker does; return the codes of its notices."""
    codes = []

    def send(event, **fields):
        if event == "notice":
            codes.append(fields["code"])
        if dies and event == "progress" and fields["iteration"] == 2:
            raise GimpIsGone

    message = {**request(folder, matching=0), "preview": None}
    job = parse_request(json.dumps(message).encode())
    stylize(job, send, lambda: False, LiveSetting(), open_state(states_folder))
    return [code for code in codes if code != "fallback-model"]


def test_the_same_job_goes_on_where_the_caller_died(models, tmp_path, monkeypatch, rates_folder):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "MOST_OF_TIME", 1e9)
    folder, kept = tmp_path / f"{JOB_PREFIX}test", tmp_path / "states"
    folder.mkdir(mode=0o700)
    with pytest.raises(GimpIsGone):
        paint(folder, kept, dies=True)
    assert len(list(kept.iterdir())) == 1
    assert os.name == "nt" or stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert paint(folder, kept) == ["resumed"]
    assert list(kept.iterdir()) == []


def test_old_states_are_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(states, "MOST_STATES", 2)
    for number, age in enumerate((10.0, 20.0, 30.0, 1e7)):
        path = tmp_path / f"{number}{checkpoint.SUFFIX}"
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    delete_old_states(tmp_path, now=1e9)
    assert sorted(path.name[0] for path in tmp_path.iterdir()) == ["0", "1"]
    monkeypatch.setattr(states, "MOST_BYTES", 150)
    delete_old_states(tmp_path, now=1e9)
    assert [path.name[0] for path in tmp_path.iterdir()] == ["0"]


def test_folder_of_states_is_no_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NstError):
        open_state(tmp_path / "link")
    assert open_state(None) is None
