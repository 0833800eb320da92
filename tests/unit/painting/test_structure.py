"""The setting structure in objectives and in small paintings."""

from __future__ import annotations

import numpy as np
import pytest

from nst_core.api import stylize
from nst_core.backends.onnx_runtime.backend import OnnxBackend
from nst_core.backends.pytorch.backend import TorchBackend
from nst_core.loss.objective import Structure
from nst_core.loss.priors import prior_loss
from nst_core.loss.structure import make_structure
from nst_core.painting.fine_style_size import fine_style_settings
from nst_core.painting.regions import StyleRegion
from nst_core.painting.subject import Subject
from nst_core.painting.targets import make_objective, priors
from nst_core.settings import Settings, make_settings
from nst_core.vgg.features import OnnxFeatures
from tests.unit.painting.test_regions import halves, objective_of_regions
from tests.unit.painting.test_targets import image, objective_of

RNG = np.random.default_rng(41)


def structures(objective):
    return [prior for prior in objective.priors if isinstance(prior, Structure)]


def test_structure_0_leaves_the_priors_as_they_are():
    content = image()
    assert priors(Settings(), None, content) == priors(Settings())
    kept = priors(Settings(structure=40), None, content)
    assert kept[: len(priors(Settings()))] == priors(Settings())
    assert [prior.name for prior in kept[-2:]] == ["structure 2", "structure 4"]


def test_structure_grows_with_the_setting():
    content, flat = image(), np.full((3, 48, 64), 0.5)
    values = []
    for setting in (1, 25, 50, 75, 100):
        terms = structures(objective_of(content, [image()], Settings(structure=setting)))
        values.append(sum(float(prior_loss(term, flat)[0]) for term in terms))
    assert values == sorted(values)
    assert values[0] > 0
    assert values[-1] > 3 * values[2] > 9 * values[1]


def test_only_a_relative_loss_with_a_content_has_structure():
    settings = Settings(structure=40)
    assert structures(objective_of(image(), [image()], settings))
    assert not structures(objective_of(None, [image()], settings))
    paper = make_settings({"structure": 40, "loss": "paper"})
    assert not structures(objective_of(image(), [image()], paper))
    assert fine_style_settings(settings).structure == 0


def test_structure_counts_where_the_content_is_visible_and_covered():
    left, right = halves()
    upper = np.ones((48, 64), np.float32)
    upper[24:] = 0.0
    content = image(alpha=upper)
    objective = objective_of_regions(content, [StyleRegion((image(),), left)], Settings(structure=40))
    for prior in structures(objective):
        rows, columns = prior.mask.shape
        assert (prior.mask[: rows // 2, : columns // 2] > 0).all()
        assert not prior.mask[rows // 2 :].any()
        assert not prior.mask[:, columns // 2 :].any()
    both = [StyleRegion((image(),), left), StyleRegion((image(),), right)]
    whole = structures(objective_of_regions(content, both, Settings(structure=40)))
    plain = structures(objective_of(content, [image()], Settings(structure=40)))
    for a, b in zip(whole, plain, strict=True):
        np.testing.assert_allclose(a.mask, b.mask)
        assert a.weight == pytest.approx(b.weight)


def test_strength_mask_does_not_change_the_structure():
    content, settings = image(), Settings(structure=40)
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (48, 1))
    plain, masked = (
        objective_of(content, [image()], settings),
        objective_of(content, [], settings, strength=ramp),
    )
    for a, b in zip(structures(plain), structures(masked), strict=True):
        np.testing.assert_array_equal(a.mask, b.mask)
        assert a.weight == b.weight


def test_a_tiny_content_has_the_cells_that_fit():
    assert not structures(objective_of(image(48, 64), [image()], Settings()))
    kept = priors(Settings(structure=40), None, image(3, 50))
    assert [prior.name for prior in kept[-1:]] == ["structure 2"]
    assert not [p for p in priors(Settings(structure=40), None, image(1, 50)) if isinstance(p, Structure)]


def test_backends_agree_on_structure_in_a_region(models):
    network = models.resolve("vgg16")
    extractor = OnnxFeatures(network, "cpu", "max", "edge")
    left, _ = halves(45, 62)
    subject = Subject(
        content=image(45, 62, alpha=RNG.uniform(size=(45, 62)).astype(np.float32)),
        styles=(),
        regions=(StyleRegion((image(),), left),),
    )
    settings = make_settings(
        {"structure": 70, "style_layers": "relu1_1,relu2_1", "content_layers": "relu2_1"}
    )
    objective = make_objective(extractor, subject, settings)
    at, evaluations = image(45, 62).pixels, []
    for kind in (TorchBackend, OnnxBackend):
        backend = kind(network, device="cpu")
        evaluation = backend.evaluator(objective, 45, 62)(backend.upload(at))
        evaluations.append([backend.download(array) for array in (evaluation.terms, evaluation.gradient)])
        backend.close()
    np.testing.assert_allclose(evaluations[0][0], evaluations[1][0], rtol=1e-4)
    length = np.linalg.norm(evaluations[0][1])
    assert np.linalg.norm(evaluations[0][1] - evaluations[1][1]) < 1e-3 * length


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "keep_colors"), [("lbfgs", "none"), ("adam", "luminance")])
def test_structure_keeps_the_edges_of_the_photo(models, monkeypatch, rates_folder, optimizer, keep_colors):
    monkeypatch.setenv("NST_MODELS", str(models.root))
    monkeypatch.setenv("NST_CACHE", str(rates_folder))
    content = np.full((48, 60, 3), 0.3, np.float32)
    content[10:30, 15:40] = (0.8, 0.7, 0.6)
    content[40, ::2] = 1.0
    style = RNG.uniform(size=(12, 12, 3)).astype(np.float32).repeat(5, axis=0).repeat(5, axis=1)
    edges, errors = make_structure(content.transpose(2, 0, 1), None, 1.0, 1), []
    for structure in (0, 60):
        settings = {
            "structure": structure,
            "optimizer": optimizer,
            "keep_colors": keep_colors,
            "iterations": 10,
            "engine": "onnx",
            "device": "cpu",
        }
        painted = stylize(content, style, settings).pixels.transpose(2, 0, 1)
        errors.append(float(prior_loss(edges, painted)[0]))
    assert errors[0] > 1.5 * errors[1]
