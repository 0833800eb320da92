"""The layer, right in every case: kinds, precisions, profiles, places, selections, filters, masks, undo."""

from __future__ import annotations

import json
import os
from array import array
from pathlib import Path

from tests.gimp.inside.cases import (
    REFUSED,
    Gegl,
    Gimp,
    Gio,
    NotHere,
    call,
    case,
    channels_of,
    everything,
    fill,
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

KINDS = {"rgb": ("RGB", False), "rgba": ("RGB", True), "grey": ("GRAY", False), "greya": ("GRAY", True)}
PRECISIONS = {
    "U8_NON_LINEAR": 1 / 255, "U8_LINEAR": 0.05, "U16_NON_LINEAR": 2e-4, "U16_LINEAR": 2e-3,
    "U32_NON_LINEAR": 1e-4, "U32_LINEAR": 1e-4, "HALF_NON_LINEAR": 2e-3, "HALF_LINEAR": 2e-3,
    "FLOAT_NON_LINEAR": 5e-4, "FLOAT_LINEAR": 5e-4, "DOUBLE_NON_LINEAR": 1e-4, "DOUBLE_LINEAR": 1e-4,
}  # fmt: skip
"""How far a value may be off after a round trip: the step of the format, in perceptual values."""


def prophoto():
    """Return a profile with ProPhoto's primaries (ROMM RGB) and a gamma of 1.8, made by hand."""
    return Gimp.ColorProfile.new_from_icc_profile(wide_icc())


def wide_icc() -> bytes:
    """Build a matrix/TRC display profile, version 2.4, whose colourants are those of ROMM RGB, D50."""
    import struct

    def xyz(x, y, z):
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in (x, y, z))

    def described(text):
        data = text.encode() + b"\0"
        return b"desc\0\0\0\0" + struct.pack(">I", len(data)) + data + b"\0" * (4 + 4 + 2 + 1 + 67)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"
    tags = {
        b"desc": described("Wide gamut for tests"), b"cprt": b"text\0\0\0\0CC0\0",
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
    colours = channels - 1 + channels % 2
    return array("f", [1 - v if i % channels < colours else v for i, v in enumerate(values)])


@case(
    *[
        (f"{kind}-{precision}", kind, precision)
        for kind in KINDS
        for precision in PRECISIONS
        if kind in ("rgba", "greya") or precision in ("U8_NON_LINEAR", "FLOAT_LINEAR")
    ]
)
def pixels_come_back_in_their_own_format(kind, precision):
    base, alpha = KINDS[kind]
    image = new_image(24, 20, base, precision)
    layer = new_layer(image, alpha=alpha)
    before = picture_of(image)
    mode("invert")
    painted = paint(image, layer)
    assert painted.type() == layer.type()
    assert (painted.get_width(), painted.get_height()) == (24, 20)
    channels = channels_of(layer)
    near(floats(painted), inverted(floats(layer), channels), PRECISIONS[precision])
    if alpha:
        own = layer.get_buffer().get_extent()
        exact = [
            bytes(d.get_buffer().get(own, 1.0, "A float", Gegl.AbyssPolicy.NONE)) for d in (layer, painted)
        ]
        assert exact[0] == exact[1], "alpha is not exactly what it was"
    assert picture_of(image, without=painted) == before
    assert request()["content"]["channels"] == channels


@case(
    *[(f"{name}-{p}", name, p) for name in PROFILES for p in ("U8_NON_LINEAR", "U16_LINEAR", "FLOAT_LINEAR")]
)
def colours_stay_in_the_images_space(profile, precision):
    image = new_image(24, 20, "RGB", precision, PROFILES[profile]())
    # Pure primaries of a wide space are far outside sRGB and would come back wrong through it.
    values = array("f", [0.0, 1.0, 0.0, 1.0] * 240 + [1.0, 0.0, 0.25, 0.5] * 240)
    layer = new_layer(image, values=values)
    painted = paint(image, layer)
    near(floats(painted), values, PRECISIONS[precision])
    if image.get_color_profile() is not None:
        plain = floats(layer, name="R'G'B'A float")
        assert min(plain) < -0.01, "the test's colours are inside sRGB and prove nothing"


@case()
def values_outside_the_range_are_cut_off_for_the_engine():
    image = new_image(8, 8, "RGB", "FLOAT_LINEAR")
    layer = new_layer(image, values=array("f", [4.0, -2.0, 0.5, 1.0] * 64))
    painted = paint(image, layer)
    near(floats(painted), array("f", [1.0, 0.0, 0.5, 1.0] * 64), 1e-3)


@case(("negative", -10, -7), ("inside", 5, 9), ("beyond", 60, 44))
def the_painting_lies_exactly_on_its_layer(x, y):
    image = new_image(64, 48)
    new_layer(image, "below")
    layer = new_layer(image, size=(30, 26), offsets=(x, y))
    new_layer(image, "above")
    before = picture_of(image)
    painted = paint(image, layer)
    assert painted.get_offsets()[1:] == (x, y)
    assert image.get_item_position(painted) + 1 == image.get_item_position(layer)
    assert [each.get_name() for each in image.get_layers()] == ["above", "stripes", "photo", "below"]
    assert painted.get_mask() is None
    assert picture_of(image, without=painted) == before


@case()
def the_painting_goes_into_the_same_group():
    image = new_image()
    outer, inner = Gimp.GroupLayer.new(image, "outer"), Gimp.GroupLayer.new(image, "inner")
    image.insert_layer(outer, None, 0)
    image.insert_layer(inner, outer, 0)
    new_layer(image, "sibling", parent=inner)
    layer = new_layer(image, parent=inner, size=(20, 20), offsets=(3, 4))
    new_layer(image, "first", parent=inner)
    painted = paint(image, layer)
    assert painted.get_parent() == inner
    assert [each.get_name() for each in inner.get_children()] == ["first", "stripes", "photo", "sibling"]
    assert painted.get_offsets()[1:] == (3, 4)


@case()
def a_group_is_painted_as_it_looks():
    image = new_image(30, 20)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    new_layer(image, "child", parent=group, size=(30, 20), alpha=False)
    before = everything(group)
    mode("invert")
    painted = paint(image, group)
    assert not painted.is_group()
    assert painted.get_parent() is None
    assert everything(group) == before
    near(floats(painted), inverted(floats(group), channels_of(group)), 1 / 255)


@case()
def a_group_with_a_filter_is_painted_as_it_looks():
    image = new_image(30, 20)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    new_layer(image, "child", parent=group, size=(30, 20), alpha=False)
    group.append_filter(Gimp.DrawableFilter.new(group, "gegl:invert-gamma", "inverted"))
    painted = paint(image, group)
    near(floats(painted), inverted(floats(group), channels_of(group)), 2 / 255)
    assert len(group.get_filters()) == 1


@case(allowed=())
def a_text_layer_is_painted_and_stays_text():
    image = new_image(120, 60)
    layer = Gimp.TextLayer.new(image, "Hello", Gimp.context_get_font(), 30.0, Gimp.Unit.pixel())
    image.insert_layer(layer, None, 0)
    before = picture_of(image)
    painted = paint(image, layer)
    assert not painted.is_text_layer()
    assert layer.is_text_layer()
    assert layer.get_text() == "Hello"
    assert picture_of(image, without=painted) == before


@case(("link", "LinkLayer"), ("vector", "VectorLayer"))
def a_layer_of_gimp_3_2s_kinds_is_painted_and_stays_what_it_is(kind):
    if not hasattr(Gimp, kind):
        raise NotHere(f"this GIMP has no {kind}")
    image = new_image(60, 40)
    if kind == "LinkLayer":
        linked = Path(os.environ["NST_FAKE"]) / "linked.png"
        other = new_image(30, 20)
        new_layer(other, alpha=False)
        file = Gio.File.new_for_path(str(linked))
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, other, file, None)
        layer = Gimp.LinkLayer.new(image, file)
    else:
        path = Gimp.Path.new(image, "path")
        image.insert_path(path, None, 0)
        path.bezier_stroke_new_ellipse(30.0, 20.0, 20.0, 12.0, 0.0)
        layer = Gimp.VectorLayer.new(image, path)
    image.insert_layer(layer, None, 0)
    before = picture_of(image)
    painted = paint(image, layer)
    assert type(painted) is Gimp.Layer
    assert type(layer) is getattr(Gimp, kind)
    assert painted.get_offsets() == layer.get_offsets()
    assert picture_of(image, without=painted) == before


