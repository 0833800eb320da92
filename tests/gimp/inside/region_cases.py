"""Several styles and regions: names become pixels in the right place, and wrong names are refused."""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    REFUSAL,
    Gegl,
    Gimp,
    add_group,
    assert_near,
    assert_painted,
    assert_refused,
    case,
    channels_of,
    floats,
    image_state,
    last_request,
    new_image,
    new_layer,
    paint,
    record_of,
    save_image,
    set_engine_mode,
    stripes_layer,
)
from tests.gimp.inside.style_cases import import_plug_in, save_picture, style_pixels

SKY = (0.2, 0.4, 0.8)


def add_channel(image, name, box):
    """Add a channel that is white in a rectangle (x, y, width, height) and black elsewhere; return it."""
    color = Gegl.Color.new("red")
    channel = Gimp.Channel.new(image, name, image.get_width(), image.get_height(), 50.0, color)
    image.insert_channel(channel, None, 0)
    fill_rectangle(channel, box)
    return channel


def fill_rectangle(drawable, box, value=1.0):
    """Make a mask or channel black, but for a rectangle with ``value``."""
    x, y, width, height = box
    buffer = drawable.get_buffer()
    whole = buffer.get_extent()
    buffer.set(whole, "Y float", bytes(4 * whole.width * whole.height))
    values = array("f", [value] * (width * height)).tobytes()
    buffer.set(Gegl.Rectangle.new(x, y, width, height), "Y float", values)
    buffer.flush()


def masked_layer(image, name, box, offsets=(0, 0), size=None):
    """Add a layer with a mask that is white in a rectangle, and return the layer."""
    layer = new_layer(image, name, alpha=False, offsets=offsets, size=size)
    mask = layer.create_mask(Gimp.AddMaskType.BLACK)
    layer.add_mask(mask)
    fill_rectangle(mask, box)
    return layer


def hidden_group(image, name):
    """Add an invisible layer group and return it."""
    group = add_group(image, name)
    group.set_visible(False)
    return group


def sent_mask(number):
    """Return the pixels of a region's mask in the last request."""
    return array("f", (FAKE_FOLDER / f"mask-{number}.f32").read_bytes())


def rectangle(width, height, box):
    """Return the pixels of a mask that is white in ``box`` (x, y, width, height)."""
    x, y, w, h = box
    return array("f", [float(x <= i < x + w and y <= j < y + h) for j in range(height) for i in range(width)])


def keep_style(name, **settings) -> Path:
    """Keep a style as the engine does, and return its path."""
    folder = Path(os.environ["HOME"]) / ".local/share/nst/styles"
    folder.mkdir(parents=True, exist_ok=True)
    path = save_picture(f"{name}.png", colour=SKY)
    path = path.replace(folder / path.name)
    if settings:
        (folder / f"{name}.json").write_text(json.dumps(settings))
    return path


@case()
def styles_are_blended_by_weight():
    image = new_image()
    first, second = save_picture("first.png"), save_picture("second.png", colour=SKY)
    keep_style("Monet's sky")
    painted = paint(
        image,
        new_layer(image),
        style_file=first,
        style_weight=2.0,
        more_styles=[f"{second}:0.5", "Monet's sky", "layer:photo:3"],
    )
    styles = last_request()["styles"]
    assert [(style["name"], style["weight"]) for style in styles] == [
        ("first", 2.0), ("second", 0.5), ("Monet's sky", 1.0), ("photo", 3.0),
    ]  # fmt: skip
    assert len({style["path"] for style in styles}) == 4
    assert painted.get_name().startswith("first + second + Monet's sky + photo, ")
    record = record_of(painted)
    assert record["style"].endswith("first.png")
    assert record["styles"][1]["weight"] == 0.5


@case()
def layer_used_as_several_styles_is_sent_once():
    image = new_image(32, 24)
    layer = new_layer(image)
    small, large = new_layer(image, "small", size=(8, 6)), new_layer(image, "large", size=(16, 12))
    for name, left in (("sky", 0), ("coat", 10), ("face", 20)):
        add_channel(image, name, (left, 0, 8, 24))
    paint(
        image,
        layer,
        style_layer=small,
        region_masks=["sky", "coat", "face"],
        region_styles=["layer:small", "layer:large", "layer:small:2"],
        fine_style="layer:large",
        size=0,
    )
    request = last_request()
    styles = [*request["styles"], *(style for region in request["regions"] for style in region["styles"])]
    files = {(style["name"], style["width"], Path(style["path"]).name) for style in styles}
    assert files == {("small", 8, "style-0.f32"), ("large", 16, "style-1.f32")}
    assert {style["fine"]["path"] for style in styles} == {styles[2]["path"]}
    assert large.is_valid()


