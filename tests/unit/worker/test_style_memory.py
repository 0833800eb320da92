"""A process remembers what it has computed of a style: trials come one after another."""

from __future__ import annotations

import json

import numpy as np

from nst_core.worker import commands
from nst_core.worker.live_setting import LiveSetting
from nst_core.worker.protocol import JOB_PREFIX, parse_request
from tests.unit.worker.test_process import request


def test_another_strength_computes_nothing_of_the_style(models, tmp_path, monkeypatch, rates_folder):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    folder = tmp_path / f"{JOB_PREFIX}test"
    folder.mkdir(mode=0o700)

    def paint(strength):
        message = {**request(folder, strength=strength), "preview": None}
        commands.stylize(
            parse_request(json.dumps(message).encode()), lambda *_a, **_f: None, lambda: False, LiveSetting()
        )
        return np.fromfile(folder / "result", "<f4")

    commands._style_memory.cache_clear()
    paint(20)
    memory = commands._style_memory()
    assert memory.misses
    misses = memory.misses
    warm = paint(80)
    assert (memory.hits, memory.misses) == (misses, misses)
    commands._style_memory.cache_clear()
    np.testing.assert_array_equal(warm, paint(80))
