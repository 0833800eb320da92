"""The ONNX Runtime backend: loss and gradient of an objective, without torch, on any execution provider.

Comes in: a network, an objective, numpy pictures. Goes out: numpy losses and gradients. The graph that
computes them is made by :mod:`nst_core.backends.onnx_gradient`; which device runs it is settled by
:mod:`nst_core.vgg.sessions`, the same way as for target features.

A session is made for one form of objective and one size of picture, and the backend keeps the last one. With
sizes known ONNX Runtime plans the memory ahead and keeps features in its convolutions' layout; when the
pyramid goes on to its next level, what the last level held is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import psutil
from onnx import TensorProto, helper

from nst_core.backends.interface import Evaluation, HostArray
from nst_core.backends.onnx_gradient import Form, feature_sizes, gradient_graph, window_orders
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.transfer.objective import ContentTerm, Objective
from nst_core.vgg.features import failure
from nst_core.vgg.graph import INPUT, IR_VERSION, OPSET
from nst_core.vgg.layers import check_layers
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import Session, find_device, open_session

OUTPUTS = ("loss", "gradient", "terms")


class OnnxBackend:
    """One network on one device of ONNX Runtime. See :class:`nst_core.backends.interface.Backend`.

    ``device`` is auto, cpu, cuda, cuda:1, directml, coreml, openvino, webgpu; ``on_notice`` hears of one that
    could not be used and for which the CPU steps in.
    """

    engine = "onnx"
    asynchronous = False
    bytes_per_pixel = 2600

    def __init__(
        self,
        network: Network,
        *,
        device: str = "auto",
        pooling: Literal["max", "average"] = "max",
        padding: Literal["zero", "edge"] = "edge",
        on_notice: Callable[[Notice], None] | None = None,
    ) -> None:
        self.network = network
        self.pooling: Literal["max", "average"] = pooling
        self.padding: Literal["zero", "edge"] = padding
        self.on_notice = on_notice or (lambda _notice: None)
        self.wanted = find_device(device)
        if self.wanted.kind != "cpu":
            # Whether a device can be used shows only when it is used; plans name it before a run begins.
            self.wanted = open_session(_smallest_model(), self.wanted, self.on_notice).device
        self._kept: tuple[tuple[Form, int, int], Session] | None = None

    @property
    def device(self) -> str:
        """The device in words, for people and reports."""
        return self.wanted.words

    def free_bytes(self) -> int:
        """Return the machine's free memory; of a GPU's, ONNX Runtime says nothing."""
        return int(psutil.virtual_memory().available) if self.wanted.kind == "cpu" else 2**63 - 1

    def upload(self, array: HostArray) -> HostArray:
        """Give ``array`` as contiguous float32; every provider takes its inputs from the host."""
        return np.array(array, dtype=np.float32, order="C")

    def download(self, array: HostArray) -> HostArray:
        """Give ``array`` back: it is on the host already."""
        return np.asarray(array, dtype=np.float32)

    def evaluator(self, objective: Objective, height: int, width: int) -> OnnxEvaluator:
        """Bind ``objective`` for pictures of ``height`` x ``width``, and open the session for it.

        Raises:
            NstError: ``unknown-layer``; ``too-small`` for a picture that a layer would shrink to nothing;
                ``bad-setting`` for an objective without terms; ``no-engine``.
        """
        check_layers(objective.layers, self.network.layers)
        if not objective.terms:
            raise NstError(
                ErrorCode.BAD_SETTING,
                "There is nothing to paint for: every weight is 0.",
                "Give the content or the style a weight.",
            )
        form = Form.of(objective)
        if not all(min(size) for size in feature_sizes(self.network, form, height, width)):
            raise NstError(
                ErrorCode.TOO_SMALL,
                f"A picture of {width} x {height} pixels is too small for the layers of this loss.",
                "Use a larger picture, or layers that are less deep.",
            )
        evaluator = OnnxEvaluator(self, objective, form, height, width)
        self.session(form, height, width)
        return evaluator

    def session(self, form: Form, height: int, width: int) -> Session:
        """Return the session for ``form`` and a size, opening it where it is not the one that is kept."""
        key = (form, height, width)
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # first let go of the old one's memory
            model = gradient_graph(self.network, form, height, width, self.pooling, self.padding)
            session = open_session(model, self.wanted, self.on_notice, _configure)
            self.wanted = session.device
            self._kept = key, session
        return self._kept[1]

    def close(self) -> None:
        """Let go of the session and its memory."""
        self._kept = None


class OnnxEvaluator:
    """An objective bound to a backend and a size; see :class:`nst_core.backends.interface.Evaluator`."""

    def __init__(
        self, backend: OnnxBackend, objective: Objective, form: Form, height: int, width: int
    ) -> None:
        self.backend = backend
        self.form = form
        self.shape = (3, height, width)
        self.feeds = make_feeds(backend, objective, form, height, width)
        self._bound: tuple[Session, onnxruntime.IOBinding] | None = None

    def __call__(self, picture: HostArray) -> Evaluation:
        """Return loss (), gradient (3, height, width) and terms (K,) at ``picture`` (3, height, width).

        Raises:
            NstError: ``out-of-memory``, or ``no-engine`` when ONNX Runtime fails.
        """
        if picture.shape != self.shape:
            raise ValueError(f"this evaluator is for pictures of {self.shape}, not {picture.shape}")
        session = self.backend.session(self.form, *self.shape[1:])
        try:
            binding = self._binding(session)
            binding.bind_cpu_input(INPUT, np.ascontiguousarray(picture[None], dtype=np.float32))
            session.runtime.run_with_iobinding(binding)
            loss, gradient, terms = binding.copy_outputs_to_cpu()
        except Exception as error:  # ONNX Runtime's own classes are not all public
            raise failure(error, session, picture) from None
        return Evaluation(np.asarray(loss), gradient, terms)

    def _binding(self, session: Session) -> onnxruntime.IOBinding:
        """Bind what stays the same from run to run; on CUDA it is copied to the device once."""
        if self._bound is None or self._bound[0] is not session:
            binding = session.runtime.io_binding()
            for name, array in self.feeds.items():
                if session.device.kind == "cuda":
                    value = onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", session.device.index)
                    binding.bind_ortvalue_input(name, value)
                else:
                    binding.bind_cpu_input(name, array)
            for name in OUTPUTS:
                binding.bind_output(name, "cpu")
            self._bound = session, binding
        return self._bound[1]


def make_feeds(
    backend: OnnxBackend, objective: Objective, form: Form, height: int, width: int
) -> dict[str, HostArray]:
    """Return every input of the graph but the picture, by name."""
    feeds: dict[str, HostArray] = {}

    def feed(name: str, values: object) -> None:
        feeds[name] = np.array(values, dtype=np.float32, order="C", copy=None)

    for index, term in enumerate(objective.terms):
        feed(f"weight.{index}", term.weight)
    for index, layer_term in enumerate(objective.layer_terms):
        is_content = isinstance(layer_term, ContentTerm)
        feed(f"target.{index}", layer_term.target[None] if is_content else layer_term.target)
        mask = layer_term.mask if isinstance(layer_term, ContentTerm) else layer_term.guide
        if mask is not None:
            feed(f"mask.{index}", mask)
    if backend.pooling == "max":
        feeds.update(window_orders(backend.network, form, height, width))
    return feeds


def _configure(options: onnxruntime.SessionOptions) -> None:
    """Keep memory between runs, which are many and all alike, and plan it ahead."""
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = True


def _smallest_model() -> onnx.ModelProto:
    """Make a model that any provider runs."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "smallest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
