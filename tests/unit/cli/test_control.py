"""Regions, masks, strength masks and fine styles on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.metadata import read_metadata
from tests.unit.cli.conftest import QUICK, Nst, assert_refused, waves


def mask(path: str, box: tuple[int, int, int, int], size: tuple[int, int] = (72, 48)) -> None:
    """Write a black picture with a white box: left, top, right, bottom."""
    picture = Image.new("L", size, 0)
    picture.paste(255, box)
    picture.save(path)


def bytes_of(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_regions_are_painted_and_the_rest_stays_identical(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("right.png", (48, 0, 72, 48))
    mask("half.png", (0, 0, 48, 32), (48, 64))
    waves(64, 64, 9).save("other.png")
    outcome = nst(
        "stylize", "photo.png", "--region", "left.png", "painting.png", "--region-from", "right.png",
        "other.png", "half.png", "-o", "out.png", *QUICK,
    )  # fmt: skip
    # The mask has another aspect ratio than the style: refused before anything is painted.
    assert_refused(outcome, "The mask half.png", "aspect ratio")
    mask("half.png", (0, 0, 64, 32), (64, 64))
    outcome = nst(
        "stylize", "photo.png", "--region", "left.png", "painting.png", "--region-from", "right.png",
        "other.png", "half.png", "-o", "out.png", *QUICK,
    )  # fmt: skip
    assert outcome.code == 0, outcome
    before, after = bytes_of("photo.png"), bytes_of("out.png")
    assert np.array_equal(before[:, 24:48], after[:, 24:48])
    assert (before[:, :24] != after[:, :24]).any(axis=2).mean() > 0.5
    assert (before[:, 48:] != after[:, 48:]).any(axis=2).mean() > 0.5
    recorded = json.loads(read_metadata("out.png")["control"])
    assert recorded["regions"] == [
        ["left.png", "painting.png", 1.0, ""],
        ["right.png", "other.png", 1.0, "half.png"],
    ]


def test_mask_limits_regions_and_background_style(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("top.png", (0, 0, 72, 32))
    arguments = ("--mask", "top.png", "--region", "left.png", "photo.png", "-o", "out.png")
    assert nst("stylize", "photo.png", "painting.png", *arguments, *QUICK).code == 0
    changed = (bytes_of("photo.png") != bytes_of("out.png")).any(axis=2)
    assert not changed[32:].any()
    assert changed[:32, 30:].mean() > 0.5


def test_region_keeps_its_colours_and_the_rest_takes_the_style(nst: Nst, workdir: Path) -> None:
    mask("face.png", (0, 0, 36, 48))
    control = ("--region", "face.png", "painting.png", "--region-colors", "face.png", "luminance")
    look = ("--iterations", "8", "--coarsest", "0")
    outcome = nst("stylize", "photo.png", "painting.png", *control, *look, "-o", "out.png")
    assert outcome.code == 0, outcome.err
    before, after = (bytes_of(name).astype(int) for name in ("photo.png", "out.png"))
    hue = [pixels - pixels.mean(axis=2, keepdims=True) for pixels in (before, after)]
    moved = np.abs(hue[0] - hue[1]).mean(axis=(0, 2))
    assert moved[:34].mean() < 0.5 * moved[38:].mean()
    assert np.abs(before - after)[:, :34].mean() > 5
    assert json.loads(read_metadata("out.png")["control"])["region-colors"] == {"face.png": "luminance"}


def test_strength_mask_varies_the_strength(nst: Nst, workdir: Path) -> None:
    ramp = np.tile(np.repeat([0, 96, 255], 24), (48, 1)).astype(np.uint8)
    Image.fromarray(ramp).save("ramp.png")
    look = ("--iterations", "12", "--coarsest", "0", "--strength", "80")
    assert (
        nst(
            "stylize", "photo.png", "painting.png", "-o", "out.png", "--strength-mask", "ramp.png", *look
        ).code
        == 0
    )
    change = np.abs(bytes_of("photo.png").astype(int) - bytes_of("out.png")).mean(axis=(0, 2))
    assert change[:24].max() == 0
    assert 0 < change[26:46].mean() < change[50:].mean()


@pytest.mark.slow
def test_fine_style_changes_the_strokes(nst: Nst, workdir: Path) -> None:
    waves(64, 64, 12).save("strokes.png")
    plain = nst("stylize", "photo.png", "painting.png", "-o", "one.png", *QUICK)
    fine = nst("stylize", "photo.png", "painting.png", "-o", "two.png", "--fine-style", "strokes.png", *QUICK)
    coarse_and_fine = nst(
        "stylize", "photo.png", "--coarse-style", "painting.png", "--fine-style", "strokes.png",
        "-o", "three.png", *QUICK,
    )  # fmt: skip
    assert (plain.code, fine.code, coarse_and_fine.code) == (0, 0, 0)
    assert "strokes" in fine.err
    assert not np.array_equal(bytes_of("one.png"), bytes_of("two.png"))
    assert np.array_equal(bytes_of("two.png"), bytes_of("three.png"))


@pytest.mark.slow
def test_repeating_without_the_masks_gives_a_notice(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    control = ("--region", "left.png", "painting.png", "--mask", "left.png")
    assert nst("stylize", "photo.png", *control, "-o", "a.png", "--report", "report", *QUICK).code == 0
    for stored in ("a.png", "report/report.json"):
        without_mask = nst(
            "stylize", "photo.png", *control[:3], "-o", "b.png", "--settings", stored, "--force"
        )
        assert "recorded together with --mask. Without" in without_mask.err
        with_mask = nst("stylize", "photo.png", *control, "-o", "b.png", "--settings", stored, "--force")
        assert "recorded together with" not in with_mask.err
        assert np.array_equal(bytes_of("a.png"), bytes_of("b.png"))


def test_regions_of_the_same_name_are_numbered(nst: Nst, workdir: Path) -> None:
    """Two masks in different folders may have the same name, even that of the background."""
    (workdir / "a").mkdir()
    mask("background.png", (0, 0, 24, 48))
    mask("a/background.png", (48, 0, 72, 48))
    control = [
        word for path in ("background.png", "a/background.png") for word in ("--region", path, "photo.png")
    ]
    arguments = ("evaluate", "painting.png", "photo.png", "painting.png", *control)
    losses = nst(*arguments, "--style-layers", "relu1_1").json["relative"]
    names = [name for name in losses["terms"] if name.startswith("style")]
    assert names == [f"style relu1_1 (background{number})" for number in ("", " 2", " 3")]
    assert losses["total"] == pytest.approx(sum(losses["terms"].values()))


def test_empty_style_mask_is_refused(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("part.png", (0, 0, 20, 64), (48, 64))
    control = ("--region-from", "left.png", "painting.png", "part.png", "--style-crop", "24,0,24,64")
    assert_refused(nst("stylize", "photo.png", *control, "-o", "out.png", *QUICK), "selects nothing")


def test_style_option_equals_style_argument(nst: Nst, workdir: Path) -> None:
    assert nst("stylize", "photo.png", "painting.png", "-o", "one.png", *QUICK).code == 0
    assert nst("stylize", "photo.png", "--style", "painting.png", "-o", "two.png", *QUICK).code == 0
    assert np.array_equal(bytes_of("one.png"), bytes_of("two.png"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mask", "tall.png"), ("The mask tall.png", "aspect ratio")),
        (("--mask", "black.png"), ("The mask black.png", "black")),
        (("--mask", "nowhere.png"), ("nowhere.png",)),
        (("--strength-mask", "tall.png"), ("The mask tall.png", "aspect ratio")),
        (("--region", "black.png", "painting.png"), ("The mask black.png", "black")),
        (("--region", "white.png", "nowhere.png"), ("nowhere.png",)),
        (("--region-colors", "white.png", "luminance"), ("white.png", "not the mask of any region")),
        (("--region-colors", "white.png", "lumniance"), ("lumniance", "luminance")),
        (("--coarse-style", "painting.png"), ("--fine-style",)),
        (("--style-loss", "grams"), ("gram",)),
        (("--guides", "outside"), ("inside",)),
    ],
)
def test_bad_mask_or_region_is_refused(nst: Nst, workdir: Path, arguments, words) -> None:
    mask("tall.png", (0, 0, 48, 72), (48, 72))
    mask("black.png", (0, 0, 0, 0))
    mask("white.png", (0, 0, 72, 48))
    assert_refused(nst("stylize", "photo.png", "painting.png", "-o", "out.png", *arguments, *QUICK), *words)
    assert not Path("out.png").exists()


def test_plan_accepts_regions(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    planned = nst("plan", "photo.png", "--region", "left.png", "painting.png", *QUICK, "--json")
    assert planned.code == 0, planned
    assert planned.json["levels"][0]["iterations"] == 3


def test_missing_style_argument_is_refused(nst: Nst, workdir: Path) -> None:
    assert_refused(nst("stylize", "photo.png", "-o", "out.png", *QUICK), "STYLE")


def test_result_never_overwrites_a_mask(nst: Nst, workdir: Path) -> None:
    mask("white.png", (0, 0, 72, 48))
    outcome = nst(
        "stylize", "photo.png", "painting.png", "--mask", "white.png", "-o", "white.png", "--force", *QUICK
    )
    assert_refused(outcome, "white.png")


@pytest.mark.slow
def test_evaluate_with_regions_gives_the_loss_of_the_painting(nst: Nst, workdir: Path) -> None:
    """Evaluate a painting with all kinds of masks and regions."""
    mask("left.png", (0, 0, 40, 48))
    mask("top.png", (0, 0, 72, 32))
    Image.fromarray(np.tile(np.linspace(64, 255, 72).astype(np.uint8), (48, 1))).save("ramp.png")
    waves(64, 64, 9).save("other.png")
    control = (
        "--mask", "top.png", "--region", "left.png", "other.png", "--strength-mask", "ramp.png",
        "--fine-style", "photo.png", "--guides", "all",
    )  # fmt: skip
    look = ("--iterations", "6", "--coarsest", "0", "--tv", "0")
    painted = nst("stylize", "photo.png", "painting.png", *control, *look, "--json", "-o", "out.tif")
    assert painted.code == 0, painted.err
    evaluated = nst("evaluate", "out.tif", "photo.png", "painting.png", *control, "--settings", "out.tif")
    assert evaluated.code == 0, evaluated.err
    terms, painted_terms = evaluated.json["relative"]["terms"], painted.events[-1]["terms"]
    assert set(terms) == set(painted_terms)
    assert "style relu1_1 (left)" in terms
    assert "style relu1_1 (background)" in terms
    for name in terms:
        assert terms[name] == pytest.approx(painted_terms[name], rel=0.02, abs=2e-4), name
    plain = nst("evaluate", "out.tif", "photo.png", "painting.png", "--settings", "out.tif").json
    assert plain["relative"]["total"] != pytest.approx(evaluated.json["relative"]["total"], rel=0.05)


@pytest.mark.slow
def test_evaluate_compares_luminance_only_if_colours_are_kept(nst: Nst, workdir: Path) -> None:
    mask("face.png", (0, 0, 36, 48))
    control = (
        "painting.png",
        "--region",
        "face.png",
        "painting.png",
        "--region-colors",
        "face.png",
        "luminance",
    )
    look = ("--iterations", "8", "--coarsest", "0", "--strength", "30")
    painted = nst("stylize", "photo.png", *control, *look, "--json", "-o", "out.tif")
    evaluated = nst("evaluate", "out.tif", "photo.png", *control, "--settings", "out.tif")
    assert (painted.code, evaluated.code) == (0, 0), painted.err + evaluated.err
    painted_terms, terms = painted.events[-1]["terms"], evaluated.json["relative"]["terms"]
    for kind in ("content", "style"):
        painted_sum, evaluated_sum = (
            sum(value for name, value in all_terms.items() if name.startswith(kind))
            for all_terms in (painted_terms, terms)
        )
        assert evaluated_sum == pytest.approx(painted_sum, rel=0.05), kind


def test_evaluate_ignores_the_area_outside_the_mask(nst: Nst, workdir: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    spoilt = Image.open("photo.png").convert("RGB")
    spoilt.paste((0, 0, 0), (66, 0, 72, 48))
    spoilt.save("spoilt.png")
    layers = ("--content-layers", "relu2_1", "--style-layers", "relu1_1,relu2_1", "--tv", "0")
    masked, bare = (
        [
            nst("evaluate", name, "photo.png", "painting.png", *layers, *more).json["relative"]["content"]
            for name in ("photo.png", "spoilt.png")
        ]
        for more in (("--mask", "left.png"), ())
    )
    assert masked == pytest.approx([0.0, 0.0], abs=1e-6)
    assert bare[1] > 0.01


def test_evaluate_refuses_bad_masks_and_missing_styles(nst: Nst, workdir: Path) -> None:
    mask("tall.png", (0, 0, 48, 72), (48, 72))
    assert_refused(
        nst("evaluate", "photo.png", "photo.png", "painting.png", "--mask", "tall.png"), "aspect ratio"
    )
    assert_refused(nst("evaluate", "photo.png", "photo.png"), "STYLE")