@case()
def names_can_contain_colons_numbers_and_spaces():
    image = new_image(32, 24)
    layer = new_layer(image)
    new_layer(image, "night:2", size=(8, 6))
    new_layer(image, "night", size=(12, 6))
    for name, top in ((" sky:1 ", 0), ("channel:coat", 8), ("layer:face", 16)):
        add_channel(image, name, (0, top, 32, 8))
    paint(
        image,
        layer,
        region_masks=["channel: sky:1 ", "channel:channel:coat", "channel:layer:face"],
        region_styles=["layer:night:2", "layer:night:3", "layer:night:2:4"],
        outside="keep",
    )
    styles = [region["styles"][0] for region in last_request()["regions"]]
    assert [(style["name"], style["width"], style["weight"]) for style in styles] == [
        ("night:2", 8, 1.0),
        ("night", 12, 3.0),
        ("night:2", 8, 4.0),
    ]
    assert_near(sent_mask(0), rectangle(32, 24, (0, 0, 32, 8)), 0)
    assert_near(sent_mask(2), rectangle(32, 24, (0, 16, 32, 8)), 0)
    path = save_picture("swirls:5.png")
    paint(image, layer, more_styles=[str(path), f"{path}:5"])
    assert [style["weight"] for style in last_request()["styles"]] == [1.0, 1.0, 5.0]


@case()
def renamed_style_is_renamed_in_all_arguments():
    import_plug_in()
    from nst_gimp.run import run_request

    old, new = keep_style("old name"), keep_style("new name")
    config = Gimp.get_pdb().lookup_procedure("plug-in-neural-style").create_config()
    config.set_property("more-styles", [f"{old}:0.5", "old name:2", "old name", "layer:old name"])
    config.set_property("region-styles", ["", "old name"])
    config.set_property("fine-style", str(old))
    run_request.rename_style(config, str(old), str(new))
    assert run_request.string_list(config, "more-styles") == [
        f"{new}:0.5",
        "new name:2",
        "new name",
        "layer:old name",
    ]
    assert run_request.string_list(config, "region-styles") == ["", "new name"]
    assert config.get_property("fine-style") == str(new)


@case()
def channel_and_layer_mask_are_regions_in_their_places():
    image = new_image(64, 48)
    layer = new_layer(image, size=(40, 30), offsets=(10, 8))
    add_channel(image, "sky", (0, 0, 64, 20))
    masked_layer(image, "coat", (5, 6, 10, 10), offsets=(20, 15), size=(30, 30))
    before = image_state(image)
    orange, blue = save_picture("orange.png"), save_picture("blue.png", colour=SKY)
    painted = paint(image, layer, region_masks=["sky", "coat"], region_styles=[str(blue), f"{orange}:1"])
    request = last_request()
    assert [region["name"] for region in request["regions"]] == ["sky", "coat"]
    assert [region["styles"][0]["name"] for region in request["regions"]] == ["blue", "orange"]
    assert request["styles"][0]["name"] == "stripes", "the style itself is for the pixels outside"
    assert_near(sent_mask(0), rectangle(40, 30, (0, 0, 40, 12)), 0)
    assert_near(sent_mask(1), rectangle(40, 30, (15, 13, 10, 10)), 0)
    assert image_state(image, without=painted) == before


@case()
def bounding_box_of_a_mask_on_the_layer():
    import_plug_in()
    from nst_gimp.image import masks

    image = new_image(64, 48)
    coat = masked_layer(image, "coat", (5, 6, 10, 10), offsets=(20, 15), size=(30, 30))
    assert masks.bounding_box(coat, (40, 30), (10, 8)) == (15, 13, 25, 23)
    assert masks.bounding_box(coat, (40, 30), (28, 8)) == (0, 13, 7, 23)
    assert masks.bounding_box(coat, (10, 10), (40, 30)) is None
    size = (3000, 2000)  # read at a smaller scale: nothing is missed, little is added
    large = new_image(*size)
    sky = add_channel(large, "sky", (1000, 700, 500, 300))
    left, top, right, bottom = masks.bounding_box(sky, size, (0, 0))
    assert 985 <= left <= 1000
    assert 685 <= top <= 700
    assert 1500 <= right <= 1515
    assert 1000 <= bottom <= 1015
    everything = add_channel(large, "all", (0, 0, *size))
    assert masks.bounding_box(everything, size, (0, 0)) == (0, 0, *size)


