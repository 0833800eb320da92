"""The ONNX Runtime backend as others use it: sessions, devices, notices, errors, and no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest

from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.errors import ErrorCode, NstError
from nst_core.loss.objective import ContentTerm, Objective, RangePenalty, StyleTerm
from nst_core.optim.lbfgs import Lbfgs
from nst_core.vgg.features import OnnxFeatures


@pytest.fixture(scope="module")
def network(models):
    return models.resolve("vgg16")


def objective_at(network, height, width, weight=1.0):
    random = np.random.default_rng(0)
    features = OnnxFeatures(network, "cpu", padding="edge").features(
        random.uniform(size=(3, height, width)).astype(np.float32), ["relu2_1", "relu2_2"]
    )
    flat = features["relu2_1"].reshape(128, -1)
    return Objective(
        (ContentTerm("relu2_2", weight / features["relu2_2"].size, features["relu2_2"]),),
        (StyleTerm("relu2_1", 1e-2, flat @ flat.T / flat.shape[1]),),
    )


def grey(height, width):
    return np.full((3, height, width), 0.5, dtype=np.float32)


def test_target_features_and_the_graph_see_the_same_network(network):
    """The loss is 0 at the picture whose features are the targets."""
    random = np.random.default_rng(0)
    at = random.uniform(size=(3, 24, 32)).astype(np.float32)
    evaluation = OnnxBackend(network, device="cpu").evaluator(objective_at(network, 24, 32), 24, 32)(
        random.permuted(at)
    )
    assert float(evaluation.loss) > 1e-2
    same = np.random.default_rng(0).uniform(size=(3, 24, 32)).astype(np.float32)
    evaluation = OnnxBackend(network, device="cpu").evaluator(objective_at(network, 24, 32), 24, 32)(same)
    assert float(evaluation.loss) < 1e-9


def test_an_optimizer_lowers_the_loss(network):
    backend = OnnxBackend(network, device="cpu")
    evaluator = backend.evaluator(objective_at(network, 24, 32), 24, 32)

    def evaluate(picture):
        evaluation = evaluator(picture)
        return evaluation.loss, evaluation.gradient

    optimizer = Lbfgs(evaluate, backend.upload(grey(24, 32)))
    first, gradient = float(optimizer.loss), optimizer.gradient.copy()
    first_gradient = optimizer.gradient
    for _ in range(15):
        optimizer.iterate()
    assert float(optimizer.loss) < 0.3 * first
    np.testing.assert_array_equal(first_gradient, gradient)  # later runs do not write into earlier results


def test_same_picture_gives_same_numbers(network):
    evaluator = OnnxBackend(network, device="cpu").evaluator(objective_at(network, 24, 32), 24, 32)
    first, second = evaluator(grey(24, 32)), evaluator(grey(24, 32))
    assert float(first.loss) == float(second.loss)
    np.testing.assert_array_equal(first.gradient, second.gradient)


def test_new_weights_and_targets_need_no_new_session(network, monkeypatch):
    backend = OnnxBackend(network, device="cpu")
    objectives = [objective_at(network, 24, 32, weight) for weight in (1.0, 3.0)]
    opened = []
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *args, **kw: opened.append(1) or real(*args, **kw)
    )
    light = backend.evaluator(objectives[0], 24, 32)(grey(24, 32))
    heavy = backend.evaluator(objectives[1], 24, 32)(grey(24, 32))
    assert len(opened) == 1
    assert float(heavy.terms[0]) == pytest.approx(3 * float(light.terms[0]), rel=1e-6)
    assert float(heavy.terms[1]) == pytest.approx(float(light.terms[1]), rel=1e-6)


def test_an_evaluator_works_after_the_session_of_another_size(network):
    backend = OnnxBackend(network, device="cpu")
    small = backend.evaluator(objective_at(network, 16, 16), 16, 16)
    before = small(grey(16, 16))
    backend.evaluator(objective_at(network, 24, 32), 24, 32)(grey(24, 32))
    after = small(grey(16, 16))
    np.testing.assert_array_equal(before.gradient, after.gradient)


def test_picture_of_another_size_is_refused(network):
    evaluator = OnnxBackend(network, device="cpu").evaluator(objective_at(network, 24, 32), 24, 32)
    with pytest.raises(ValueError, match="24"):
        evaluator(grey(32, 24))


def test_impossible_objectives_raise_errors_with_codes(network):
    backend = OnnxBackend(network, device="cpu")
    deep = Objective((ContentTerm("relu5_1", 1.0, np.zeros((512, 0, 1), np.float32)),))
    for objective, code in (
        (Objective(), ErrorCode.BAD_SETTING),
        (deep, ErrorCode.TOO_SMALL),
        (Objective((ContentTerm("relu9_1", 1.0, np.zeros((1, 1, 1), np.float32)),)), ErrorCode.UNKNOWN_LAYER),
    ):
        with pytest.raises(NstError) as caught:
            backend.evaluator(objective, 15, 16)
        assert caught.value.code is code


@pytest.mark.parametrize("device", ["cuda:1", "directml", "coreml", "openvino"])
def test_cpu_replaces_a_missing_device_with_a_notice(network, device):
    notices = []
    backend = OnnxBackend(network, device=device, on_notice=notices.append)
    assert [notice.code for notice in notices] == ["no-device"]
    assert device.partition(":")[0] in notices[0].message
    assert backend.device == "CPU"
    evaluator = backend.evaluator(Objective(priors=(RangePenalty(1.0),)), 16, 16)
    assert float(evaluator(grey(16, 16)).loss) == 0.0
    assert len(notices) == 1


def test_unknown_device_is_refused(network):
    with pytest.raises(NstError) as caught:
        OnnxBackend(network, device="gpu")
    assert caught.value.code is ErrorCode.NO_DEVICE


def test_torch_is_never_imported(network):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from nst_core.backends.onnx_runtime.backend import OnnxBackend\n"
        "from nst_core.loss.objective import Objective, StyleTerm\n"
        "from nst_core.vgg.network import load_network\n"
        f"backend = OnnxBackend(load_network(Path({str(network.path)!r}), 'vgg16'))\n"
        "objective = Objective(style=(StyleTerm('relu1_1', 1.0, np.zeros((64, 64), np.float32)),))\n"
        "print(float(backend.evaluator(objective, 16, 16)(np.ones((3, 16, 16), np.float32)).loss) > 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "True", ran.stderr
