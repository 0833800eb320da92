"""Layers of every kind: precisions, profiles, positions, selections, filters, masks and records."""

from __future__ import annotations

import struct
from array import array

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    REFUSAL,
    Gimp,
    MissingFeature,
    add_group,
    add_mask,
    append_filter,
    assert_near,
    assert_painted,
    assert_refused,
    case,
    channels_of,
    fill,
    floats,
    gimp_file,
    image_state,
    last_request,
    layer_state,
    new_image,
    new_layer,
    paint,
    record_of,
    save_image,
    set_engine_mode,
    to_palette,
)

KINDS = {"rgb": ("RGB", False), "rgba": ("RGB", True), "grey": ("GRAY", False), "greya": ("GRAY", True)}
PRECISIONS = {
    "U8_NON_LINEAR": 1 / 255, "U8_LINEAR": 0.05, "U16_NON_LINEAR": 2e-4, "U16_LINEAR": 2e-3,
    "U32_NON_LINEAR": 1e-4, "U32_LINEAR": 1e-4, "HALF_NON_LINEAR": 2e-3, "HALF_LINEAR": 2e-3,
    "FLOAT_NON_LINEAR": 5e-4, "FLOAT_LINEAR": 5e-4, "DOUBLE_NON_LINEAR": 1e-4, "DOUBLE_LINEAR": 1e-4,
}  # fmt: skip
"""Largest error of a value after a round trip: the step of the format, in perceptual values."""

USUAL = ("U8_NON_LINEAR", "U16_LINEAR", "HALF_NON_LINEAR", "FLOAT_LINEAR", "DOUBLE_NON_LINEAR")
"""One precision of each kind, linear and not."""


def prophoto():
    """Return a profile with ProPhoto's primaries (ROMM RGB) and a gamma of 1.8."""
    return Gimp.ColorProfile.new_from_icc_profile(wide_icc())


