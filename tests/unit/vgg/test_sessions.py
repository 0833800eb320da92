"""Threads of ONNX Runtime sessions, and errors when one cannot be opened."""

from __future__ import annotations

import onnxruntime
import pytest

from nst_core.backends.onnx_runtime.backend import _smallest_graph
from nst_core.errors import ErrorCode, NstError
from nst_core.system.resource_errors import is_out_of_memory
from nst_core.vgg.sessions import find_device, open_session, session_options


def test_sessions_have_the_threads_that_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert session_options().intra_op_num_threads == 3


@pytest.mark.parametrize(
    ("message", "code"),
    [("std::bad_alloc", ErrorCode.OUT_OF_MEMORY), ("Failed to load model", ErrorCode.NO_ENGINE)],
)
def test_out_of_memory_on_opening_differs_from_a_broken_engine(
    message: str, code: ErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException(message)

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(NstError) as caught:
        open_session(_smallest_graph(), find_device("cpu"))
    assert caught.value.code is code
    assert is_out_of_memory(caught.value) == (code is ErrorCode.OUT_OF_MEMORY)