@case()
def picture_outside_the_regions_can_stay():
    image = new_image(64, 48)
    layer = new_layer(image)
    add_channel(image, "sky", (0, 0, 64, 20))
    blue = save_picture("blue.png", colour=SKY)
    paint(image, layer, region_masks=["channel:sky"], region_styles=[str(blue)], outside="keep")
    assert last_request()["styles"] == []
    assert_near(style_pixels()[:3], SKY, 1 / 255)
    painted = paint(image, layer, style_layer=None, region_masks=["channel:sky"], region_styles=[str(blue)])
    assert last_request()["styles"] == [], "without a style, the outside has none"
    assert painted.get_name().startswith("blue")


@case()
def group_is_a_region_for_each_layer_named_after_a_style():
    image = new_image(32, 24)
    layer = new_layer(image)
    group = hidden_group(image, "where")
    keep_style("Sky in blue")
    orange = save_picture("orange.png")
    opaque = array("f", [0.5, 0.5, 0.5, 1.0] * 8 * 6)
    new_layer(group, "Sky in blue", size=(8, 6), offsets=(4, 2), values=opaque)
    image.reorder_item(masked_layer(image, str(orange), (0, 12, 32, 12)), group, 1)
    paint(image, layer, region_masks=["where"], outside="keep")
    regions = last_request()["regions"]
    assert [region["styles"][0]["name"] for region in regions] == ["Sky in blue", "orange"]
    assert_near(sent_mask(0), rectangle(32, 24, (4, 2, 8, 6)), 0)
    assert_near(sent_mask(1), rectangle(32, 24, (0, 12, 32, 12)), 0)


@case()
def each_region_can_keep_its_own_colours():
    image = new_image(32, 24)
    layer = new_layer(image)
    group = hidden_group(image, "where")
    for name, top in (("left", 0), ("right", 12)):
        keep_style(name)
        new_layer(group, name, size=(32, 12), offsets=(0, top))
    add_channel(image, "sky", (0, 0, 32, 8))
    blue = str(save_picture("blue.png", colour=SKY))
    regions = {"region_masks": ["sky", "where"], "region_styles": [blue, ""]}
    painted = paint(image, layer, keep_colors="match", region_colors=["luminance", ""], **regions)
    assert [colours for _name, colours in sent_colours()] == ["luminance", None, None]
    assert last_request()["settings"]["keep-colors"] == "match"
    record = record_of(painted)
    assert [region.get("keep_colors") for region in record["regions"]] == ["luminance", None, None]
    paint(image, layer, region_colors=["", " none "], **regions)
    assert sent_colours() == [("sky", None), ("right", "none"), ("left", "none")]
    paint(image, layer, **regions)
    assert not any("keep_colors" in region for region in last_request()["regions"])


def sent_colours():
    """Return (name, keep_colors) of the regions in the last request."""
    return [(region["name"], region.get("keep_colors")) for region in last_request()["regions"]]


@case()
def strength_mask_and_fine_style_are_sent():
    image = new_image(32, 24)
    layer = new_layer(image)
    fill_rectangle(add_channel(image, "how much", (0, 0, 1, 1)), (0, 0, 32, 12), 0.5)
    fine = save_picture("strokes.png", colour=SKY)
    paint(image, layer, strength_mask="how much", fine_style=str(fine))
    sent = array("f", (FAKE_FOLDER / "strength_mask.f32").read_bytes())
    assert_near(sent, array("f", [0.5] * 32 * 12 + [0.0] * 32 * 12), 1 / 255)
    assert last_request()["styles"][0]["fine"]["name"] == "strokes"
    assert "regions" not in last_request()


@case()
def selection_is_sent_as_all_or_nothing():
    """Its soft edge is the new layer's mask. If the engine blended as well, it would count twice."""
    image = new_image(200, 160)
    layer = new_layer(image, size=(150, 140), offsets=(-20, 10))
    add_channel(image, "sky", (0, 0, 200, 70))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 40, 60, 50)
    Gimp.Selection.feather(image, 12.0)
    blue = save_picture("blue.png", colour=SKY)
    painted = paint(image, layer, region_masks=["sky"], region_styles=[str(blue)])
    mask = floats(painted.get_mask(), name="Y float")
    sent = array("f", (FAKE_FOLDER / "selection.f32").read_bytes())
    assert set(sent) == {0.0, 1.0}
    assert [value > 1 / 255 for value in mask] == [value > 0 for value in sent]
    _ok, x, y = painted.get_offsets()
    size = painted.get_width(), painted.get_height()
    assert_near(sent_mask(0), rectangle(*size, (-x, -y, 200, 70)), 0)


