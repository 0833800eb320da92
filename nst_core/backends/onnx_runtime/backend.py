"""The ONNX Runtime backend: loss and gradient of an objective, without torch, on any execution provider.

Takes a network, an objective and numpy pictures, and returns numpy losses and gradients.
:mod:`nst_core.backends.onnx_runtime.gradient_graph` builds the graph that computes them;
:mod:`nst_core.vgg.sessions` chooses the device that runs it, as for target features.

A session is opened for one form of objective and one size of picture, and the backend keeps the last one.
ONNX Runtime keeps features in its convolutions' layout all the way back only if sizes are known. When the
pyramid moves to its next level, the memory of the last level is released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from nst_core.array_types import Array
from nst_core.backends.card_verdicts import remembered_verdict
from nst_core.backends.interface import BackendLimits, Evaluation, Evaluator, Tiling
from nst_core.backends.onnx_runtime.device_memory import device_free_bytes, device_limits, find_device_card
from nst_core.backends.onnx_runtime.gradient_graph import Form, Shape, gradient_graph, make_feeds
from nst_core.backends.onnx_runtime.tile_graphs import window_form, window_graph
from nst_core.backends.onnx_runtime.tiles import KEPT_PIXELS, OnnxTileWorker, WindowSessions
from nst_core.backends.onnx_runtime.winograd import SMALLEST_PICTURE, TransformedKernels, repeats
from nst_core.backends.tiling.evaluator import TiledEvaluator, tiles_for
from nst_core.backends.tiling.layout import window_pixels
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.loss.objective import Objective
from nst_core.vgg.features import check_finite, cpu_notice, translate_failure
from nst_core.vgg.graph import INPUT, IR_VERSION, OPSET, Graph
from nst_core.vgg.layers import check_known_layers
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import Device, Session, find_device, open_session

OUTPUTS = ("loss", "gradient", "terms")

HOLDS_INPUTS = ("cuda", "webgpu")
"""Devices to which inputs can be copied before a run."""


class OnnxBackend:
    """One network on one device of ONNX Runtime; see :class:`nst_core.backends.interface.Backend`.

    ``device`` is auto, cpu, cuda, cuda:1, directml, coreml, openvino, webgpu or webgpu:1. ``on_notice`` is
    called if it cannot be used and the CPU replaces it. ``half`` computes the network in half precision; None
    does so if the card has been found to do that well.
    """

    engine = "onnx"
    asynchronous = False

    def __init__(
        self,
        network: Network,
        *,
        device: str = "auto",
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "edge"] = "edge",
        on_notice: Callable[[Notice], None] | None = None,
        half: bool | None = None,
    ) -> None:
        self.network = network
        self.pooling: Literal["max", "average"] = pooling
        self.padding: Literal["zero", "edge"] = padding
        self.on_notice = on_notice or (lambda _notice: None)
        self.runtime_device = find_device(device)
        self.half = bool(half)
        self._anchor: Session | None = None
        self._open_anchor()
        self.card = find_device_card(self.runtime_device)
        if half is None and self.card is not None:
            verdict = remembered_verdict(self.card, network)
            self.half = verdict is not None and verdict.half
        self._kernels = TransformedKernels(network)
        self._shared: dict[str, onnxruntime.OrtValue] = {}  # sessions share these, which must outlive them
        self._kept: dict[Shape, Session] = {}
        self._windows = WindowSessions(lambda window: self.open(*window_graph(window, self._kernels)))

    @property
    def limits(self) -> BackendLimits:
        """Memory that this backend has and needs; it changes if the CPU replaces the device."""
        return device_limits(self.runtime_device, self.card, self.network.architecture)

    @property
    def device(self) -> str:
        """Name of the device in messages and reports."""
        words = self.runtime_device.words
        return words if self.card is None else f"{self.card.name} ({words})"

    @property
    def hardware(self) -> str:
        """Name of the card with its driver and libraries; "" if ``device`` says enough."""
        if self.card is None:
            return ""
        return f"{self.card.identity}, half precision" if self.half else self.card.identity

    def free_bytes(self) -> int:
        """Return the device's free memory, or a very large number if ONNX Runtime does not report it."""
        return device_free_bytes(self.runtime_device, self.card)

    def upload(self, array: Array) -> Array:
        """Return ``array`` as contiguous float32, on the host."""
        return np.array(array, dtype=np.float32, order="C")

    def download(self, array: Array) -> Array:
        """Return ``array``, which is on the host already."""
        return np.asarray(array, dtype=np.float32)

    def evaluator(
        self, objective: Objective, height: int, width: int, tiling: Tiling | None = None
    ) -> Evaluator:
        """Bind ``objective`` for pictures of ``height`` x ``width``, and open its session.

        Statistics that no graph can compute take the two passes of tiles, over a single tile if necessary.

        Raises:
            NstError: ``unknown-layer``; ``too-small`` for a picture that a layer would shrink to nothing;
                ``bad-setting`` for an objective without terms; ``no-engine``.
        """
        check_known_layers(objective.layers, self.network.layers)
        if not objective.terms:
            raise NstError(
                ErrorCode.BAD_SETTING,
                "There is nothing to optimise: all weights are 0.",
                "Give the content or the style a weight above 0.",
            )
        in_graph = all(term.statistic.graph is not None for term in objective.style)
        two_passes = tiling is not None or not in_graph
        form = window_form(objective, style_only=False) if two_passes else Form.of(objective)
        shape = self.shape(form, height, width)
        if not all(min(size) for size in shape.sizes.values()):
            raise NstError(
                ErrorCode.TOO_SMALL,
                f"A picture of {width} x {height} pixels is too small for the layers of this loss.",
                "Use a larger picture, or shallower layers.",
            )
        if two_passes:
            return self._tiled(objective, height, width, tiling or Tiling(max(height, width)))
        self._windows.close()
        self.session(shape)
        return OnnxEvaluator(self, objective, shape)

    def _tiled(self, objective: Objective, height: int, width: int, tiling: Tiling) -> TiledEvaluator:
        self._kept = {}
        tiles = tiles_for(objective, height, width, tiling.window, self.network.architecture)
        targets = [term.make_target() for term in objective.style]
        worker = OnnxTileWorker(
            self._windows,
            objective,
            self.network.architecture,
            self.shape_for_window,
            translate_failure,
            keep=len({tile.size for tile in tiles}) == 1 and window_pixels(tiles[:1]) <= KEPT_PIXELS,
        )
        return TiledEvaluator(worker, objective, targets, tiles, tiling)

    def shape(self, form: Form, height: int, width: int) -> Shape:
        """Return how pictures of a size are computed on this device."""
        large = height * width >= SMALLEST_PICTURE
        on_rows = self.runtime_device.kind == "cpu" and large and not self.half
        return Shape(
            network=self.network,
            form=form,
            height=height,
            width=width,
            pooling=self.pooling,
            padding=self.padding,
            on_rows=on_rows,
            packed=self.runtime_device.kind == "webgpu",
            half=self.half,
        )

    def shape_for_window(self, form: Form, picture: Array) -> Shape:
        """Return how one window, (3, h, w), is computed; see :meth:`OnnxEvaluator.shape_for`."""
        return _without_rows_where_it_repeats(self.shape(form, *picture.shape[1:]), picture)

    def open(self, graph: Graph, shared: Mapping[str, Array]) -> Session:
        """Open a graph on the backend's device, or if that fails on its replacement, from now on."""
        for name, array in shared.items():
            if name not in self._shared:
                self._shared[name] = onnxruntime.OrtValue.ortvalue_from_numpy(array)
        values = {name: self._shared[name] for name in shared}
        self._open_anchor()
        session = open_session(graph, self.runtime_device, self.on_notice, partial(_configure, values))
        self._take_device(session.device)
        return session

    def _open_anchor(self) -> None:
        """Open a session that computes nothing, and keep it.

        Only use shows whether a device can be used; plans name it before a run begins. And WebGPU keeps its
        compiled shaders as long as there is a session: from level to level, if this one stays.
        """
        if self.runtime_device.kind != "cpu" and self._anchor is None:
            self._anchor = open_session(_smallest_graph(), self.runtime_device, self.on_notice)
            self._take_device(self._anchor.device)

    def _take_device(self, device: Device) -> None:
        """Use ``device`` from now on: the backend's own, or the CPU in its place."""
        if device != self.runtime_device:
            self.half = self.half and device.kind == self.runtime_device.kind
            self.runtime_device, self.card = device, None

    def use_cpu(self, failure: NstError) -> bool:
        """Compute on the CPU from now on, with a notice about the ``failure``; return False if it does."""
        if self.runtime_device.kind == "cpu":
            return False
        self.close()
        self.on_notice(cpu_notice(failure))
        self._take_device(Device("cpu"))
        return True

    def session(self, shape: Shape) -> Session:
        """Return the session for ``shape``, opening it unless it is kept.

        Two forms of objectives are evaluated in turn if a level computes its deep layers at half size, so the
        last session of another form is kept too.
        """
        if shape not in self._kept:
            # Release memory first: what another level has left, and the older of two forms.
            others = [kept for kept in self._kept if kept.form != shape.form]
            self._kept = {kept: self._kept[kept] for kept in others[-1:]}
            self._kept[shape] = self.open(*gradient_graph(shape, self._kernels))
        return self._kept[shape]

    def end(self) -> None:
        """Release everything; this backend keeps nothing longer than a level."""
        self.close()

    def close(self) -> None:
        """Release sessions and their memory."""
        self._kept, self._anchor = {}, None
        self._windows.close()