@case(("content", "set_lock_content"), ("position", "set_lock_position"), ("alpha", "set_lock_alpha"))
def a_locked_layer_is_painted_and_stays_locked(setter):
    image = new_image()
    layer = new_layer(image)
    assert getattr(layer, setter)(True)
    before = picture_of(image)
    painted = paint(image, layer)
    assert getattr(layer, setter.replace("set_", "get_"))()
    assert not painted.get_lock_content()
    assert picture_of(image, without=painted) == before


@case()
def filters_are_seen_as_the_user_sees_them():
    image = new_image(24, 20)
    layer = new_layer(image, offsets=(-4, 3))
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "inverted"))
    before = picture_of(image)
    painted = paint(image, layer)
    near(floats(painted), inverted(floats(layer), 4), 2 / 255)
    assert len(layer.get_filters()) == 1
    assert painted.get_filters() == []
    assert picture_of(image, without=painted) == before


@case(("with-alpha", True), ("without-alpha", False))
def a_layers_mask_hides_the_same_of_the_painting(alpha):
    image = new_image(24, 20)
    layer = new_layer(image, alpha=alpha)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    half = array("f", [1.0] * 240 + [0.0] * 240)
    buffer = mask.get_buffer()
    buffer.set(buffer.get_extent(), "Y float", half.tobytes())
    buffer.flush()
    before = picture_of(image)
    mode("invert")
    painted = paint(image, layer)
    assert request()["content"]["channels"] == 4, "what is hidden must not take part"
    near(floats(painted.get_mask(), name="Y float"), half, 0)
    assert painted.has_alpha() == alpha
    near(floats(painted), inverted(floats(layer), 3 + alpha), 1 / 255)
    assert picture_of(image, without=painted) == before


