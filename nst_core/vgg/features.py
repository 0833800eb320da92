"""Features of a picture at the layers of a VGG, computed with ONNX Runtime.

Takes a network, a device and pictures, and returns features as numpy arrays. Does not know their use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from nst_core.array_types import Array
from nst_core.errors import DeviceError, ErrorCode, NstError, first_line
from nst_core.events import Notice, OnNotice
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.graph import INPUT, Padding, Pooling, forward_graph
from nst_core.vgg.layers import LAYERS, check_known_layers
from nst_core.vgg.network import Network
from nst_core.vgg.sessions import Device, Session, find_device, open_session, run_options

MAX_SESSIONS = 3
"""Number of layer sets with an open session, each with its own working memory: a run uses the style layers,
the content layers, and both."""

SMALL_PICTURE = 512 * 512
"""Pixels for which a device must have the memory; if it has not, the processor computes."""


class OnnxFeatures:
    """Computes features; a :class:`nst_core.backends.interface.FeatureExtractor`.

    ``device`` is auto, cpu, cuda, cuda:N, directml, coreml or webgpu. After the first computation,
    ``device_words`` names the device that was used. ``on_notice`` receives a notice if a device could not be
    used, or failed: then the processor takes its place.
    """

    def __init__(
        self,
        network: Network,
        device: str = "auto",
        pooling: Pooling = "max",
        padding: Padding = "zero",
        on_notice: OnNotice = lambda _notice: None,
    ) -> None:
        self.network = network
        self.device = find_device(device)
        self.pooling: Pooling = pooling
        self.padding: Padding = padding
        self.on_notice = on_notice
        self.sessions: OrderedDict[tuple[str, ...], Session] = OrderedDict()

    @property
    def layers(self) -> Sequence[str]:
        """The names of all layers of the network, in order."""
        return self.network.layers

    @property
    def paper_scale(self) -> float:
        """The factor from the features to those of the paper."""
        return self.network.normalisation.paper_scale

    @property
    def device_words(self) -> str:
        """The name of the device for people and reports."""
        return self.device.words

    def features(self, picture: Array, layers: Sequence[str]) -> Mapping[str, Array]:
        """Compute the features (channels, height, width) of ``picture`` at each of ``layers``.

        ``picture`` is RGB in 0..1, (3, height, width) float32.

        Raises:
            NstError: ``unknown-layer``; ``too-small`` if a layer would shrink the picture to nothing;
                ``out-of-memory``; ``no-engine`` if ONNX Runtime fails.
        """
        check_known_layers(layers, self.network.layers)
        if not layers:
            return {}
        self.check_picture(picture, layers)
        names = tuple(dict.fromkeys(layers))
        try:
            values = self._run(picture, names)
        except DeviceError as failure:
            self._use_cpu(failure)
            values = self._run(picture, names)
        except NstError as error:
            small = picture.shape[1] * picture.shape[2] <= SMALL_PICTURE
            if error.code is not ErrorCode.OUT_OF_MEMORY or self.device.kind == "cpu" or not small:
                raise
            self._use_cpu(error)
            values = self._run(picture, names)
        return {name: value[0] for name, value in zip(names, values, strict=True)}

    def _run(self, picture: Array, names: Sequence[str]) -> list[Array]:
        session = self.session(names)
        try:
            values: list[Array] = session.runtime.run(
                list(names),
                {INPUT: np.ascontiguousarray(picture[None], dtype=np.float32)},
                run_options(session.device),
            )
        except Exception as error:  # not all exception classes of ONNX Runtime are public
            raise translate_failure(error, session, picture) from None
        check_finite(session.device, *values)
        return values

    def _use_cpu(self, failure: NstError) -> None:
        """Compute on the processor from now on."""
        self.sessions.clear()
        self.on_notice(cpu_notice(failure))
        self.device = Device("cpu")

    def check_picture(self, picture: Array, layers: Sequence[str]) -> None:
        """Check that the network can process a picture of this shape.

        Raises:
            NstError: ``too-small``.
        """
        if picture.ndim != 3 or picture.shape[0] != 3:
            raise ValueError(f"a picture must be (3, height, width), not {picture.shape}")
        table = {layer.name: layer for layer in LAYERS[self.network.architecture]}
        deepest = max((table[name] for name in layers), key=lambda layer: layer.stride)
        _, height, width = picture.shape
        if min(height, width) < deepest.stride:
            raise NstError(
                ErrorCode.TOO_SMALL,
                f"A picture of {width} x {height} pixels is too small for {deepest.name}, "
                f"which needs {deepest.stride} x {deepest.stride}.",
                "Use a larger picture, or less deep layers.",
            )

    def session(self, layers: Sequence[str]) -> Session:
        """Return the session for a set of layers, and open it if necessary."""
        key = tuple(name for name in self.network.layers if name in set(layers))
        if key in self.sessions:
            self.sessions.move_to_end(key)
            return self.sessions[key]
        graph = forward_graph(self.network, key, self.pooling, self.padding)
        session = open_session(graph, self.device, self.on_notice)
        self.device = session.device  # after a fallback to the CPU, it is reported only once
        self.sessions[key] = session
        if len(self.sessions) > MAX_SESSIONS:
            self.sessions.popitem(last=False)
        return session

    def close(self) -> None:
        """Close the sessions and free their memory."""
        self.sessions.clear()


def translate_failure(error: Exception, session: Session, picture: Array) -> NstError:
    """Return the error for people for an exception of ONNX Runtime."""
    _, height, width = picture.shape
    if is_out_of_memory(error):
        return NstError(
            ErrorCode.OUT_OF_MEMORY,
            f"{session.device.words} does not have enough memory for a picture of {width} x {height} pixels.",
            "Use a smaller size, or tiles.",
        )
    message = f"ONNX Runtime failed on {session.device.words}: {first_line(error)}."
    if session.device.kind == "cpu":
        return NstError(ErrorCode.NO_ENGINE, message)
    return DeviceError(message)


def check_finite(device: Device, *results: Array) -> None:
    """Check that a device other than the processor returned numbers. Drivers have been seen to fail silently.

    Raises:
        DeviceError: a result is infinite or not a number.
    """
    if device.kind != "cpu" and not all(np.isfinite(result).all() for result in results):
        raise DeviceError(f"The device {device.words} returned values that are not numbers.")


def cpu_notice(failure: NstError) -> Notice:
    """Return the notice that the processor takes the place of a device because of ``failure``."""
    return Notice(
        "device-failed", f"{failure.message} The processor goes on from there, more slowly.", failure.hint
    )