def wide_icc() -> bytes:
    """Return a matrix/TRC display profile, version 2.4, with the colourants of ROMM RGB, D50."""

    def xyz(x, y, z):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (x, y, z))

    def description(text):
        data = text.encode() + b"\0"
        return b"desc\0\0\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (4 + 4 + 2 + 1 + 67)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"
    tags = {
        b"desc": description("Wide gamut for tests"), b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"rXYZ": xyz(0.7977, 0.2880, 0.0), b"gXYZ": xyz(0.1352, 0.7119, 0.0),
        b"bXYZ": xyz(0.0313, 0.0001, 0.8249),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2025, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    return header.ljust(128, b"\0") + table + body


PROFILES = {
    "srgb": lambda: None,
    "adobe": lambda: Gimp.ColorProfile.new_rgb_adobe(),
    "prophoto": prophoto,
}


def inverted(values, channels) -> array:
    """Return the values with all channels but alpha inverted, as the fake engine does."""
    colours = channels - 1 + channels % 2
    return array("f", [1 - v if i % channels < colours else v for i, v in enumerate(values)])


@case(
    *[
        (f"{kind}-{precision}", kind, precision)
        for kind in KINDS
        for precision in PRECISIONS
        if kind in ("rgba", "greya") or precision in ("U8_NON_LINEAR", "FLOAT_LINEAR")
    ],
    long=[
        f"{kind}-{precision}"
        for kind in KINDS
        for precision in PRECISIONS
        if precision not in USUAL or (kind == "greya" and precision != "U16_LINEAR")
    ],
)
def pixels_come_back_in_their_own_format(kind, precision):
    base, alpha = KINDS[kind]
    image = new_image(24, 20, base, precision)
    layer = new_layer(image, alpha=alpha)
    before = image_state(image)
    set_engine_mode("invert")
    painted = paint(image, layer)
    assert painted.type() == layer.type()
    assert (painted.get_width(), painted.get_height()) == (24, 20)
    channels = channels_of(layer)
    assert_near(floats(painted), inverted(floats(layer), channels), PRECISIONS[precision])
    if alpha:
        assert floats(layer, name="A float") == floats(painted, name="A float"), "alpha has changed"
    assert image_state(image, without=painted) == before
    assert last_request()["content"]["channels"] == channels


@case(
    *[
        (f"{name}-{precision}", name, precision)
        for name in PROFILES
        for precision in ("U8_NON_LINEAR", "U16_LINEAR", "FLOAT_LINEAR")
    ],
    long=["srgb-U16_LINEAR", "srgb-FLOAT_LINEAR", "adobe-U8_NON_LINEAR", "prophoto-U16_LINEAR"],
)
def colours_stay_in_the_images_space(profile, precision):
    image = new_image(24, 20, "RGB", precision, PROFILES[profile]())
    # Pure primaries of a wide space are far outside sRGB and would come back wrong through it.
    values = array("f", [0.0, 1.0, 0.0, 1.0] * 240 + [1.0, 0.0, 0.25, 0.5] * 240)
    layer = new_layer(image, values=values)
    painted = paint(image, layer)
    assert_near(floats(painted), values, PRECISIONS[precision])
    if image.get_color_profile() is not None:
        srgb = floats(layer, name="R'G'B'A float")
        assert min(srgb) < -0.01, "the test's colours are inside sRGB and prove nothing"


@case()
def values_outside_the_range_are_clipped_for_the_engine():
    image = new_image(8, 8, "RGB", "FLOAT_LINEAR")
    layer = new_layer(image, values=array("f", [4.0, -2.0, 0.5, 1.0] * 64))
    painted = paint(image, layer)
    assert_near(floats(painted), array("f", [1.0, 0.0, 0.5, 1.0] * 64), 1e-3)


@case(("negative", -10, -7), ("inside", 5, 9), ("beyond", 60, 44), long=["inside"])
def painting_lies_exactly_on_its_layer(x, y):
    image = new_image(64, 48)
    new_layer(image, "below")
    layer = new_layer(image, size=(30, 26), offsets=(x, y))
    new_layer(image, "above")
    before = image_state(image)
    painted = paint(image, layer)
    assert painted.get_offsets()[1:] == (x, y)
    assert image.get_item_position(painted) + 1 == image.get_item_position(layer)
    assert [item.get_name() for item in image.get_layers()] == ["above", painted.get_name(), "photo", "below"]
    assert painted.get_mask() is None
    assert image_state(image, without=painted) == before


@case()
def painting_goes_into_the_same_group():
    image = new_image()
    outer = add_group(image, "outer")
    inner = add_group(image, "inner", parent=outer)
    new_layer(inner, "sibling")
    layer = new_layer(inner, size=(20, 20), offsets=(3, 4))
    new_layer(inner, "first")
    painted = paint(image, layer)
    assert painted.get_parent() == inner
    assert [item.get_name() for item in inner.get_children()] == [
        "first",
        painted.get_name(),
        "photo",
        "sibling",
    ]
    assert painted.get_offsets()[1:] == (3, 4)


@case()
def group_is_painted_as_it_looks():
    image = new_image(30, 20)
    group = add_group(image)
    new_layer(group, "child", size=(30, 20), alpha=False)
    before = layer_state(group)
    set_engine_mode("invert")
    painted = paint(image, group)
    assert not painted.is_group()
    assert painted.get_parent() is None
    assert layer_state(group) == before
    assert_near(floats(painted), inverted(floats(group), channels_of(group)), 1 / 255)


@case()
def group_with_a_filter_is_painted_as_it_looks():
    image = new_image(30, 20)
    group = add_group(image)
    new_layer(group, "child", size=(30, 20), alpha=False)
    append_filter(group, "gegl:invert-gamma")
    painted = paint(image, group)
    assert_near(floats(painted), inverted(floats(group), channels_of(group)), 2 / 255)
    assert len(group.get_filters()) == 1


@case(allowed=())
def text_layer_is_painted_and_stays_text():
    image = new_image(120, 60)
    layer = Gimp.TextLayer.new(image, "Hello", Gimp.context_get_font(), 30.0, Gimp.Unit.pixel())
    image.insert_layer(layer, None, 0)
    before = image_state(image)
    painted = paint(image, layer)
    assert not painted.is_text_layer()
    assert layer.is_text_layer()
    assert layer.get_text() == "Hello"
    assert image_state(image, without=painted) == before


@case(("link", "LinkLayer"), ("vector", "VectorLayer"))
def layer_of_gimp_3_2_is_painted_and_keeps_its_kind(kind):
    if not hasattr(Gimp, kind):
        raise MissingFeature(f"this GIMP has no {kind}")
    image = new_image(60, 40)
    if kind == "LinkLayer":
        other = new_image(30, 20)
        new_layer(other, alpha=False)
        save_image(other, FAKE_FOLDER / "linked.png")
        layer = Gimp.LinkLayer.new(image, gimp_file(FAKE_FOLDER / "linked.png"))
    else:
        path = Gimp.Path.new(image, "path")
        image.insert_path(path, None, 0)
        path.bezier_stroke_new_ellipse(30.0, 20.0, 20.0, 12.0, 0.0)
        layer = Gimp.VectorLayer.new(image, path)
    image.insert_layer(layer, None, 0)
    before = image_state(image)
    painted = paint(image, layer)
    assert type(painted) is Gimp.Layer
    assert type(layer) is getattr(Gimp, kind)
    assert painted.get_offsets() == layer.get_offsets()
    assert image_state(image, without=painted) == before


@case(
    ("content", "set_lock_content"),
    ("position", "set_lock_position"),
    ("alpha", "set_lock_alpha"),
    long=["position", "alpha"],
)
def locked_layer_is_painted_and_stays_locked(setter):
    image = new_image()
    layer = new_layer(image)
    assert getattr(layer, setter)(True)
    before = image_state(image)
    painted = paint(image, layer)
    assert getattr(layer, setter.replace("set_", "get_"))()
    assert not painted.get_lock_content()
    assert image_state(image, without=painted) == before


@case()
def filters_count_as_the_user_sees_them():
    image = new_image(24, 20)
    layer = new_layer(image, offsets=(-4, 3))
    append_filter(layer, "gegl:invert-gamma")
    before = image_state(image)
    painted = paint(image, layer)
    assert_near(floats(painted), inverted(floats(layer), 4), 2 / 255)
    assert len(layer.get_filters()) == 1
    assert painted.get_filters() == []
    assert image_state(image, without=painted) == before


@case(("with-alpha", True), ("without-alpha", False))
def layer_mask_is_copied_to_the_painting(alpha):
    image = new_image(24, 20)
    layer = new_layer(image, alpha=alpha)
    half = array("f", [1.0] * 240 + [0.0] * 240)
    add_mask(layer, half)
    before = image_state(image)
    set_engine_mode("invert")
    painted = paint(image, layer)
    assert last_request()["content"]["channels"] == 4, "hidden pixels must not take part"
    assert_near(floats(painted.get_mask(), name="Y float"), half, 0)
    assert painted.has_alpha() == alpha
    assert_near(floats(painted), inverted(floats(layer), 3 + alpha), 1 / 255)
    assert image_state(image, without=painted) == before


def mask_and_selection(image, painted):
    """Return the painting's mask and the selection in the same place."""
    _ok, x, y = painted.get_offsets()
    box = (x, y, painted.get_width(), painted.get_height())
    return floats(painted.get_mask(), name="Y float"), floats(image.get_selection(), box, "Y float")


@case()
def only_the_selection_is_computed():
    image = new_image(600, 400)
    layer = new_layer(image, alpha=False, values=array("f", [0.2, 0.4, 0.6] * 240000))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 150, 60, 40)
    before = image_state(image)
    painted = paint(image, layer)
    assert (painted.get_width(), painted.get_height()) == (60 + 64, 40 + 64)
    assert painted.get_offsets()[1:] == (168, 118)
    assert last_request()["content"]["width"] == 124
    assert_near(*mask_and_selection(image, painted), 0)
    assert sum(floats(painted.get_mask(), name="Y float")) == 60 * 40
    assert image_state(image, without=painted) == before


