"""The paper's loss is the same for networks that differ only in the scale of their features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nst_core.loss.layer_losses import content_loss, style_loss
from nst_core.loss.objective import ContentTerm
from nst_core.painting.regions import PreparedImage
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective
from nst_core.settings import make_settings
from nst_core.vgg.export import export_model
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.network import NORMALISATIONS, ConvWeights, Network, Weights, load_network


@pytest.mark.parametrize(("name", "scale"), [("torchvision", 57.375), ("caffe", 1.0), ("caffe-rgb", 1.0)])
def test_scale_is_that_of_pictures_in_0_to_255(name: str, scale: float) -> None:
    assert NORMALISATIONS[name].paper_scale == pytest.approx(scale)


def losses(network: Network) -> list[float]:
    """Return the terms of the paper's loss with its defaults, for pictures of noise."""
    rng = np.random.default_rng(4)
    content, style, painted = rng.random((3, 3, 32, 48), dtype=np.float32)
    extractor = OnnxFeatures(network, device="cpu")
    subject = Subject(content=PreparedImage(content), styles=(PreparedImage(style),))
    objective = make_objective(extractor, subject, make_settings({"loss": "paper"}))
    features = extractor.features(painted, objective.layers)
    return [
        float(content_loss(features[term.layer], term.target, term.weight)[0])
        if isinstance(term, ContentTerm)
        else float(style_loss(features[term.layer], term.make_target(), term.weight)[0])
        for term in objective.layer_terms
    ]


def test_paper_loss_does_not_depend_on_the_scale_of_the_features(
    network19: Network, weights19: Weights, tmp_path: Path
) -> None:
    """VGG-19 as Caffe's and as torchvision's networks are normalised: 57.375 times smaller."""
    scaled = {
        name: ConvWeights(kernel, bias / np.float32(57.375)) for name, (kernel, bias) in weights19.items()
    }
    caffe = NORMALISATIONS["caffe"]
    mean = tuple(value / 255.0 for value in caffe.mean)
    small = replace(caffe, scale=1.0, mean=mean, std=(0.225, 0.225, 0.225))
    path = tmp_path / "small.onnx"
    model = export_model(scaled, "small", small, source="random numbers", licence="none")
    path.write_bytes(model.SerializeToString())
    np.testing.assert_allclose(losses(load_network(path, "small")), losses(network19), rtol=1e-3)
