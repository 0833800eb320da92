"""Several styles and regions: names become pixels, in the right place; what stands for nothing is said."""

from __future__ import annotations

import json
import os
import sys
from array import array
from pathlib import Path

from tests.gimp.inside.cases import (
    REFUSED,
    Gegl,
    Gimp,
    case,
    channels_of,
    floats,
    mode,
    near,
    new_image,
    new_layer,
    paint,
    picture_of,
    request,
    style_layer,
)
from tests.gimp.inside.layer_cases import real_result, refused
from tests.gimp.inside.style_cases import HERE, kept_style, saved

SKY = (0.2, 0.4, 0.8)


def channel(image, name, box):
    """Save a rectangle (x, y, width, height) as a channel; outside of it is black."""
    made = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, Gegl.Color.new("red"))
    image.insert_channel(made, None, 0)
    whiten(made, box)
    return made


def whiten(drawable, box, value=1.0):
    x, y, width, height = box
    buffer = drawable.get_buffer()
    whole = buffer.get_extent()
    buffer.set(whole, "Y float", bytes(4 * whole.width * whole.height))
    values = array("f", [value] * (width * height)).tobytes()
    buffer.set(Gegl.Rectangle.new(x, y, width, height), "Y float", values)
    buffer.flush()


def masked_layer(image, name, box, offsets=(0, 0), size=None):
    layer = new_layer(image, name, alpha=False, offsets=offsets, size=size)
    mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(mask)
    whiten(mask, box)
    return layer


def mask_sent(number):
    return array("f", (HERE / f"mask-{number}.f32").read_bytes())


def rectangle(width, height, box):
    """Return what a mask of ``width`` x ``height`` is with ``box`` in it."""
    x, y, w, h = box
    return array("f", [float(x <= i < x + w and y <= j < y + h) for j in range(height) for i in range(width)])


def keep_style(name, **settings) -> Path:
    """Keep a style the way the engine does."""
    folder = Path(os.environ["HOME"]) / ".local/share/nst/styles"
    folder.mkdir(parents=True, exist_ok=True)
    path = saved(f"{name}.png", colour=SKY)
    path = path.replace(folder / path.name)
    if settings:
        (folder / f"{name}.json").write_text(json.dumps(settings))
    return path


@case()
def styles_are_blended_by_weight():
    image = new_image()
    first, second = saved("first.png"), saved("second.png", colour=SKY)
    keep_style("Monet's sky")
    painted = paint(
        image,
        new_layer(image),
        style_file=first,
        style_weight=2.0,
        more_styles=[f"{second}:0.5", "Monet's sky", "layer:photo:3"],
    )
    sent = request()["styles"]
    assert [(each["name"], each["weight"]) for each in sent] == [
        ("first", 2.0), ("second", 0.5), ("Monet's sky", 1.0), ("photo", 3.0),
    ]  # fmt: skip
    assert len({each["path"] for each in sent}) == 4
    assert painted.get_name() == "first + second + Monet's sky + photo"
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert record["style"].endswith("first.png")
    assert record["styles"][1]["weight"] == 0.5


@case()
def a_layer_that_is_several_styles_is_read_once_and_no_other_in_its_place():
    image = new_image(32, 24)
    layer = new_layer(image)
    small, large = new_layer(image, "small", size=(8, 6)), new_layer(image, "large", size=(16, 12))
    for name, left in (("sky", 0), ("coat", 10), ("face", 20)):
        channel(image, name, (left, 0, 8, 24))
    paint(
        image,
        layer,
        style_layer=small,
        region_masks=["sky", "coat", "face"],
        region_styles=["layer:small", "layer:large", "layer:small:2"],
        fine_style="layer:large",
        size=0,
    )
    asked = request()
    styles = [*asked["styles"], *(style for region in asked["regions"] for style in region["styles"])]
    told = {(style["name"], style["width"], Path(style["path"]).name) for style in styles}
    assert told == {("small", 8, "style-0.f32"), ("large", 16, "style-1.f32")}
    assert {style["fine"]["path"] for style in styles} == {styles[2]["path"]}
    assert large.is_valid()


