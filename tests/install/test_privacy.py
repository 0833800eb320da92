"""The engine tells nobody that it ran, and nothing of it stays at home that uninstalling forgets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.install.checkout import REPOSITORY

SESSION = """
import nst_core.vgg.sessions
import onnx, onnxruntime
from onnx import TensorProto, helper
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
"""

CURVES = """
from nst_core.events import Progress
from nst_core.pages.run_report import curves
curves([Progress(1, 1, iteration, 3, 1.0, 1.0 / iteration, 1.0) for iteration in (1, 2, 3)])
"""


def test_onnx_runtime_keeps_no_identifier_and_reports_nothing(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", SESSION], env=env, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []


def test_the_curves_of_a_report_leave_nothing_but_a_cache_that_goes_with_the_engine(tmp_path: Path) -> None:
    """matplotlib keeps a list of the system's fonts at home unless it is told where."""
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", CURVES], env=env, check=True, timeout=120)
    assert [path.name for path in (tmp_path / ".cache").iterdir()] == ["nst"]
