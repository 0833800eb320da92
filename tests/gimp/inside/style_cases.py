"""The style: every format that GIMP opens, layers, other images, colours, crops, and what cannot be one."""

from __future__ import annotations

import os
import sys
from array import array
from pathlib import Path

from tests.gimp.inside.cases import (
    REFUSED,
    Gimp,
    Gio,
    case,
    floats,
    mode,
    near,
    new_image,
    new_layer,
    paint,
    picture_of,
    request,
)
from tests.gimp.inside.layer_cases import real_result, refused

HERE = Path(os.environ.get("NST_FAKE", "/tmp"))
ORANGE = (0.9, 0.5, 0.1)


def saved(name: str, width=48, height=32, colour=ORANGE) -> Path:
    """Let GIMP write a picture of one colour in the format that the name calls for."""
    path = HERE / name
    if name.endswith(".svg"):
        rgb = ",".join(str(round(255 * part)) for part in colour)
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
            f'<rect width="{width}" height="{height}" fill="rgb({rgb})"/></svg>'
        )
        return path
    image = new_image(width, height)
    new_layer(image, alpha=False, values=array("f", colour * (width * height)))
    assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(path)), None), name
    image.delete()
    return path


def sent_style():
    """Return (width, height, channels) of the style as it was sent, and its first pixel."""
    style = request()["styles"][0]
    return (style["width"], style["height"], style["channels"])


def kept_style() -> array:
    """Return the style's pixels, which the fake engine keeps aside."""
    return array("f", (HERE / "style.f32").read_bytes())


@case(
    *[
        (kind, f"orange style.{kind}")
        for kind in ("xcf", "psd", "png", "jpg", "webp", "tif", "heic", "svg", "gif", "bmp")
    ]
)
def any_format_that_gimp_opens(name):
    image = new_image()
    layer = new_layer(image)
    painted = paint(image, layer, style_file=saved(name))
    assert painted.get_name() == "orange style"
    assert sent_style()[:2] == (48, 32)
    tolerance = 0.05 if name.endswith(("jpg", "heic", "webp", "gif")) else 1 / 255
    near(kept_style()[:3], ORANGE, tolerance)


@case()
def a_file_name_in_any_script():
    image = new_image()
    assert paint(image, new_layer(image), style_file=saved("Стиль 風 “é”.png")).get_name() == "Стиль 風 “é”"


@case()
def only_what_a_layered_file_shows_is_its_style():
    other = new_image(20, 20)
    new_layer(other, "shown", alpha=False, values=array("f", (0.2, 0.4, 0.8) * 400))
    hidden = new_layer(other, "hidden", alpha=False, values=array("f", (1.0, 0.0, 0.0) * 400))
    hidden.set_visible(False)
    path = HERE / "layers.xcf"
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, other, Gio.File.new_for_path(str(path)), None)
    image = new_image()
    paint(image, new_layer(image), style_file=path)
    near(kept_style()[:3], (0.2, 0.4, 0.8), 1 / 255)


@case()
def transparency_of_the_style_travels():
    other = new_image(10, 10)
    style = new_layer(other, values=array("f", [0.5, 0.5, 0.5, 0.25] * 100))
    mask = style.create_mask(Gimp.AddMaskType.WHITE)
    style.add_mask(mask)
    buffer = mask.get_buffer()
    buffer.set(buffer.get_extent(), "Y float", array("f", [0.5] * 100).tobytes())
    buffer.flush()
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    assert sent_style() == (10, 10, 4)
    near(kept_style()[3::4], [0.125] * 100, 2 / 255)


@case()
def colours_look_the_same_in_the_contents_space():
    """A style in sRGB for content in Adobe RGB is given in Adobe RGB's numbers, and the other way round."""
    image = new_image(32, 32, profile=Gimp.ColorProfile.new_rgb_adobe())
    other = new_image(16, 16)
    values = array("f", (0.0, 1.0, 0.0) * 256)
    style = new_layer(other, alpha=False, values=values)
    paint(image, new_layer(image), style_layer=style)
    near(kept_style()[:3], (0.565, 1.0, 0.234), 0.01)  # sRGB's green in Adobe RGB, as published
    adobe = new_image(16, 16, profile=Gimp.ColorProfile.new_rgb_adobe())
    wide = new_layer(adobe, alpha=False, values=values)
    plain = new_image(32, 32)
    paint(plain, new_layer(plain), style_layer=wide)
    near(kept_style()[:3], (0.0, 1.0, 0.0), 0.01)  # Adobe RGB's green, cut off to sRGB


@case()
def a_palette_is_a_fine_style():
    other = new_image(16, 16)
    style = new_layer(other, alpha=False, values=array("f", ORANGE * 256))
    other.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, True, "")
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    near(kept_style()[:3], ORANGE, 1 / 255)


@case()
def grey_content_takes_a_grey_style():
    image = new_image(base="GRAY")
    paint(image, new_layer(image, alpha=False), style_file=saved("orange.png"))
    assert sent_style() == (48, 32, 1)


@case()
def filters_on_the_style_are_seen():
    other = new_image(16, 16)
    style = new_layer(other, alpha=False, values=array("f", (0.25, 0.25, 0.75) * 256))
    style.append_filter(Gimp.DrawableFilter.new(style, "gegl:invert-gamma", "inverted"))
    image = new_image()
    paint(image, new_layer(image), style_layer=style)
    near(kept_style()[:3], (0.75, 0.75, 0.25), 2 / 255)


