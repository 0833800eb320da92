"""Styles: files of every format that GIMP opens, layers, other images, colours, crops, and refused styles."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from array import array
from pathlib import Path

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    REFUSAL,
    Gimp,
    add_mask,
    append_filter,
    assert_near,
    assert_painted,
    assert_refused,
    case,
    floats,
    gimp_file,
    image_state,
    last_request,
    new_image,
    new_layer,
    paint,
    save_image,
    set_engine_mode,
    to_palette,
)

ORANGE = (0.9, 0.5, 0.1)


def save_picture(name: str, width=48, height=32, colour=ORANGE) -> Path:
    """Let GIMP write a picture of one colour in the format of the name's suffix, and return its path."""
    path = FAKE_FOLDER / name
    if name.endswith(".svg"):
        rgb = ",".join(str(round(255 * value)) for value in colour)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
            f'<rect width="{width}" height="{height}" fill="rgb({rgb})"/></svg>'
        )
        return path
    image = new_image(width, height)
    new_layer(image, alpha=False, values=array("f", colour * (width * height)))
    save_image(image, path)
    image.delete()
    return path


def import_plug_in() -> None:
    """Make the plug-in's modules importable here."""
    folder = str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style")
    if folder not in sys.path:
        sys.path.insert(0, folder)


def sent_style() -> tuple:
    """Return (width, height, channels) of the style in the last request."""
    style = last_request()["styles"][0]
    return (style["width"], style["height"], style["channels"])


def style_pixels() -> array:
    """Return the pixels of the style in the last request, which the fake engine keeps."""
    return array("f", (FAKE_FOLDER / "style.f32").read_bytes())


@case(
    *[
        (kind, f"orange style.{kind}")
        for kind in ("xcf", "psd", "png", "jpg", "webp", "tif", "heic", "svg", "gif", "bmp")
    ],
    long=("psd", "gif", "bmp"),
)
def style_can_have_any_format_that_gimp_opens(name):
    image = new_image()
    layer = new_layer(image)
    painted = paint(image, layer, style_file=save_picture(name))
    assert painted.get_name().startswith("orange style, ")
    assert sent_style()[:2] == (48, 32)
    tolerance = 0.05 if name.endswith(("jpg", "heic", "webp", "gif")) else 1 / 255
    assert_near(style_pixels()[:3], ORANGE, tolerance)


