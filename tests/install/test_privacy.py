"""The engine tells nobody that it ran: ONNX Runtime's own reporting is off and leaves no traces at home."""

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


def test_onnx_runtime_keeps_no_identifier_and_reports_nothing(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", SESSION], env=env, check=True, timeout=120)
    assert list(tmp_path.rglob("*")) == []
