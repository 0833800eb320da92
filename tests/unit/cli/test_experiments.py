"""``nst reconstruct``, ``nst texture`` and ``nst evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.metadata import read_metadata
from nst_core.images.read import read_picture
from nst_core.settings import Settings
from nst_core.vgg.features import OnnxFeatures
from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import QUICK, Nst


def pixels(path: str) -> np.ndarray:
    return read_picture(path).pixels


def likeness(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.mark.slow
def test_shallow_layer_reconstructs_better_than_deep_layer(nst: Nst, workdir: Path) -> None:
    for layer, iterations in (("conv1_1", 60), ("conv4_1", 60)):
        arguments = ("--layer", layer, "--iterations", iterations, "-o", f"{layer}.png")
        assert nst("reconstruct", "photo.png", *arguments).code == 0
    original = pixels("photo.png")
    shallow, deep = likeness(pixels("conv1_1.png"), original), likeness(pixels("conv4_1.png"), original)
    assert shallow > 0.97
    assert 0.2 < deep < shallow


def test_reconstruct_has_its_own_defaults_and_shows_them(nst: Nst, workdir: Path) -> None:
    assert nst("reconstruct", "photo.png", "--layer", "pool2", "--iterations", 2).code == 0
    stored = json.loads(read_metadata("photo-pool2.png")["settings"])
    assert (stored["init"], stored["coarsest"], stored["content_layers"]) == ("noise", 0, "pool2")
    assert stored["tv"] > 0 < stored["alpha_norm"]
    help_text = " ".join(nst("reconstruct", "--help-all").out.split())
    assert f"default: {stored['tv']:g}]" in help_text
    assert "--strength" not in help_text


@pytest.mark.slow
def test_texture_has_the_style_and_the_size(nst: Nst, workdir: Path) -> None:
    arguments = ("--layers", "relu1_1,relu2_1", "--texture-size", "64x40", "--coarsest", 0)
    assert nst("texture", "painting.png", *arguments, "--iterations", 1, "-o", "noise.png").code == 0
    assert nst("texture", "painting.png", *arguments, "--iterations", 60, "-o", "texture.png").code == 0
    assert pixels("texture.png").shape == (40, 64, 3)
    assert read_metadata("texture.png")["texture_size"] == "64x40"
    style = ("--style-layers", "relu1_1,relu2_1")
    losses = [
        nst("evaluate", name, "photo.png", "painting.png", *style).json["relative"]["style"]
        for name in ("noise.png", "texture.png")
    ]
    assert losses[1] < 0.1 * losses[0]


def test_texture_of_the_first_layer_is_fine_grain(nst: Nst, workdir: Path) -> None:
    dots = np.random.default_rng(3).integers(0, 255, (48, 48, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    Image.fromarray(dots).save("dots.png")
    arguments = ("--layers", "conv1_1", "--texture-size", "96x96", "--coarsest", 0, "--iterations", 30)
    assert nst("texture", "dots.png", *arguments, "-o", "grain.png").code == 0
    grain = pixels("grain.png").astype(float)
    cells = grain.reshape(3, 32, 3, 32, 3).mean(axis=(1, 3))
    assert cells.std(axis=(0, 1)).max() < 0.12 * grain.std(axis=(0, 1)).max()  # no soft clouds


def test_texture_can_be_repeated(nst: Nst, workdir: Path) -> None:
    arguments = ("--texture-size", "48x32", "--iterations", 3, "--seed", 3)
    assert nst("texture", "painting.png", *arguments, "-o", "a.png").code == 0
    assert nst("texture", "painting.png", "--settings", "a.png", "-o", "b.png").code == 0
    assert np.array_equal(pixels("a.png"), pixels("b.png"))


@pytest.mark.slow
def test_content_and_style_have_no_loss_against_themselves(nst: Nst, workdir: Path) -> None:
    content = nst("evaluate", "photo.png", "photo.png", "painting.png").json
    style = nst("evaluate", "painting.png", "photo.png", "painting.png").json
    for loss in ("relative", "paper"):
        assert content[loss]["content"] == pytest.approx(0.0, abs=1e-6)
        assert content[loss]["style"] > 1e-3
        assert style[loss]["style"] == pytest.approx(0.0, abs=1e-4)
        assert style[loss]["content"] > 1e-3
        assert content[loss]["total"] == pytest.approx(sum(content[loss]["terms"].values()))


@pytest.mark.slow
def test_evaluate_gives_the_loss_of_the_painting(nst: Nst, workdir: Path) -> None:
    arguments = ("photo.png", "painting.png", "--strength", 30)
    done = nst("stylize", *arguments, "-o", "out.tif", "--json", "--iterations", 20).events[-1]
    losses = nst("evaluate", "out.tif", *arguments).json["relative"]
    assert losses["total"] == pytest.approx(done["loss"], rel=0.03)  # 8 bits, clipped
    other = nst("evaluate", "out.tif", "photo.png", "painting.png", "--strength", 90).json["relative"]
    assert other["content"] == pytest.approx(losses["content"])
    assert other["style"] == pytest.approx(losses["style"])
    assert other["total"] != pytest.approx(losses["total"], rel=0.01)


@pytest.mark.slow
def test_alpha_and_beta_weight_the_loss_of_the_paper(nst: Nst, workdir: Path) -> None:
    assert nst("stylize", "photo.png", "painting.png", "-o", "out.png", *QUICK).code == 0
    arguments = ("out.png", "photo.png", "painting.png", "--alpha", "3", "--beta")
    weighted, without_style = (nst("evaluate", *arguments, beta).json["paper"] for beta in ("5", "0"))
    assert weighted["total"] == pytest.approx(3 * weighted["content"] + 5 * weighted["style"], rel=1e-6)
    assert without_style["style"] == pytest.approx(weighted["style"])
    assert without_style["total"] == pytest.approx(3 * weighted["content"], rel=1e-6)


@pytest.mark.slow
def test_loss_of_the_paper_is_its_equations(nst: Nst, workdir: Path, models: ModelStore) -> None:
    """Equations 1, 4 and 5 in float64, with the features that pictures in 0..255 have."""
    for name in ("wide.png", "style.png"):  # the equations have one number of positions
        Image.open("painting.png").rotate(len(name)).resize((72, 48)).save(name)
    losses = nst("evaluate", "wide.png", "photo.png", "style.png").json["paper"]
    usual, network = Settings(), models.resolve("vgg16")
    extractor = OnnxFeatures(network, pooling=usual.pooling, padding=usual.padding)
    layers = ["relu4_2", *(f"relu{block}_1" for block in range(1, 6))]
    wide, photo, style = (
        {
            layer: planes.reshape(len(planes), -1).astype(np.float64) * 57.375
            for layer, planes in extractor.features(rows.transpose(2, 0, 1), layers).items()
        }
        for rows in map(pixels, ("wide.png", "photo.png", "style.png"))
    )
    difference = wide["relu4_2"] - photo["relu4_2"]
    assert losses["content"] == pytest.approx(0.5 * np.square(difference).sum(), rel=1e-3)
    total = 0.0
    for layer in layers[1:]:
        n, m = wide[layer].shape
        gram, target = (features[layer] @ features[layer].T for features in (wide, style))
        total += np.square(gram - target).sum() / (4 * n**2 * m**2) / 5
    assert losses["style"] == pytest.approx(total, rel=1e-3)
    assert losses["total"] == pytest.approx(losses["content"] + 1000 * losses["style"], rel=1e-6)