class OnnxEvaluator:
    """An objective bound to a backend and a size; see :class:`nst_core.backends.interface.Evaluator`."""

    def __init__(self, backend: OnnxBackend, objective: Objective, shape: Shape) -> None:
        self.backend = backend
        self.objective = objective
        self.shape = shape
        self._bound: tuple[Session, onnxruntime.IOBinding] | None = None
        self._bound_shape: Shape | None = None

    def __call__(self, picture: Array) -> Evaluation:
        """Return loss (), gradient (3, height, width) and terms (K,) at ``picture`` (3, height, width).

        Raises:
            NstError: ``out-of-memory``, or ``no-engine`` when ONNX Runtime fails.
        """
        size = (3, self.shape.height, self.shape.width)
        if picture.shape != size:
            raise ValueError(f"this evaluator is for pictures of {size}, not {picture.shape}")
        shape = self.shape_for(picture)
        if shape != self._bound_shape:
            self._bound, self._bound_shape = None, shape  # release the old session's memory first
        session = self.backend.session(shape)
        try:
            binding = self._binding(session, shape)
            binding.bind_cpu_input(INPUT, np.ascontiguousarray(picture[None], dtype=np.float32))
            session.runtime.run_with_iobinding(binding)
            results = binding.copy_outputs_to_cpu()
        except Exception as error:  # ONNX Runtime's own classes are not all public
            raise translate_failure(error, session, picture) from None
        if shape.packed:
            terms, flat = np.split(results[0], [len(self.objective.terms)])
            results = [np.sum(terms), flat.reshape(size), terms]
        loss, gradient, terms = results
        check_finite(session.device, terms, gradient)
        return Evaluation(np.asarray(loss), gradient, terms)

    def shape_for(self, picture: Array) -> Shape:
        """Return the shape to evaluate ``picture`` with: without rows if maxima may be equal.

        That is hardly ever so after the first picture of a run: the first step ends all repetition.
        """
        return _without_rows_where_it_repeats(self.shape, picture)

    def _binding(self, session: Session, shape: Shape) -> onnxruntime.IOBinding:
        """Bind the inputs that do not change between runs; copy them to the device once, if it can."""
        if self._bound is None or self._bound[0] is not session:
            binding = session.runtime.io_binding()
            for name, array in make_feeds(shape, self.objective).items():
                if session.device.kind in HOLDS_INPUTS:
                    index = session.device.index if session.device.kind == "cuda" else 0
                    value = onnxruntime.OrtValue.ortvalue_from_numpy(array, session.device.kind, index)
                    binding.bind_ortvalue_input(name, value)
                else:
                    binding.bind_cpu_input(name, array)
            for name in ("packed",) if shape.packed else OUTPUTS:
                binding.bind_output(name, "cpu")
            self._bound = session, binding
        return self._bound[1]


def _without_rows_where_it_repeats(shape: Shape, picture: Array) -> Shape:
    if shape.on_rows and shape.pooling == "max" and repeats(picture):
        return replace(shape, on_rows=False)
    return shape


def _configure(constants: Mapping[str, onnxruntime.OrtValue], options: onnxruntime.SessionOptions) -> None:
    """Keep memory between runs, which are many and alike, and pass ``constants`` without a copy.

    Both calls are needed: external initializers alone are copied into each session. Sums and gradient of
    windows of 352 pixels, process after both: 1.0 GB with copies, 0.6 GB without.

    Planned reuse keeps a buffer from its first use on the way forward to its last on the way back. Memory
    patterns keep what the first run took in addition to what they plan. Peak of the process at 1024 x 1024:
    2.6 GB with these options, 5.2 GB with reuse; without an arena 2.6 GB and a third slower.
    """
    options.add_external_initializers(list(constants), list(constants.values()))
    for name, value in constants.items():
        options.add_initializer(name, value)
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = False
    options.enable_mem_reuse = False


def _smallest_graph() -> Graph:
    """Return a graph that any provider can run."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "smallest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return Graph(model, {})