@case()
def names_with_colons_numbers_and_spaces_stand_for_what_is_called_so():
    image = new_image(32, 24)
    layer = new_layer(image)
    new_layer(image, "night:2", size=(8, 6))
    new_layer(image, "night", size=(12, 6))
    for name, top in ((" sky:1 ", 0), ("channel:coat", 8), ("layer:face", 16)):
        channel(image, name, (0, top, 32, 8))
    names = ["channel: sky:1 ", "channel:channel:coat", "channel:layer:face"]
    styles = ["layer:night:2", "layer:night:3", "layer:night:2:4"]
    paint(image, layer, region_masks=names, region_styles=styles, outside="keep")
    asked = [each["styles"][0] for each in request()["regions"]]
    assert [(each["name"], each["width"], each["weight"]) for each in asked] == [
        ("night:2", 8, 1.0),
        ("night", 12, 3.0),
        ("night:2", 8, 4.0),
    ]
    near(mask_sent(0), rectangle(32, 24, (0, 0, 32, 8)), 0)
    near(mask_sent(2), rectangle(32, 24, (0, 16, 32, 8)), 0)
    colon = saved("swirls:5.png")
    paint(image, layer, more_styles=[str(colon), f"{colon}:5"])
    assert [each["weight"] for each in request()["styles"]] == [1.0, 1.0, 5.0]


