"""How many threads ONNX Runtime may use."""

from __future__ import annotations

import pytest

from nst_core.vgg.sessions import session_options, wanted_threads


@pytest.mark.parametrize(
    ("text", "threads"), [("1", 1), ("4,2", 4), (" 3 ", 3), ("", 0), ("many", 0), ("-1", 0)]
)
def test_omp_num_threads_is_heeded(text: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    assert wanted_threads() == threads
    assert session_options().intra_op_num_threads == threads


def test_all_cores_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert wanted_threads() == 0
