"""A painting from GIMP on WebGPU. The card is SwiftShader's, whose shaders take half a minute to compile."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nst_core.backends.choose import Engine
from nst_core.backends.machine_file import load_entries
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.painting.clock import Rate
from nst_core.planning.rate_cache import store_rate
from nst_core.vgg import graphics_cards
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.store import ModelStore
from tests import software_card
from tests.gimp.start import REPOSITORY, Gimp, complaints

pytest.importorskip(graphics_cards.PACKAGE)
pytestmark = pytest.mark.skipif(
    not os.environ.get("NST_TEST_LONG"), reason="half a minute; NST_TEST_LONG=1 runs it"
)


def store_card_rate(models: ModelStore) -> str:
    """Remember a speed for SwiftShader, which takes minutes to measure; return the name of the engine."""
    network = models.resolve("vgg16")
    with software_card.in_this_process():
        graphics_cards.register.cache_clear()
        backend = OnnxBackend(network, device="webgpu")
        engine = Engine(network, backend, OnnxFeatures(network, "cpu"))
        name = engine.name
        store_rate(name, Rate._make([1.0] * len(Rate._fields)))
        engine.close()
    return name


def test_a_layer_is_painted_on_webgpu(
    gimp: Gimp, models: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        folder = software_card.provide()
    except software_card.NotHere as error:
        pytest.skip(str(error))
    monkeypatch.setenv("NST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", gimp.environment()["OMP_NUM_THREADS"])
    engine = store_card_rate(models)
    assert "SwiftShader" in engine
    # The plug-in starts the engine without variables for libraries, so they are set behind it.
    *before, python = gimp.real_engine()
    variables = {**software_card.environment(folder), "NST_CACHE": str(tmp_path / "cache")}
    settings = [f"{name}={value}" for name, value in variables.items()]
    real, result = gimp.fake_folder / "real", tmp_path / "result.json"
    usual = real.read_text()
    real.write_text(json.dumps([*before, "env", *settings, python]))
    script = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from tests.gimp.inside import webgpu_painting\n"
        f"webgpu_painting.run({str(result)!r})"
    )
    try:
        done = gimp.batch(script)
    finally:
        real.write_text(usual)
    assert not complaints(done.stderr), done.stderr
    found = json.loads(result.read_text())
    assert found["differs"]
    assert not [notice for notice in found["record"]["notices"] if "processor" in notice or "CPU" in notice]
    assert list(load_entries()) == [engine]  # the speed of another device would have been measured
