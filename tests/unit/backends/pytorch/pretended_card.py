"""A graphics card that does not exist: torch's FakeTensors have its device and shapes, and no numbers.

What would go wrong on a card shows without one: arrays on two devices, copies from and to the card, and
operations that make the host wait. :func:`pretend` opens the mode, :class:`Watch` notes what happens in it.
"""

from __future__ import annotations

import ctypes
import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import ref

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SIZE_DEPENDS_ON_VALUES = ("nonzero", "masked_select", "_local_scalar_dense", "is_nonzero", "unique")
"""Parts of the names of operations for whose result the host must wait."""

WITHOUT_DOUBLE = ("mps", "xpu")
"""Devices without float64: all Macs', and some of Intel's."""


GUARDS = "_ZN3c104impl26device_guard_impl_registryE"
"""PyTorch's table of the objects that switch between devices, one for each type; null without one."""

NUMBER = {"cpu": 0, "cuda": 1, "xpu": 12, "mps": 13}
"""Places in that table, from c10/core/DeviceType.h."""


@contextmanager
def pretend(device: str) -> Iterator[None]:
    """Let torch make tensors on a device of this type, without numbers; switching to it does nothing."""
    with _guard_of(device), FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        yield


@contextmanager
def _guard_of(device: str) -> Iterator[None]:
    """Let the CPU's guard, which does nothing, stand in for one that this build of torch lacks."""
    try:
        library = ctypes.CDLL(str(next(Path(torch.__file__).parent.glob("lib/libc10.*"))))
        guards = (ctypes.c_void_p * (max(NUMBER.values()) + 1)).in_dll(library, GUARDS)
    except (OSError, ValueError, StopIteration):
        pytest.skip("this build of PyTorch does not show its table of device guards")
    before = guards[NUMBER[device]]
    guards[NUMBER[device]] = before or guards[NUMBER["cpu"]]
    try:
        yield
    finally:
        gc.collect()  # nothing on the card outlives its guard
        guards[NUMBER[device]] = before


class Watch(TorchDispatchMode):
    """Notes faults, each with the line of the engine that caused it, and the most bytes alive at a time.

    ``layouts`` of features are real only on a real device: pretended convolutions know nothing of cuDNN.
    """

    def __init__(self, *, layouts: bool = False) -> None:
        super().__init__()
        self.layouts = layouts
        self.faults: list[str] = []
        self.largest = 0
        self.seen: list[ref[torch.Tensor]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        result = func(*args, **(kwargs or {}))
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        for fault in _faults(str(func), inputs, outputs):
            self.faults.append(f"{fault}: {func}{_line_of_the_engine()}")
        if self.layouts and mixed_layouts(str(func), [*inputs, *outputs]):
            self.faults.append(f"layouts mixed: {func}{_line_of_the_engine()}")
        self.seen += map(ref, outputs)
        if any(output.untyped_storage().nbytes() > 2**16 for output in outputs):
            self.largest = max(self.largest, self._bytes_alive())
        return result

    def _bytes_alive(self) -> int:
        self.seen = [seen for seen in self.seen if seen() is not None]
        storages = [tensor.untyped_storage() for seen in self.seen if (tensor := seen()) is not None]
        return sum({storage._cdata: storage.nbytes() for storage in storages}.values())


def _faults(name: str, inputs: list[torch.Tensor], outputs: list[torch.Tensor]) -> Iterator[str]:
    devices = {tensor.device.type for tensor in inputs}
    if len(devices) > 1:
        yield f"arrays on {' and '.join(sorted(devices))}"
    if any(word in name for word in SIZE_DEPENDS_ON_VALUES):
        yield "waits for the device"
    if "_to_copy" in name and inputs and outputs[0].device.type != inputs[0].device.type:
        yield f"copied from {inputs[0].device.type} to {outputs[0].device.type}"
    for tensor in (*inputs, *outputs):
        if tensor.dtype == torch.float64 and tensor.device.type in WITHOUT_DOUBLE:
            yield f"float64 on {tensor.device.type}"
            break


def mixed_layouts(name: str, tensors: list[torch.Tensor]) -> bool:
    """Return whether an operation on all numbers of ``tensors`` walks through memory in several orders."""
    large = [tensor for tensor in tensors if tensor.dim() >= 3 and min(tensor.shape[-3:]) > 1]
    elementwise = name.startswith(("aten.add", "aten.sub", "aten.mul", "aten.threshold", "aten.relu"))
    return elementwise and len({_order(tensor) for tensor in large}) > 1


def _order(tensor: torch.Tensor) -> tuple[int, ...]:
    """Return the axes of channels, rows and columns, outermost in memory first."""
    strides = tensor.stride()[-3:]
    return tuple(sorted(range(3), key=lambda axis: -strides[axis]))


def _line_of_the_engine() -> str:
    frames = [frame for frame in traceback.extract_stack() if "nst_core" in frame.filename]
    return f" at {frames[-1].filename.rpartition('nst_core')[2]}:{frames[-1].lineno}" if frames else ""