def save_turned_picture(name: str, orientation: int) -> Path:
    """Write a PNG of 48 x 32 pixels, orange above black, whose Exif data say how to turn it upright."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = [b"\0" + bytes(round(255 * value) for value in ORANGE) * 48] * 16 + [b"\0" + bytes(3 * 48)] * 16
    exif = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    path = FAKE_FOLDER / name
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 48, 32, 8, 2, 0, 0, 0))
        + chunk(b"eXIf", exif)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )
    return path


@case(
    ("upside-down", 3, (48, 32), -1),
    ("right", 6, (32, 48), 31),
    ("left", 8, (32, 48), 0),
    long=["upside-down", "left"],
)
def style_file_is_turned_upright(orientation, size, orange_pixel):
    image = new_image()
    paint(image, new_layer(image), style_file=save_turned_picture("turned.png", orientation))
    assert sent_style()[:2] == size
    pixels = style_pixels()
    at = orange_pixel % (len(pixels) // 3) * 3
    assert_near(pixels[at : at + 3], ORANGE, 1 / 255)


@case(allowed=REFUSAL)
def style_file_that_is_cut_short_is_refused():
    image = new_image()
    path = save_picture("cut.jpg")
    path.write_bytes(path.read_bytes()[:-40])
    assert_refused(image, [new_layer(image)], "cut.jpg", "damaged", style_file=path)
    path.write_bytes(b"")
    assert_refused(image, [image.get_layers()[0]], "cut.jpg", "empty", style_file=path)


@case()
def style_file_name_can_use_any_script():
    image = new_image()
    painted = paint(image, new_layer(image), style_file=save_picture("Стиль 風 “é”.png"))
    assert painted.get_name().startswith("Стиль 風 “é”, ")


@case()
def hidden_layers_of_a_style_file_do_not_count():
    other = new_image(20, 20)
    new_layer(other, "shown", alpha=False, values=array("f", (0.2, 0.4, 0.8) * 400))
    hidden = new_layer(other, "hidden", alpha=False, values=array("f", (1.0, 0.0, 0.0) * 400))
    hidden.set_visible(False)
    path = FAKE_FOLDER / "layers.xcf"
    save_image(other, path)
    image = new_image()
    paint(image, new_layer(image), style_file=path)
    assert_near(style_pixels()[:3], (0.2, 0.4, 0.8), 1 / 255)


@case()
def transparency_of_the_style_is_sent():
    other = new_image(10, 10)
    style = new_layer(other, values=array("f", [0.5, 0.5, 0.5, 0.25] * 100))
    add_mask(style, [0.5] * 100)
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    assert sent_style() == (10, 10, 4)
    assert_near(style_pixels()[3::4], [0.125] * 100, 2 / 255)


@case()
def style_is_converted_to_the_contents_colour_space():
    """A style in sRGB is sent in Adobe RGB for content in Adobe RGB, and the other way round."""
    image = new_image(32, 32, profile=Gimp.ColorProfile.new_rgb_adobe())
    other = new_image(16, 16)
    values = array("f", (0.0, 1.0, 0.0) * 256)
    style = new_layer(other, alpha=False, values=values)
    paint(image, new_layer(image), style_layer=style)
    assert_near(style_pixels()[:3], (0.565, 1.0, 0.234), 0.01)  # sRGB's green in Adobe RGB, as published
    adobe = new_image(16, 16, profile=Gimp.ColorProfile.new_rgb_adobe())
    wide = new_layer(adobe, alpha=False, values=values)
    plain = new_image(32, 32)
    paint(plain, new_layer(plain), style_layer=wide)
    assert_near(style_pixels()[:3], (0.0, 1.0, 0.0), 0.01)  # Adobe RGB's green, cut off to sRGB


@case()
def layer_with_a_palette_can_be_a_style():
    other = new_image(16, 16)
    style = new_layer(other, alpha=False, values=array("f", ORANGE * 256))
    to_palette(other)
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    assert_near(style_pixels()[:3], ORANGE, 1 / 255)


@case()
def style_of_grey_content_is_sent_in_grey():
    image = new_image(base="GRAY")
    paint(image, new_layer(image, alpha=False), style_file=save_picture("orange.png"))
    assert sent_style() == (48, 32, 1)


@case()
def filters_on_the_style_count():
    other = new_image(16, 16)
    style = new_layer(other, alpha=False, values=array("f", (0.25, 0.25, 0.75) * 256))
    append_filter(style, "gegl:invert-gamma")
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    assert_near(style_pixels()[:3], (0.75, 0.75, 0.25), 2 / 255)


@case()
def mask_stays_in_place_when_a_filter_enlarges_its_layer():
    """GIMP 3.2 enlarges a layer with a shadow to the left and above as well. True for content and style."""
    import_plug_in()
    from nst_gimp.image import layers

    image = new_image(96, 64)
    layer = new_layer(image, size=(40, 30), alpha=False, offsets=(30, 20))
    mask = array("f", ([1.0] * 20 + [0.0] * 20) * 30)
    add_mask(layer, mask)
    shadow = Gimp.DrawableFilter.new(layer, "gegl:dropshadow", "shadow")
    for name, value in (("x", -6.0), ("y", -8.0), ("radius", 3.0)):
        shadow.get_config().set_property(name, value)
    shadow.update()
    layer.append_filter(shadow)
    own = floats(layer)
    content_path = str(FAKE_FOLDER / "content.f32")

    subject = layers.get_subject(image, [layer])
    sent = layers.read(subject, content_path)
    values = array("f", Path(sent.path).read_bytes())
    assert sent[1:] == (40, 30, 4)
    assert_near(values[3::4], mask, 1 / 255)
    for colour in range(3):
        assert_near(values[colour::4], own[colour::3], 2 / 255)
    half_size = layers.read(subject, content_path, scale=0.5)
    values = array("f", Path(half_size.path).read_bytes())
    assert_near(values[3::4], array("f", ([1.0] * 10 + [0.0] * 10) * 15), 1 / 255)

    other = new_image(96, 64)
    paint(other, new_layer(other), style_layer=layer)
    assert sent_style() == (40, 30, 4)
    assert_near(style_pixels()[3::4], mask, 1 / 255)


@case()
def large_style_is_sent_no_larger_than_useful():
    path = save_picture("large.png", 900, 600)
    image = new_image(100, 80)
    paint(image, new_layer(image), style_file=path, size=0)
    assert sent_style() == (150, 100, 3)
    paint(image, new_layer(image), style_file=path, size=0, style_scale=4.0)
    assert sent_style() == (600, 400, 3)
    assert_near(style_pixels()[:3], ORANGE, 1 / 255)


@case(allowed=REFUSAL)
def style_is_cropped():
    other = new_image(40, 20)
    values = array("f", ((0.9, 0.1, 0.1) * 20 + (0.1, 0.1, 0.9) * 20) * 20)
    style = new_layer(other, alpha=False, values=values)
    image = new_image()
    layer = new_layer(image)
    painted = paint(image, layer, style_layer=style, style_crop="20,0,20,10")
    assert sent_style() == (20, 10, 3)
    assert_near(style_pixels()[:3], (0.1, 0.1, 0.9), 1 / 255)
    assert "style-crop" not in last_request()["settings"]
    assert b'"style-crop": "20,0,20,10"' in bytes(painted.get_parasite("neural-style").get_data())
    assert_refused(image, [layer], "30,0,20,10", style_layer=style, style_crop="30,0,20,10")
    assert_refused(image, [layer], "left", style_layer=style, style_crop="left")


@case(allowed=REFUSAL)
def unusable_styles_are_refused():
    image = new_image()
    layer = new_layer(image)
    assert_refused(image, [layer], "no style", style=False)
    assert_refused(image, [layer], "not there.png", style_file=FAKE_FOLDER / "not there.png")
    text = FAKE_FOLDER / "text.png"
    text.write_text("this is no picture")
    assert_refused(image, [layer], "text.png", style_file=text)
    assert_refused(image, [layer], "style-layer", style_file=save_picture("both.png"), style_layer=layer)
    folder = FAKE_FOLDER / "folder"
    folder.mkdir(exist_ok=True)
    assert_refused(image, [layer], "folder", style_file=folder)


@case(*[(base, base) for base in ("RGB", "GRAY")])
def style_is_written_to_png_as_it_is_seen(base):
    """The file of a kept layer: filters and mask are in the pixels, colours in its own space, 16 bits."""
    import_plug_in()
    from nst_gimp.image import style

    profile = Gimp.ColorProfile.new_rgb_adobe() if base == "RGB" else None
    other = new_image(24, 16, base, "U16_LINEAR", profile=profile)
    own = (0.25, 0.5, 0.8) if base == "RGB" else (0.25,)
    layer = new_layer(other, values=array("f", [*own, 0.5] * (24 * 16)))
    append_filter(layer, "gegl:invert-gamma")
    merged = Gimp.Layer.new_from_drawable(layer, other)
    other.insert_layer(merged, None, 0)
    merged.merge_filters()
    add_mask(layer, [0.5] * 24 * 16)
    path = FAKE_FOLDER / "kept.png"
    style.write_png(style.from_layer(layer), str(path))
    loaded_image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, gimp_file(path))
    loaded = loaded_image.get_layers()[0]
    assert (loaded.get_width(), loaded.get_height(), loaded.is_gray()) == (24, 16, base == "GRAY")
    for name in (None, "R'G'B'A float"):  # in their own space, and in sRGB
        pixel = floats(merged, name=name)
        pixel = pixel[: len(pixel) // (24 * 16) - 1]
        assert_near(floats(loaded, name=name)[: len(pixel) + 1], [*pixel, 0.25], 2e-3)
    loaded_image.delete()


@case()
def layer_of_the_same_image_can_be_a_style():
    image = new_image()
    style, layer = new_layer(image, "style"), new_layer(image)
    before = image_state(image)
    painted = paint(image, layer, style_layer=style)
    assert image_state(image, without=painted) == before


@case()
def real_engine_takes_a_file_and_a_transparent_style():
    image = new_image(96, 80)
    layer = new_layer(image)
    set_engine_mode("real")
    style = save_picture("real style.webp", 120, 90)
    assert_painted(layer, paint(image, layer, style_file=style, iterations=40))
    other = new_image(80, 80)
    painted = paint(image, layer, style_layer=new_layer(other), keep_colors="luminance", iterations=40)
    assert_painted(layer, painted)
    assert len(floats(layer)) == 96 * 80 * 4
