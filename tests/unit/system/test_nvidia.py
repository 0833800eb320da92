"""Free memory of NVIDIA cards from the answers of their driver's program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from nst_core.backends.onnx_runtime.device_memory import DIRECTML_MEMORY, UNKNOWN_MEMORY, device_free_bytes
from nst_core.system.nvidia import nvidia_free_bytes
from nst_core.vgg.sessions import Device


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a program of that name from a shell script."""
    if sys.platform == "win32":
        pytest.skip("the stand-in is a shell script")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(script: str) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return make


def test_free_memory_is_that_of_the_visible_device(nvidia_smi, monkeypatch):
    nvidia_smi('test "$2" = GPU-b && echo 7000 || echo 3000')
    assert nvidia_free_bytes(1) == 3000 * 2**20
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    assert nvidia_free_bytes(1) == 7000 * 2**20
    assert device_free_bytes(Device("cuda", 1), None) == 7000 * 2**20


@pytest.mark.parametrize("script", ["echo '[N/A]'", "exit 9", "true"])
def test_a_driver_that_does_not_tell_leaves_a_guess(nvidia_smi, script):
    nvidia_smi(script)
    assert nvidia_free_bytes(0) is None
    assert device_free_bytes(Device("cuda", 0), None) == UNKNOWN_MEMORY
    assert device_free_bytes(Device("directml", 0), None) == DIRECTML_MEMORY