def masked_by(image, painted):
    """Return the mask and what the selection says at the same place."""
    _ok, x, y = painted.get_offsets()
    box = (x, y, painted.get_width(), painted.get_height())
    return floats(painted.get_mask(), name="Y float"), floats(image.get_selection(), box, "Y float")


@case()
def a_selection_is_all_that_is_computed():
    image = new_image(600, 400)
    layer = new_layer(image, alpha=False, values=array("f", [0.2, 0.4, 0.6] * 240000))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 150, 60, 40)
    before = picture_of(image)
    painted = paint(image, layer)
    assert (painted.get_width(), painted.get_height()) == (60 + 64, 40 + 64)
    assert painted.get_offsets()[1:] == (168, 118)
    assert request()["content"]["width"] == 124
    near(*masked_by(image, painted), 0)
    assert sum(floats(painted.get_mask(), name="Y float")) == 60 * 40
    assert picture_of(image, without=painted) == before


@case()
def a_feathered_selection_becomes_a_soft_mask():
    image = new_image(200, 160)
    layer = new_layer(image, size=(150, 140), offsets=(-20, 10))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 30, 40, 60, 50)
    Gimp.Selection.feather(image, 12.0)
    painted = paint(image, layer)
    mask, selection = masked_by(image, painted)
    near(mask, selection, 0)
    assert any(0.1 < value < 0.9 for value in mask)


@case()
def a_selection_partly_outside_the_layer():
    image = new_image(200, 160)
    layer = new_layer(image, size=(100, 100), offsets=(40, 30))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 60, 50)
    painted = paint(image, layer)
    assert painted.get_offsets()[1:] == (40, 30)
    assert (painted.get_width(), painted.get_height()) == (20 + 32, 20 + 32)
    near(*masked_by(image, painted), 0)


@case()
def a_selection_and_a_layers_mask_together():
    image = new_image(24, 20)
    layer = new_layer(image)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    buffer = mask.get_buffer()
    buffer.set(buffer.get_extent(), "Y float", array("f", [0.5] * 480).tobytes())
    buffer.flush()
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 12, 20)
    painted = paint(image, layer)
    got = floats(painted.get_mask(), name="Y float")
    near(got, array("f", ([0.5] * 12 + [0.0] * 12) * 20), 1 / 255)


@case(allowed=REFUSED)
def a_selection_wholly_outside_the_layer_is_refused():
    image = new_image(200, 160)
    layer = new_layer(image, size=(50, 50))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 100, 100, 60, 50)
    refused(image, [layer], "selection does not touch")


def refused(image, drawables, words, style=True, **arguments):
    """Check that a call is refused in ``words``, and that nothing has changed."""
    if style and not {"style_file", "style_layer"} & set(arguments):
        arguments["style_layer"] = style_layer(image)
    before, images = picture_of(image), len(Gimp.get_images())
    status, message = call(image, drawables, **arguments)
    assert status in ("calling-error", "execution-error"), status
    assert words in message, message
    assert message.endswith((".", "?")), message
    assert picture_of(image) == before
    assert len(Gimp.get_images()) == images
    return message


@case(allowed=REFUSED)
def an_image_with_a_palette_is_refused():
    image = new_image()
    layer = new_layer(image)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, True, "")
    assert "Image > Mode > RGB" in refused(image, [layer], "palette")


