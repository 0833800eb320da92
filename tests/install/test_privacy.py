"""The engine reports nothing to anybody, and leaves no files that uninstalling does not remove."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.install.checkout import PATIENCE, REPOSITORY

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
from nst_core.pages.run_report import draw_loss_curves
steps = [
    Progress(
        level=1, levels=1, iteration=iteration, iterations=3, fraction=1.0, loss=1.0 / iteration, seconds=1.0
    )
    for iteration in (1, 2, 3)
]
draw_loss_curves(steps)
"""


def test_onnx_runtime_stores_no_identifier(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", SESSION], env=env, check=True, timeout=PATIENCE)
    assert list(tmp_path.rglob("*")) == []


def test_report_curves_leave_only_the_cache_of_the_engine(tmp_path: Path) -> None:
    """By default, matplotlib keeps a list of the system's fonts in the home folder."""
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-c", CURVES], env=env, check=True, timeout=PATIENCE)
    assert [path.name for path in (tmp_path / ".cache").iterdir()] == ["nst"]
