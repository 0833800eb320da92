"""Free memory of NVIDIA cards, as their driver's own program tells it. Standard library only."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

TIMEOUT = 10.0
"""Seconds after which ``nvidia-smi`` is not waited for: it hangs if a card does."""

MEBIBYTE = 2**20


def nvidia_free_bytes(index: int) -> int | None:
    """Return the free memory of CUDA's device ``index``; None if the driver does not tell."""
    command = ["nvidia-smi", "-i", _name_of_device(index), "--query-gpu=memory.free"]
    with suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        answer = subprocess.run(
            [*command, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return int(answer.stdout.split()[0]) * MEBIBYTE
    return None


def _name_of_device(index: int) -> str:
    """Return the number or name of a device for ``nvidia-smi``, which counts the hidden ones as well."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return visible[index] if index < len(visible) else str(index)