@case(allowed=REFUSED)
def a_mask_a_channel_and_other_numbers_of_layers_are_refused():
    image = new_image()
    layer, other = new_layer(image), new_layer(image, "other")
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    refused(image, [mask], "layer mask cannot be painted")
    refused(image, [layer, other], "2 are selected")
    refused(image, [], "0 are selected")


@case(allowed=REFUSED)
def a_floating_selection_is_refused():
    image = new_image()
    layer = new_layer(image)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 20, 20)
    floating = Gimp.Selection.float(image, [layer], 3, 3)
    refused(image, [floating], "floating selection")
    Gimp.floating_sel_anchor(floating)


@case()
def the_record_tells_how_to_repeat_it():
    image = new_image()
    painted = paint(image, new_layer(image), strength=70.0, seed=12)
    assert painted.get_name() == "stripes"
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert record["settings"]["strength"] == 70.0
    assert record["settings"]["seed"] == 12
    assert record["seed"] == 7, "the seed is the engine's word"
    assert record["model_sha256"] == "f" * 64
    assert record["style"].startswith("layer of ")
    assert painted.get_parasite("neural-style").is_persistent()
    assert not record["stopped"]
    assert record["notices"] == []
    mode("notice")
    painted = paint(image, new_layer(image))
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert record["notices"] == ["The sky is too small for relu5_1."]


@case()
def a_layer_changed_in_between_is_none_of_our_business():
    """The selection is taken when the filter is called; the painting follows the layer where it went."""
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


@case(("rgb", "rgb", "U8_NON_LINEAR", "srgb"), ("rgba-16", "rgba", "U16_NON_LINEAR", "adobe"),
      ("grey", "grey", "U8_NON_LINEAR", "srgb"), ("greya-float", "greya", "FLOAT_LINEAR", "srgb"),
      ("rgb-half-wide", "rgb", "HALF_LINEAR", "prophoto"))  # fmt: skip
def the_real_engine_paints(kind, precision, profile):
    base, alpha = KINDS[kind]
    image = new_image(96, 80, base, precision, PROFILES[profile]() if base == "RGB" else None)
    layer = new_layer(image, alpha=alpha, size=(96, 80), offsets=(-5, 6))
    before = picture_of(image)
    mode("real")
    painted = paint(image, layer, strength=80.0, iterations=40)
    real_result(layer, painted)
    assert painted.get_offsets()[1:] == (-5, 6)
    assert picture_of(image, without=painted) == before


def real_result(layer, painted):
    """Check that the network has been at work: other pixels, the same alpha, nothing out of range."""
    values, source = floats(painted), floats(layer)
    channels = channels_of(painted)
    assert min(values) >= -1e-3 and max(values) <= 1 + 1e-3  # noqa: PT018 - one range
    difference = sum(abs(a - b) for a, b in zip(values, source, strict=True)) / len(values)
    assert difference > 0.001, f"nothing was painted: {difference}"
    if channels % 2 == 0:
        assert values[channels - 1 :: channels] == source[channels - 1 :: channels]
    record = json.loads(bytes(painted.get_parasite("neural-style").get_data()).decode())
    assert len(record["model_sha256"]) == 64
    assert record["model_sha256"] != "f" * 64
    assert record["engine"] not in ("", "0.0.1")


@case()
def the_real_engine_paints_a_selection_in_a_group_through_a_mask_and_a_filter():
    image = new_image(300, 200)
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    layer = new_layer(image, parent=group, size=(200, 150), offsets=(-10, 20))
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "inverted"))
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 20, 40, 70, 60)
    Gimp.Selection.feather(image, 8.0)
    before = picture_of(image)
    mode("real")
    painted = paint(image, layer)
    assert painted.get_parent() == group
    near(*masked_by(image, painted), 0)
    assert everything(layer) in before[0][-1]
    fill(painted, array("f", floats(painted)))  # it can be written to like any other


@case(("text", "text"), ("group", "group"), ("locked", "locked"))
def the_real_engine_paints_special_layers(kind):
    image = new_image(96, 80)
    if kind == "text":
        layer = Gimp.TextLayer.new(image, "Paint", Gimp.context_get_font(), 40.0, Gimp.Unit.pixel())
        image.insert_layer(layer, None, 0)
    elif kind == "group":
        layer = Gimp.GroupLayer.new(image, "group")
        image.insert_layer(layer, None, 0)
        new_layer(image, "child", parent=layer)
    else:
        layer = new_layer(image)
        layer.set_lock_content(True)
    before = picture_of(image)
    mode("real")
    painted = paint(image, layer)
    assert type(painted) is Gimp.Layer
    assert picture_of(image, without=painted) == before