@case()
def feathered_selection_becomes_a_soft_mask():
    image = new_image(200, 160)
    layer = new_layer(image, size=(150, 140), offsets=(-20, 10))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 40, 60, 50)
    Gimp.Selection.feather(image, 12.0)
    painted = paint(image, layer)
    mask, selection = mask_and_selection(image, painted)
    assert_near(mask, selection, 0)
    assert any(0.1 < value < 0.9 for value in mask)


@case()
def selection_partly_outside_the_layer_is_cut_to_it():
    image = new_image(200, 160)
    layer = new_layer(image, size=(100, 100), offsets=(40, 30))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 60, 50)
    painted = paint(image, layer)
    assert painted.get_offsets()[1:] == (40, 30)
    assert (painted.get_width(), painted.get_height()) == (20 + 32, 20 + 32)
    assert_near(*mask_and_selection(image, painted), 0)


@case()
def selection_and_layer_mask_are_combined():
    image = new_image(24, 20)
    layer = new_layer(image)
    add_mask(layer, [0.5] * 480)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 12, 20)
    painted = paint(image, layer)
    mask = floats(painted.get_mask(), name="Y float")
    assert_near(mask, array("f", ([0.5] * 12 + [0.0] * 12) * 20), 1 / 255)


@case(allowed=REFUSAL)
def selection_outside_the_layer_is_refused():
    image = new_image(200, 160)
    layer = new_layer(image, size=(50, 50))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 100, 100, 60, 50)
    assert_refused(image, [layer], "selection")


@case(allowed=REFUSAL)
def image_with_a_palette_is_refused():
    image = new_image()
    layer = new_layer(image)
    to_palette(image)
    assert_refused(image, [layer], "palette", "Image > Mode > RGB")


