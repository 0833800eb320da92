"""How many threads ONNX Runtime may use, and what is said where it finds no memory."""

from __future__ import annotations

import onnxruntime
import pytest

from nst_core.backends.onnx_runtime.backend import _smallest_model
from nst_core.errors import ErrorCode, NstError, is_out_of_memory
from nst_core.vgg.sessions import find_device, open_session, session_options, thread_count


@pytest.mark.parametrize(
    ("text", "threads"), [("1", 1), ("4,2", 4), (" 3 ", 3), ("", 0), ("many", 0), ("-1", 0)]
)
def test_omp_num_threads_is_heeded(text: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert thread_count() == threads
    assert session_options().intra_op_num_threads == threads


def test_all_cores_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert thread_count() == 0


@pytest.mark.parametrize(
    ("said", "code"),
    [("std::bad_alloc", ErrorCode.OUT_OF_MEMORY), ("Failed to load model", ErrorCode.NO_ENGINE)],
)
def test_too_little_memory_to_open_a_network_is_no_broken_engine(
    said: str, code: ErrorCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_given: object, **_named: object) -> None:
        raise onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException(said)

    monkeypatch.setattr(onnxruntime, "InferenceSession", refused)
    with pytest.raises(NstError) as caught:
        open_session(_smallest_model(), find_device("cpu"))
    assert caught.value.code is code
    assert is_out_of_memory(caught.value) == (code is ErrorCode.OUT_OF_MEMORY)
