"""An engine and a plug-in of different versions: they work, or say that they do not belong together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nst_core
from nst_core.errors import ErrorCode, NstError
from nst_core.worker.protocol import PROTOCOL, parse_request
from tests.unit.worker.test_process import Engine

ROOT = Path(__file__).resolve().parents[3]


def test_process_started_as_by_every_plug_in_greets_with_protocol_and_version() -> None:
    """``python -I -m nst_core.worker``, except that this checkout is not installed."""
    code = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); "
    code += "runpy.run_module('nst_core.worker', run_name='__main__', alter_sys=True)"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-I", "-c", code], **pipes) as process:
        greeting = json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait(timeout=20) == 0
    assert greeting == {"event": "hello", "protocol": PROTOCOL, "version": nst_core.__version__}


@pytest.mark.parametrize("number", [0, PROTOCOL + 1, None, "1"])
def test_request_with_another_protocol_is_refused_with_both_numbers(number: object) -> None:
    line = json.dumps({"protocol": number, "command": "stylize", "new_field": [1, 2]}).encode()
    with pytest.raises(NstError) as caught:
        parse_request(line)
    assert caught.value.code is ErrorCode.PROTOCOL
    assert f"(protocol {number})" in caught.value.message
    assert f"version {nst_core.__version__}, protocol {PROTOCOL}" in caught.value.message
    assert caught.value.message.endswith("do not belong together.")
    assert caught.value.hint == "Install the same version of the plug-in and the engine."


def test_request_of_a_newer_plug_in_may_have_unknown_fields() -> None:
    """Additions do not change the protocol's number, so they are ignored."""
    pixels = {"path": "/p", "width": 4, "height": 3, "channels": 3, "new": 1}
    message = {"protocol": PROTOCOL, "command": "plan", "content": pixels, "new": {"a": []}}
    request = parse_request(json.dumps(message).encode())
    assert request.content is not None
    assert request.content.width == 4


def first_protocol_request(folder: Path) -> dict[str, object]:
    """Return a request with every field of protocol 1, as version 0.1.0 of the plug-in sends them."""

    def pixels(file: str, channels: int, **fields: object) -> dict[str, object]:
        array = np.random.default_rng(1).uniform(0.2, 1.0, size=(32, 40, channels))
        array.astype("<f4").tofile(folder / file)
        path = str(folder / file)
        return {"path": path, "width": 40, "height": 32, "channels": channels, **fields}

    style = pixels("style.f32", 3, weight=2.0, name="painting")
    return {
        "protocol": 1,
        "command": "stylize",
        "job_directory": str(folder),
        "content": pixels("content.f32", 4),
        "styles": [{**style, "part": pixels("part.f32", 1), "fine": pixels("fine.f32", 3)}],
        "regions": [
            {
                "mask": {**pixels("mask.f32", 1), "covered": [0, 0, 40, 32]},
                "styles": [style],
                "name": "coat",
                "keep_colors": "luminance",
            }
        ],
        "selection": pixels("selection.f32", 1),
        "strength_mask": pixels("strength.f32", 1),
        "settings": {"iterations": 1, "strength": 60.0, "coarsest": 0},
        "result": str(folder / "result.f32"),
        "preview": {"path": str(folder / "preview.rgb"), "max_side": 32, "seconds": 0.0},
    }


def test_request_of_the_first_version_is_parsed_completely(tmp_path: Path) -> None:
    line = json.dumps(first_protocol_request(tmp_path)).encode()
    request = parse_request(line)
    (style,), (region,) = request.styles, request.regions
    assert style.mask is not None
    assert style.mask.path == tmp_path / "part.f32"
    assert style.fine is not None
    assert (style.weight, style.name) == (2.0, "painting")
    assert region.mask.covered == (0, 0, 40, 32)
    assert (region.name, region.keep_colors) == ("coat", "luminance")
    assert request.selection is not None
    assert request.strength_mask is not None
    assert request.preview is not None


def test_request_of_the_first_version_is_painted(models, tmp_path: Path) -> None:
    folder = tmp_path / "nst-job-first"
    folder.mkdir(mode=0o700)
    engine = Engine(models.root)
    engine.send(first_protocol_request(folder))
    events = list(engine.events())
    result = np.fromfile(folder / "result.f32", "<f4")
    engine.close()
    for pipe in (engine.process.stdout, engine.process.stderr):
        pipe.close()
    fields = {event["event"]: set(event) for event in events}
    assert fields["hello"] >= {"protocol", "version"}
    assert fields["plan"] >= {"levels", "engine", "device", "model", "seconds", "bytes", "width", "height"}
    assert fields["progress"] >= {"level", "levels", "iteration", "iterations", "fraction", "seconds_left"}
    assert fields["preview"] >= {"path", "width", "height"}
    assert fields["notice"] == {"event", "code", "message", "hint"}
    assert fields["done"] >= {"width", "height", "channels", "seed", "model", "engine", "device", "stopped"}
    assert result.size == 40 * 32 * 4
    assert np.isfinite(result).all()
