"""What torch's devices can do and how much memory they have, for CPUs and for cards of every maker.

Takes a device, asks torch, and returns facts that the backend decides by. Does not depend on networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nst_core.system.free_memory import available_memory

AMPERE = (8, 0)
"""The first generation of NVIDIA's cards whose float32 convolutions use tensor cores (TF32)."""


@dataclass(frozen=True, kw_only=True)
class DeviceTraits:
    """Abilities of a device.

    own_memory     it has its own memory; otherwise it shares the machine's
    channels_last  float32 convolutions are fastest with features stored position by position
    fused_relu     cuDNN computes a convolution, its bias and its ReLU in one kernel
    recordable     evaluations can be recorded and replayed (CUDA graphs)
    half           it computes in half precision much faster, and has the range of TF32 otherwise
    """

    own_memory: bool = False
    channels_last: bool = True
    fused_relu: bool = False
    recordable: bool = False
    half: bool = False


def device_traits(device: torch.device) -> DeviceTraits:
    """Return the abilities of ``device``.

    Channels last is slower in float32 before Ampere (1.68 s became 2.76 s on a V100, pytorch#44943) and on
    Radeons (7.9 s became 2.4 s without, ComfyUI#11381). On Apple's GPUs the way back through pools of such
    features ends the process or returns garbage (pytorch#175190).
    """
    if device.type == "xpu":
        return DeviceTraits(own_memory=True)
    if device.type == "mps":
        return DeviceTraits(channels_last=False)
    if device.type != "cuda":
        return DeviceTraits()
    if torch.version.hip is not None:
        return DeviceTraits(own_memory=True, channels_last=False, recordable=True)
    modern = torch.cuda.get_device_capability(device) >= AMPERE
    return DeviceTraits(own_memory=True, channels_last=modern, fused_relu=True, recordable=True, half=modern)


def free_bytes(device: torch.device) -> int:
    """Return the memory that can still be taken on ``device``, what torch holds in reserve included."""
    if device.type == "cuda":
        free, _total = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "xpu":
        reserve = torch.xpu.memory_reserved(device) - torch.xpu.memory_allocated(device)
        return int(_free_of_xpu(device) + reserve)
    if device.type == "mps":
        left = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0, min(available_memory(), int(left)))
    return available_memory()


def _free_of_xpu(device: torch.device) -> int:
    """Return the free memory of an Intel card; torch before 2.6 tells only how much it has."""
    if hasattr(torch.xpu, "mem_get_info"):
        free, _total = torch.xpu.mem_get_info(device)
        return int(free)
    total = torch.xpu.get_device_properties(device).total_memory
    return int(total - torch.xpu.memory_reserved(device))


def release_memory(device: torch.device) -> None:
    """Return the memory that torch holds in reserve on ``device`` to the system."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "xpu":
        torch.xpu.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def hardware_name(device: torch.device) -> str:
    """Return the maker's name of the card; "" if the device's own name says as much."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "xpu":
        return str(torch.xpu.get_device_name(device))
    return ""


def unsupported_card(device: torch.device) -> str | None:
    """Return a clause that says why the installed torch cannot compute on an NVIDIA card; None if it can.

    A card that is older than all that torch was built for is listed like any other, and fails at the first
    convolution. Newer ones run what was compiled for the generation before.
    """
    if device.type != "cuda" or torch.version.hip is not None:
        return None
    built_for = _generations(torch.cuda.get_arch_list())
    if not built_for:
        return None
    card = torch.cuda.get_device_capability(device)
    if card >= min(built_for):
        return None
    oldest = ".".join(map(str, min(built_for)))
    return (
        f"PyTorch {torch.__version__} supports NVIDIA cards from generation {oldest} on, "
        f"and {torch.cuda.get_device_name(device)} has {'.'.join(map(str, card))}"
    )


def _generations(architectures: Sequence[str]) -> list[tuple[int, int]]:
    """Return the generations among names like sm_75, sm_90a or compute_120."""
    numbers = ["".join(filter(str.isdigit, name.partition("_")[2])) for name in architectures]
    return [(int(number[:-1]), int(number[-1])) for number in numbers if len(number) > 1]
