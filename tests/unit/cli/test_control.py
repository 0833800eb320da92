"""Regions, masks, strength by place and fine styles on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_core.images.metadata import read_metadata
from tests.unit.cli.conftest import QUICK, Nst, assert_refused, waves


def mask(path: str, box: tuple[int, int, int, int], size: tuple[int, int] = (72, 48)) -> None:
    """A black picture with a white box: left, top, right, bottom."""
    picture = Image.new("L", size, 0)
    picture.paste(255, box)
    picture.save(path)


def bytes_of(path: str) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_regions_take_their_styles_and_the_rest_stays_to_the_bit(nst: Nst, place: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("right.png", (48, 0, 72, 48))
    mask("half.png", (0, 0, 48, 32), (48, 64))
    waves(64, 64, 9).save("other.png")
    outcome = nst(
        "stylize", "photo.png", "--region", "left.png", "painting.png", "--region-from", "right.png",
        "other.png", "half.png", "-o", "out.png", *QUICK,
    )  # fmt: skip
    # The style's mask is of another shape than the style: said before anything is painted.
    assert_refused(outcome, "style mask", "shape")
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
    told = json.loads(read_metadata("out.png")["control"])
    assert told["regions"] == [
        ["left.png", "painting.png", 1.0, ""],
        ["right.png", "other.png", 1.0, "half.png"],
    ]


def test_a_mask_selects_and_a_background_style_fills(nst: Nst, place: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("top.png", (0, 0, 72, 32))
    arguments = ("--mask", "top.png", "--region", "left.png", "photo.png", "-o", "out.png")
    assert nst("stylize", "photo.png", "painting.png", *arguments, *QUICK).code == 0
    changed = (bytes_of("photo.png") != bytes_of("out.png")).any(axis=2)
    assert not changed[32:].any()
    assert changed[:32, 30:].mean() > 0.5


def test_a_face_keeps_its_colours_and_the_rest_takes_the_styles(nst: Nst, place: Path) -> None:
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


def test_strength_by_place_goes_from_the_photograph_to_the_painting(nst: Nst, place: Path) -> None:
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


def test_a_fine_style_gives_the_strokes(nst: Nst, place: Path) -> None:
    waves(64, 64, 12).save("strokes.png")
    one = nst("stylize", "photo.png", "painting.png", "-o", "one.png", *QUICK)
    two = nst("stylize", "photo.png", "painting.png", "-o", "two.png", "--fine-style", "strokes.png", *QUICK)
    three = nst(
        "stylize", "photo.png", "--coarse-style", "painting.png", "--fine-style", "strokes.png",
        "-o", "three.png", *QUICK,
    )  # fmt: skip
    assert (one.code, two.code, three.code) == (0, 0, 0)
    assert "strokes" in two.err
    assert not np.array_equal(bytes_of("one.png"), bytes_of("two.png"))
    assert np.array_equal(bytes_of("two.png"), bytes_of("three.png"))


def test_to_repeat_a_painting_its_masks_are_asked_for(nst: Nst, place: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    control = ("--region", "left.png", "painting.png", "--mask", "left.png")
    assert nst("stylize", "photo.png", *control, "-o", "a.png", "--report", "report", *QUICK).code == 0
    for stored in ("a.png", "report/report.json"):
        half = nst("stylize", "photo.png", *control[:3], "-o", "b.png", "--settings", stored, "--force")
        assert "recorded beside --mask; without" in half.err
        whole = nst("stylize", "photo.png", *control, "-o", "b.png", "--settings", stored, "--force")
        assert "recorded beside" not in whole.err
        assert np.array_equal(bytes_of("a.png"), bytes_of("b.png"))


def test_regions_of_one_name_are_told_apart(nst: Nst, place: Path) -> None:
    """Masks may be called the same in two folders, and one of them like what is left."""
    (place / "a").mkdir()
    mask("background.png", (0, 0, 24, 48))
    mask("a/background.png", (48, 0, 72, 48))
    control = [
        word for path in ("background.png", "a/background.png") for word in ("--region", path, "photo.png")
    ]
    arguments = ("evaluate", "painting.png", "photo.png", "painting.png", *control)
    found = nst(*arguments, "--style-layers", "relu1_1").json["relative"]
    names = [name for name in found["terms"] if name.startswith("style")]
    assert names == [f"style relu1_1 (background{number})" for number in ("", " 2", " 3")]
    assert found["total"] == pytest.approx(sum(found["terms"].values()))


def test_a_style_of_which_nothing_is_left_is_refused(nst: Nst, place: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    mask("part.png", (0, 0, 20, 64), (48, 64))
    control = ("--region-from", "left.png", "painting.png", "part.png", "--style-crop", "24,0,24,64")
    assert_refused(nst("stylize", "photo.png", *control, "-o", "out.png", *QUICK), "nothing is left")


def test_styles_may_be_options(nst: Nst, place: Path) -> None:
    assert nst("stylize", "photo.png", "painting.png", "-o", "one.png", *QUICK).code == 0
    assert nst("stylize", "photo.png", "--style", "painting.png", "-o", "two.png", *QUICK).code == 0
    assert np.array_equal(bytes_of("one.png"), bytes_of("two.png"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mask", "tall.png"), ("selection", "shape")),
        (("--mask", "black.png"), ("selection", "black")),
        (("--mask", "nowhere.png"), ("nowhere.png",)),
        (("--strength-mask", "tall.png"), ("strength mask", "shape")),
        (("--region", "black.png", "painting.png"), ("mask of region black", "black")),
        (("--region", "white.png", "nowhere.png"), ("nowhere.png",)),
        (("--region-colors", "white.png", "luminance"), ("white.png", "no region")),
        (("--region-colors", "white.png", "lumniance"), ("lumniance", "luminance")),
        (("--coarse-style", "painting.png"), ("--fine-style",)),
        (("--style-loss", "grams"), ("gram",)),
        (("--guides", "outside"), ("inside",)),
    ],
)
def test_bad_masks_and_regions_are_one_sentence(nst: Nst, place: Path, arguments, words) -> None:
    mask("tall.png", (0, 0, 48, 72), (48, 72))
    mask("black.png", (0, 0, 0, 0))
    mask("white.png", (0, 0, 72, 48))
    assert_refused(nst("stylize", "photo.png", "painting.png", "-o", "out.png", *arguments, *QUICK), *words)
    assert not Path("out.png").exists()


def test_a_plan_knows_regions(nst: Nst, place: Path) -> None:
    mask("left.png", (0, 0, 24, 48))
    planned = nst("plan", "photo.png", "--region", "left.png", "painting.png", *QUICK, "--json")
    assert planned.code == 0, planned
    assert planned.json["levels"][0]["iterations"] == 3


def test_no_style_at_all_is_refused(nst: Nst, place: Path) -> None:
    assert_refused(nst("stylize", "photo.png", "-o", "out.png", *QUICK), "STYLE")


def test_a_result_is_never_written_over_a_mask(nst: Nst, place: Path) -> None:
    mask("white.png", (0, 0, 72, 48))
    outcome = nst(
        "stylize", "photo.png", "painting.png", "--mask", "white.png", "-o", "white.png", "--force", *QUICK
    )
    assert_refused(outcome, "white.png")


def test_losses_are_those_of_the_regions_that_were_painted(nst: Nst, place: Path) -> None:
    """A painting has the loss it was painted with, whatever says which style goes where."""
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
    found = nst("evaluate", "out.tif", "photo.png", "painting.png", *control, "--settings", "out.tif")
    assert found.code == 0, found.err
    terms, told = found.json["relative"]["terms"], painted.events[-1]["terms"]
    assert set(terms) == set(told)
    assert "style relu1_1 (left)" in terms
    assert "style relu1_1 (background)" in terms
    for name in terms:
        assert terms[name] == pytest.approx(told[name], rel=0.02, abs=2e-4), name
    plain = nst("evaluate", "out.tif", "photo.png", "painting.png", "--settings", "out.tif").json
    assert plain["relative"]["total"] != pytest.approx(found.json["relative"]["total"], rel=0.05)


def test_where_colours_are_kept_light_and_dark_alone_are_judged(nst: Nst, place: Path) -> None:
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
    found = nst("evaluate", "out.tif", "photo.png", *control, "--settings", "out.tif")
    assert (painted.code, found.code) == (0, 0), painted.err + found.err
    told, terms = painted.events[-1]["terms"], found.json["relative"]["terms"]
    for kind in ("content", "style"):
        wanted, here = (
            sum(value for name, value in each.items() if name.startswith(kind)) for each in (told, terms)
        )
        assert here == pytest.approx(wanted, rel=0.05), kind


def test_what_a_mask_leaves_out_does_not_count(nst: Nst, place: Path) -> None:
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


def test_evaluate_refuses_what_stylize_refuses(nst: Nst, place: Path) -> None:
    mask("tall.png", (0, 0, 48, 72), (48, 72))
    assert_refused(nst("evaluate", "photo.png", "photo.png", "painting.png", "--mask", "tall.png"), "shape")
    assert_refused(nst("evaluate", "photo.png", "photo.png"), "STYLE")