STYLED_SKY = {"region_masks": ["sky"], "region_styles": ["orange.png"]}
WRONG = {
    "no such mask": ({"region_masks": ["skies"]}, "“skies”", "“sky”"),
    "no such style": ({"region_masks": ["sky"], "region_styles": ["monnet"]}, "“monnet”"),
    "named like no style": ({"region_masks": ["sky"]}, "“sky”", "style"),
    "too many styles": ({"region_styles": ["a.png"]}, "1 region-styles", "0 region-masks"),
    "twice": ({"region_masks": ["sky", "channel:sky"], "region_styles": ["orange.png"] * 2}, "two regions"),
    "black": ({"region_masks": ["far"], "region_styles": ["orange.png"]}, "“far”", "black"),
    "colours": (
        {**STYLED_SKY, "region_colors": ["luminence"]},
        *("region-colors", "“luminence”", "none, luminance, match", "“luminance”"),
    ),
    "too many colours": ({**STYLED_SKY, "region_colors": ["none", ""]}, "2 region-colors", "1 region-masks"),
    "colours of nothing": ({"region_colors": ["none"]}, "1 region-colors", "0 region-masks"),
    "outside": ({"outside": "kept"}, "outside", "“kept”", "style, keep", "“keep”"),
    "weight": ({"more_styles": ["orange.png:-1"]}, "-1", "0"),
    "no weight": ({"style_weight": 0.0}, "weight", "0"),
    "strength": ({"strength_mask": "grey"}, "“grey”"),
    "fine": ({"fine_style": "/not/there.png"}, "“/not/there.png”"),
}
"""Name -> arguments, and words of the message."""


@case(
    *[(name, name) for name in WRONG],
    allowed=REFUSAL,
    long=("twice", "black", "too many colours", "colours of nothing", "weight", "no weight", "fine"),
)
def wrong_names_and_values_are_refused(name):
    image = new_image(64, 48)
    layer = new_layer(image, size=(32, 24))
    add_channel(image, "sky", (0, 0, 10, 10))
    add_channel(image, "far", (40, 30, 10, 10))
    orange = str(save_picture("orange.png"))
    arguments, *words = WRONG[name]
    arguments = {
        key: [text.replace("orange.png", orange) for text in value] if isinstance(value, list) else value
        for key, value in arguments.items()
    }
    assert_refused(image, [layer], *words, **arguments)


@case()
def real_engine_paints_two_regions_and_keeps_the_colours_of_one():
    """Pixels outside both regions stay exactly. Kept colours of a grey layer are grey."""
    image = new_image(96, 80)
    grey = [0.1 + 0.8 * (x + y) / 176 for y in range(80) for x in range(96)]
    layer = new_layer(image, alpha=False, values=array("f", [value for value in grey for _ in range(3)]))
    masked_layer(image, "sky", (0, 0, 96, 30))
    masked_layer(image, "coat", (20, 40, 40, 40))
    orange, stripes = save_picture("orange.png", 96, 96), FAKE_FOLDER / "stripes.png"
    save_image(stripes_layer().get_image(), stripes)
    before = image_state(image)
    set_engine_mode("real")
    painted = paint(
        image,
        layer,
        region_masks=["sky", "coat"],
        region_styles=[str(stripes), str(orange)],
        outside="keep",
        keep_colors="luminance",
        region_colors=["", "none"],
        iterations=20,
    )
    assert image_state(image, without=painted) == before
    assert_painted(layer, painted)
    before_values, after_values = floats(layer), floats(painted)
    channels = channels_of(layer)
    masks = [rectangle(96, 80, box) for box in ((0, 0, 96, 30), (20, 40, 40, 40))]
    changes, colourfulness = [0.0, 0.0], [0.0, 0.0]
    for position in range(96 * 80):
        first = position * channels
        before_pixel, pixel = before_values[first : first + 3], after_values[first : first + 3]
        change = max(abs(a - b) for a, b in zip(before_pixel, pixel, strict=True))
        for number, mask in enumerate(masks):
            changes[number] += change * mask[position]
            spread = (max(pixel) - min(pixel)) * mask[position]
            colourfulness[number] = max(colourfulness[number], spread)
        if not any(mask[position] for mask in masks):
            assert change == 0.0, position
    assert min(changes) > 5.0, changes
    assert colourfulness[0] <= 1.01 / 255, "the sky keeps its colours"
    assert colourfulness[1] > 0.1, "the coat takes the painting's colours"
    record = record_of(painted)
    assert [(region["mask"], region.get("keep_colors")) for region in record["regions"]] == [
        ("sky", None),
        ("coat", "none"),
    ]
    assert "styles" not in record