@case(allowed=REFUSAL)
def mask_and_other_numbers_of_layers_are_refused():
    image = new_image()
    layer, other = new_layer(image), new_layer(image, "other")
    assert_refused(image, [add_mask(layer)], "mask")
    assert_refused(image, [layer, other], "2")
    assert_refused(image, [], "0")


@case(allowed=REFUSAL)
def floating_selection_is_refused():
    image = new_image()
    layer = new_layer(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 20, 20)
    floating = Gimp.Selection.float(image, [layer], 3, 3)
    assert_refused(image, [floating], "floating selection")
    Gimp.floating_sel_anchor(floating)


@case()
def record_says_how_to_repeat_the_painting():
    image = new_image()
    painted = paint(image, new_layer(image), strength=70.0, seed=12)
    assert painted.get_name() == "stripes, strength 70, 32 px"
    record = record_of(painted)
    assert record["settings"]["strength"] == 70.0
    assert record["settings"]["seed"] == 12
    assert record["seed"] == 7, "the engine decides on the seed"
    assert record["model_sha256"] == "f" * 64
    assert record["style"].startswith("layer of ")
    assert painted.get_parasite("neural-style").is_persistent()
    assert not record["stopped"]
    assert record["notices"] == []
    set_engine_mode("notice")
    painted = paint(image, new_layer(image))
    record = record_of(painted)
    assert record["notices"] == ["The sky is too small for relu5_1."]


@case()
def grey_image_stays_grey_and_says_so_once():
    """Unless nothing would have the style's colours anyway."""
    image = new_image(base="GRAY")
    layer = new_layer(image)
    painted = paint(image, layer)
    assert painted.is_gray()
    (notice,) = record_of(painted)["notices"]
    assert "Image > Mode > RGB" in notice
    assert record_of(paint(image, layer, keep_colors="luminance"))["notices"] == []


@case()
def each_call_uses_the_selection_and_position_of_that_moment():
    """The selection is read when the filter is called. The painting follows the layer to its new position."""
    image = new_image(200, 160)
    layer = new_layer(image, size=(100, 100))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 20, 20)
    first = paint(image, layer)
    Gimp.Selection.none(image)
    layer.set_offsets(7, 9)
    second = paint(image, layer)
    assert first.get_mask() is not None
    assert second.get_mask() is None
    assert second.get_offsets()[1:] == (7, 9)


@case(("rgba-16", "rgba", "U16_NON_LINEAR", "adobe"), ("greya-float", "greya", "FLOAT_LINEAR", "srgb"),
      ("rgb-half-wide", "rgb", "HALF_LINEAR", "prophoto"))  # fmt: skip
def real_engine_paints(kind, precision, profile):
    base, alpha = KINDS[kind]
    image = new_image(96, 80, base, precision, PROFILES[profile]() if base == "RGB" else None)
    layer = new_layer(image, alpha=alpha, size=(96, 80), offsets=(-5, 6))
    before = image_state(image)
    set_engine_mode("real")
    painted = paint(image, layer, strength=80.0, iterations=40)
    assert_painted(layer, painted)
    assert painted.get_offsets()[1:] == (-5, 6)
    assert image_state(image, without=painted) == before


@case()
def real_engine_paints_a_selection_in_a_group_with_a_mask_and_a_filter():
    image = new_image(300, 200)
    group = add_group(image)
    layer = new_layer(group, size=(200, 150), offsets=(-10, 20))
    append_filter(layer, "gegl:invert-gamma")
    add_mask(layer)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 40, 70, 60)
    Gimp.Selection.feather(image, 8.0)
    before = image_state(image)
    set_engine_mode("real")
    painted = paint(image, layer)
    assert painted.get_parent() == group
    assert_near(*mask_and_selection(image, painted), 0)
    assert layer_state(layer) in before[0][-1]
    fill(painted, array("f", floats(painted)))  # it can be written to like any other


@case(("text", "text"), ("group", "group"), ("locked", "locked"))
def real_engine_paints_special_layers(kind):
    image = new_image(96, 80)
    if kind == "text":
        layer = Gimp.TextLayer.new(image, "Paint", Gimp.context_get_font(), 40.0, Gimp.Unit.pixel())
        image.insert_layer(layer, None, 0)
    elif kind == "group":
        layer = add_group(image)
        new_layer(layer, "child")
    else:
        layer = new_layer(image)
        layer.set_lock_content(True)
    before = image_state(image)
    set_engine_mode("real")
    painted = paint(image, layer)
    assert type(painted) is Gimp.Layer
    assert image_state(image, without=painted) == before