@case()
def a_mask_stays_where_it_is_when_a_filter_enlarges_its_layer():
    """For a shadow, GIMP 3.2 enlarges to the left and above as well. A style, and what is to be painted."""
    sys.path.insert(0, str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style"))
    from nst_gimp.image import layers

    image = new_image(96, 64)
    layer = new_layer(image, size=(40, 30), alpha=False, offsets=(30, 20))
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    shade = array("f", ([1.0] * 20 + [0.0] * 20) * 30)
    buffer = mask.get_buffer()
    buffer.set(buffer.get_extent(), "Y float", shade.tobytes())
    buffer.flush()
    shadow = Gimp.DrawableFilter.new(layer, "gegl:dropshadow", "shadow")
    for name, value in (("x", -6.0), ("y", -8.0), ("radius", 3.0)):
        shadow.get_config().set_property(name, value)
    shadow.update()
    layer.append_filter(shadow)
    own = floats(layer)

    subject = layers.choose(image, [layer])
    sent = layers.read(subject, str(HERE / "content.f32"))
    values = array("f", Path(sent.path).read_bytes())
    assert sent[1:] == (40, 30, 4)
    near(values[3::4], shade, 1 / 255)
    for colour in range(3):
        near(values[colour::4], own[colour::3], 2 / 255)
    small = layers.read(subject, str(HERE / "content.f32"), scale=0.5)
    values = array("f", Path(small.path).read_bytes())
    near(values[3::4], array("f", ([1.0] * 10 + [0.0] * 10) * 15), 1 / 255)

    other = new_image(96, 64)
    paint(other, new_layer(other), style_layer=layer)
    assert sent_style() == (40, 30, 4)
    near(kept_style()[3::4], shade, 1 / 255)


@case()
def a_large_style_is_sent_no_larger_than_useful():
    path = saved("large.png", 900, 600)
    image = new_image(100, 80)
    paint(image, new_layer(image), style_file=path, size=0)
    assert sent_style() == (150, 100, 3)
    paint(image, new_layer(image), style_file=path, size=0, style_scale=4.0)
    assert sent_style() == (600, 400, 3)
    near(kept_style()[:3], ORANGE, 1 / 255)


@case(allowed=REFUSED)
def a_crop_is_cut_out():
    other = new_image(40, 20)
    values = array("f", ((0.9, 0.1, 0.1) * 20 + (0.1, 0.1, 0.9) * 20) * 20)
    style = new_layer(other, alpha=False, values=values)
    image = new_image()
    layer = new_layer(image)
    painted = paint(image, layer, style_layer=style, style_crop="20,0,20,10")
    assert sent_style() == (20, 10, 3)
    near(kept_style()[:3], (0.1, 0.1, 0.9), 1 / 255)
    assert "style-crop" not in request()["settings"]
    assert b'"style-crop": "20,0,20,10"' in bytes(painted.get_parasite("neural-style").get_data())
    refused(image, [layer], "not inside the style picture", style_layer=style, style_crop="30,0,20,10")
    refused(image, [layer], "four whole numbers", style_layer=style, style_crop="left")


@case(allowed=REFUSED)
def what_cannot_be_a_style():
    image = new_image()
    layer = new_layer(image)
    refused(image, [layer], "There is no style to paint in", style=False)
    refused(image, [layer], "There is no file", style_file=HERE / "not there.png")
    text = HERE / "text.png"
    text.write_text("this is no picture")
    refused(image, [layer], "cannot open the file", style_file=text)
    refused(image, [layer], "A style file and a style layer", style_file=saved("both.png"), style_layer=layer)
    folder = HERE / "folder"
    folder.mkdir(exist_ok=True)
    refused(image, [layer], "cannot open the file", style_file=folder)


@case(*[(base, base) for base in ("RGB", "GRAY")])
def a_style_is_written_as_it_is_seen(base):
    """What is kept of a layer: its filters and mask in the pixels, its colours in its own space, 16 bits."""
    sys.path.insert(0, str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style"))
    from nst_gimp.image import style

    profile = Gimp.ColorProfile.new_rgb_adobe() if base == "RGB" else None
    other = new_image(24, 16, base, "U16_LINEAR", profile=profile)
    own = (0.25, 0.5, 0.8) if base == "RGB" else (0.25,)
    layer = new_layer(other, "what is seen", values=array("f", [*own, 0.5] * (24 * 16)))
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "inverted"))
    seen = Gimp.Layer.new_from_drawable(layer, other)
    other.insert_layer(seen, None, 0)
    seen.merge_filters()
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    buffer = mask.get_buffer()
    buffer.set(buffer.get_extent(), "Y float", array("f", [0.5] * 24 * 16).tobytes())
    buffer.flush()
    path = HERE / "kept.png"
    style.write_png(style.from_layer(layer), str(path))
    written = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(str(path)))
    again = written.get_layers()[0]
    assert (again.get_width(), again.get_height(), again.is_gray()) == (24, 16, base == "GRAY")
    for name in (None, "R'G'B'A float"):  # in their own space, and in sRGB
        pixel = floats(seen, name=name)
        pixel = pixel[: len(pixel) // (24 * 16) - 1]
        near(floats(again, name=name)[: len(pixel) + 1], [*pixel, 0.25], 2e-3)
    written.delete()


@case()
def a_layer_of_the_same_image_is_a_style_and_stays_as_it_was():
    image = new_image()
    style, layer = new_layer(image, "style"), new_layer(image)
    before = picture_of(image)
    painted = paint(image, layer, style_layer=style)
    assert picture_of(image, without=painted) == before


@case()
def the_real_engine_takes_a_file_and_a_style_with_transparency():
    image = new_image(96, 80)
    layer = new_layer(image)
    mode("real")
    real_result(layer, paint(image, layer, style_file=saved("real style.webp", 120, 90), iterations=40))
    other = new_image(80, 80)
    painted = paint(image, layer, style_layer=new_layer(other), keep_colors="luminance", iterations=40)
    real_result(layer, painted)
    assert len(floats(layer)) == 96 * 80 * 4
