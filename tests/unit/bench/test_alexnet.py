"""AlexNet in numpy against PyTorch, with random weights, and the archive that the real ones come from."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from nst_core.vgg.network import ConvWeights, Weights
from tests.bench.judge import alexnet
from tests.bench.judge.alexnet import (
    LAYERS,
    MEMBER,
    SMALLEST_SIDE,
    alexnet_features,
    load_alexnet,
    read_archive,
    write_weights,
)

SHAPES = ((64, 3, 11, 11), (192, 64, 5, 5), (384, 192, 3, 3), (256, 384, 3, 3), (256, 256, 3, 3))


@pytest.fixture(scope="module")
def random_weights() -> Weights:
    rng = np.random.default_rng(0)
    return {
        name: ConvWeights(
            (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32),
            rng.standard_normal(shape[0]).astype(np.float32) / 10,
        )
        for name, shape in zip(LAYERS, SHAPES, strict=True)
    }


def torch_features(pixels: np.ndarray, weights: Weights) -> dict[str, np.ndarray]:
    """torchvision's AlexNet, ``features[:12]``, in float64."""
    mean, deviation = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    values = (torch.from_numpy(pixels.astype(np.float64)) - torch.tensor(mean)) / torch.tensor(deviation)
    planes = values.permute(2, 0, 1)[None].double()
    features = {}
    for name, stride, padding in zip(LAYERS, (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), strict=True):
        kernel, bias = (torch.from_numpy(array).double() for array in weights[name])
        planes = functional.relu(functional.conv2d(planes, kernel, bias, stride, padding))
        features[name] = planes[0].numpy()
        if name in ("relu1", "relu2"):
            planes = functional.max_pool2d(planes, 3, 2)
    return features


@pytest.mark.parametrize(("height", "width"), [(SMALLEST_SIDE, 90), (80, 64)])
def test_features_are_those_of_pytorch(random_weights: Weights, height: int, width: int) -> None:
    pixels = np.random.default_rng(1).random((height, width, 3), dtype=np.float32)
    features, expected = alexnet_features(pixels, random_weights), torch_features(pixels, random_weights)
    assert list(features) == list(LAYERS)
    for name in LAYERS:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(features[name], expected[name], atol=1e-5 * scale)


def test_narrow_picture_is_refused(random_weights: Weights) -> None:
    with pytest.raises(ValueError, match="400 x 20 pixels is too narrow"):
        alexnet_features(np.zeros((20, 400, 3), np.float32), random_weights)


def test_weights_come_out_of_the_archive(tmp_path: Path, random_weights: Weights) -> None:
    tree = {
        f"Conv_{index}": {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}
        for index, (kernel, bias) in enumerate(random_weights.values())
    }
    data = pickle.dumps({"AlexNet_0": tree})
    archive = tmp_path / "archive.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo(MEMBER)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    read = read_archive(archive)
    for name in LAYERS:
        np.testing.assert_array_equal(read[name].kernel, random_weights[name].kernel)
        np.testing.assert_array_equal(read[name].bias, random_weights[name].bias)


def test_changed_weights_are_refused(
    tmp_path: Path, random_weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NST_TEST_CACHE", str(tmp_path))
    write_weights(random_weights, tmp_path / alexnet.FILE_NAME)
    with pytest.raises(ValueError, match="delete it and run again"):
        load_alexnet()
    monkeypatch.setattr(alexnet, "SHA256", alexnet.weights_hash(random_weights))
    assert list(load_alexnet()) == list(LAYERS)