@case()
def a_renamed_style_is_renamed_wherever_it_is_named():
    sys.path.insert(0, str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style"))
    from nst_gimp.run import recipe

    old, new = keep_style("old name"), keep_style("new name")
    config = Gimp.get_pdb().lookup_procedure("plug-in-neural-style").create_config()
    config.set_property("more-styles", [f"{old}:0.5", "old name:2", "old name", "layer:old name"])
    config.set_property("region-styles", ["", "old name"])
    config.set_property("fine-style", str(old))
    recipe.rename(config, str(old), str(new))
    assert recipe.texts(config, "more-styles") == [f"{new}:0.5", "new name:2", "new name", "layer:old name"]
    assert recipe.texts(config, "region-styles") == ["", "new name"]
    assert config.get_property("fine-style") == str(new)


@case()
def a_channel_and_a_layers_mask_are_regions_where_they_lie_on_the_layer():
    image = new_image(64, 48)
    layer = new_layer(image, size=(40, 30), offsets=(10, 8))
    channel(image, "sky", (0, 0, 64, 20))
    masked_layer(image, "coat", (5, 6, 10, 10), offsets=(20, 15), size=(30, 30))
    before = picture_of(image)
    orange, blue = saved("orange.png"), saved("blue.png", colour=SKY)
    painted = paint(image, layer, region_masks=["sky", "coat"], region_styles=[str(blue), f"{orange}:1"])
    asked = request()
    assert [each["name"] for each in asked["regions"]] == ["sky", "coat"]
    assert [each["styles"][0]["name"] for each in asked["regions"]] == ["blue", "orange"]
    assert asked["styles"][0]["name"] == "stripes", "a style that is given is for what lies outside"
    near(mask_sent(0), rectangle(40, 30, (0, 0, 40, 12)), 0)
    near(mask_sent(1), rectangle(40, 30, (15, 13, 10, 10)), 0)
    assert picture_of(image, without=painted) == before


@case()
def plans_know_what_a_mask_covers_of_the_layer():
    sys.path.insert(0, str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style"))
    from nst_gimp.image import masks

    image = new_image(64, 48)
    coat = masked_layer(image, "coat", (5, 6, 10, 10), offsets=(20, 15), size=(30, 30))
    assert masks.covered(coat, (40, 30), (10, 8)) == (15, 13, 25, 23)
    assert masks.covered(coat, (40, 30), (28, 8)) == (0, 13, 7, 23)
    assert masks.covered(coat, (10, 10), (40, 30)) is None
    large = new_image(3000, 2000)  # looked at shrunk: nothing is missed, little is added
    left, top, right, bottom = masks.covered(
        channel(large, "sky", (1000, 700, 500, 300)), (3000, 2000), (0, 0)
    )
    assert 985 <= left <= 1000
    assert 685 <= top <= 700
    assert 1500 <= right <= 1515
    assert 1000 <= bottom <= 1015
    assert masks.covered(channel(large, "all", (0, 0, 3000, 2000)), (3000, 2000), (0, 0)) == (
        0,
        0,
        3000,
        2000,
    )


@case()
def outside_of_the_regions_the_picture_can_stay():
    image = new_image(64, 48)
    layer = new_layer(image)
    channel(image, "sky", (0, 0, 64, 20))
    blue = saved("blue.png", colour=SKY)
    paint(image, layer, region_masks=["channel:sky"], region_styles=[str(blue)], outside="keep")
    assert request()["styles"] == []
    near(kept_style()[:3], SKY, 1 / 255)
    painted = paint(image, layer, style_layer=None, region_masks=["channel:sky"], region_styles=[str(blue)])
    assert request()["styles"] == [], "without a style there is none for the outside"
    assert painted.get_name().startswith("blue")


@case()
def a_group_is_a_region_for_each_layer_called_like_its_style():
    image = new_image(32, 24)
    layer = new_layer(image)
    group = Gimp.GroupLayer.new(image, "where")
    image.insert_layer(group, None, 0)
    group.set_visible(False)
    keep_style("Sky in blue")
    orange = saved("orange.png")
    clear = array("f", [0.5, 0.5, 0.5, 1.0] * 8 * 6)
    new_layer(image, "Sky in blue", size=(8, 6), parent=group, offsets=(4, 2), values=clear)
    masked_layer(image, str(orange), (0, 12, 32, 12))
    moved = image.get_layers()[0]
    image.reorder_item(moved, group, 1)
    paint(image, layer, region_masks=["where"], outside="keep")
    asked = request()["regions"]
    assert [each["styles"][0]["name"] for each in asked] == ["Sky in blue", "orange"]
    near(mask_sent(0), rectangle(32, 24, (4, 2, 8, 6)), 0)
    near(mask_sent(1), rectangle(32, 24, (0, 12, 32, 12)), 0)


@case()
def each_region_has_its_own_word_on_colours():
    image = new_image(32, 24)
    layer = new_layer(image)
    group = Gimp.GroupLayer.new(image, "where")
    image.insert_layer(group, None, 0)
    group.set_visible(False)
    for name, top in (("left", 0), ("right", 12)):
        keep_style(name)
        new_layer(image, name, size=(32, 12), parent=group, offsets=(0, top))
    channel(image, "sky", (0, 0, 32, 8))
    blue = str(saved("blue.png", colour=SKY))
    regions = {"region_masks": ["sky", "where"], "region_styles": [blue, ""]}
    painted = paint(image, layer, keep_colors="match", region_colors=["luminance", ""], **regions)
    assert [each.get("keep_colors") for each in request()["regions"]] == ["luminance", None, None]
    assert request()["settings"]["keep-colors"] == "match"
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert [each.get("keep_colors") for each in record["regions"]] == ["luminance", None, None]
    painted = paint(image, layer, region_colors=["", " none "], **regions)
    asked = [(each["name"], each.get("keep_colors")) for each in request()["regions"]]
    assert asked == [("sky", None), ("right", "none"), ("left", "none")]
    paint(image, layer, **regions)
    assert not any("keep_colors" in each for each in request()["regions"])


@case()
def strength_by_place_and_strokes_from_another_picture():
    image = new_image(32, 24)
    layer = new_layer(image)
    whiten(channel(image, "how much", (0, 0, 1, 1)), (0, 0, 32, 12), 0.5)
    fine = saved("strokes.png", colour=SKY)
    paint(image, layer, strength_mask="how much", fine_style=str(fine))
    sent = array("f", (HERE / "strength_mask.f32").read_bytes())
    near(sent, array("f", [0.5] * 32 * 12 + [0.0] * 32 * 12), 1 / 255)
    assert request()["styles"][0]["fine"]["name"] == "strokes"
    assert "regions" not in request()


@case()
def a_selection_is_told_to_the_engine_as_all_or_nothing():
    """Its soft edge is the new layer's mask; were the engine to mix as well, it would count twice."""
    image = new_image(200, 160)
    layer = new_layer(image, size=(150, 140), offsets=(-20, 10))
    channel(image, "sky", (0, 0, 200, 70))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 40, 60, 50)
    Gimp.Selection.feather(image, 12.0)
    blue = saved("blue.png", colour=SKY)
    painted = paint(image, layer, region_masks=["sky"], region_styles=[str(blue)])
    mask = floats(painted.get_mask(), name="Y float")
    sent = array("f", (HERE / "selection.f32").read_bytes())
    assert set(sent) == {0.0, 1.0}
    assert [value > 1 / 255 for value in mask] == [value > 0 for value in sent]
    _ok, x, y = painted.get_offsets()
    size = painted.get_width(), painted.get_height()
    near(mask_sent(0), rectangle(*size, (-x, -y, 200, 70)), 0)


WRONG = {
    "no such mask": ({"region_masks": ["skies"]}, "no channel or layer called “skies”. Did you mean “sky”?"),
    "no such style": ({"region_masks": ["sky"], "region_styles": ["monnet"]}, "no style “monnet”"),
    "named like no style": ({"region_masks": ["sky"]}, "The region “sky” has no style. Choose one"),
    "too many styles": ({"region_styles": ["a.png"]}, "1 region-styles for 0 region-masks"),
    "twice": ({"region_masks": ["sky", "channel:sky"], "region_styles": ["orange.png"] * 2}, "two regions"),
    "black": ({"region_masks": ["far"], "region_styles": ["orange.png"]}, "“far” is black wherever"),
    "colours": (
        {"region_masks": ["sky"], "region_styles": ["orange.png"], "region_colors": ["luminence"]},
        "region-colors cannot be “luminence”. It can be none, luminance, match. Did you mean “luminance”?",
    ),
    "too many colours": (
        {"region_masks": ["sky"], "region_styles": ["orange.png"], "region_colors": ["none", ""]},
        "There are 2 region-colors for 1 region-masks.",
    ),
    "colours of nothing": ({"region_colors": ["none"]}, "There are 1 region-colors for 0 region-masks."),
    "outside": ({"outside": "kept"}, "outside cannot be “kept”. It can be style, keep. Did you mean “keep”?"),
    "weight": ({"more_styles": ["orange.png:-1"]}, "cannot be -1. It can be a number from 0"),
    "no weight": ({"style_weight": 0.0}, "All styles have weight 0."),
    "strength": ({"strength_mask": "grey"}, "no channel or layer called “grey”"),
    "fine": ({"fine_style": "/not/there.png"}, "There is no style “/not/there.png”"),
}


@case(*[(name, name) for name in WRONG], allowed=REFUSED)
def a_name_that_stands_for_nothing_is_said(name):
    image = new_image(64, 48)
    layer = new_layer(image, size=(32, 24))
    channel(image, "sky", (0, 0, 10, 10))
    channel(image, "far", (40, 30, 10, 10))
    orange = str(saved("orange.png"))

    def placed(value):
        if isinstance(value, list):
            return [text.replace("orange.png", orange) for text in value]
        return value

    arguments, words = WRONG[name]
    refused(image, [layer], words, **{key: placed(value) for key, value in arguments.items()})


@case()
def the_real_engine_paints_two_regions_from_layer_masks_and_keeps_the_colours_of_one():
    """What lies outside both stays to the bit. Where it keeps its colours, a layer without any has none."""
    image = new_image(96, 80)
    grey = [0.1 + 0.8 * (x + y) / 176 for y in range(80) for x in range(96)]
    layer = new_layer(image, alpha=False, values=array("f", [value for value in grey for _ in range(3)]))
    masked_layer(image, "sky", (0, 0, 96, 30))
    masked_layer(image, "coat", (20, 40, 40, 40))
    orange, stripes = saved("orange.png", 96, 96), style_layer(image)
    saved_stripes = HERE / "stripes.png"
    from gi.repository import Gio

    file = Gio.File.new_for_path(str(saved_stripes))
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, stripes.get_image(), file, None)
    before = picture_of(image)
    mode("real")
    painted = paint(
        image,
        layer,
        region_masks=["sky", "coat"],
        region_styles=[str(saved_stripes), str(orange)],
        outside="keep",
        keep_colors="luminance",
        region_colors=["", "none"],
        iterations=20,
    )
    assert picture_of(image, without=painted) == before
    real_result(layer, painted)
    own, new = floats(layer), floats(painted)
    channels = channels_of(layer)
    inside = [rectangle(96, 80, box) for box in ((0, 0, 96, 30), (20, 40, 40, 40))]
    changed, coloured = [0.0, 0.0], [0.0, 0.0]
    for position in range(96 * 80):
        first = position * channels
        spread = max(new[first : first + 3]) - min(new[first : first + 3])
        difference = [abs(new[first + c] - own[first + c]) for c in range(3)]
        for number, mask in enumerate(inside):
            changed[number] += max(difference) * mask[position]
            coloured[number] = max(coloured[number], spread * mask[position])
        if not any(mask[position] for mask in inside):
            assert max(difference) == 0.0, position
    assert min(changed) > 5.0, changed
    assert coloured[0] <= 1.01 / 255, "the sky keeps what colours it had"
    assert coloured[1] > 0.1, "the coat takes the painting's"
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert [(each["mask"], each.get("keep_colors")) for each in record["regions"]] == [
        ("sky", None),
        ("coat", "none"),
    ]
    assert "styles" not in record
