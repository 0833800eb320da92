"""What is done to an image while it is being painted: the painting fits in, or it is said why it cannot."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.gimp.inside.cases import (
    Gimp,
    case,
    channels_of,
    everything,
    floats,
    near,
    new_image,
    new_layer,
)

HERE = Path(os.environ.get("NST_FAKE", "/tmp"))


def painted_meanwhile(image, layer, change):
    """Do what a run does, ``change`` in the middle of it, and return the new layer, which is a copy."""
    sys.path.insert(0, str(Path(os.environ["GIMP3_DIRECTORY"]) / "plug-ins/neural-style"))
    from nst_gimp.image import layers

    alpha = HERE / "meanwhile-alpha.f32"
    alpha.unlink(missing_ok=True)
    subject = layers.choose(image, [layer])
    content = layers.read(subject, str(HERE / "meanwhile.f32"), str(alpha))
    change(image, layer)
    return layers.place(subject, content, str(alpha), "painted", {})


def white_mask(layer):
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    return mask


CHANGES = {
    "alpha-added": (False, lambda _image, layer: layer.add_alpha()),
    "alpha-removed": (True, lambda _image, layer: layer.flatten()),
    "mask-added": (False, lambda _image, layer: white_mask(layer)),
    "grey": (True, lambda image, _layer: image.convert_grayscale()),
    "precision": (True, lambda image, _layer: image.convert_precision(Gimp.Precision.FLOAT_LINEAR)),
    "locked": (True, lambda _image, layer: layer.set_lock_content(True)),
    "hidden": (True, lambda _image, layer: layer.set_visible(False)),
    "renamed": (True, lambda _image, layer: layer.set_name("x" * 300)),
}


@case(*[(name, name) for name in CHANGES])
def a_change_in_between_does_not_lose_the_painting(name):
    image = new_image(24, 20)
    alpha, change = CHANGES[name]
    layer = new_layer(image, alpha=alpha)
    painted = painted_meanwhile(image, layer, change)
    assert painted.is_valid()
    assert image.get_item_position(painted) + 1 == image.get_item_position(layer)
    assert painted.type() == layer.type()
    colours = channels_of(painted) - painted.has_alpha()
    strip = lambda each: [v for i, v in enumerate(floats(each)) if i % channels_of(each) < colours]  # noqa: E731
    if name != "alpha-removed":  # what was seen through lies on the background colour now
        near(strip(painted), strip(layer), 2 / 255)


@case()
def a_mask_that_was_applied_or_taken_away_meanwhile():
    for how in (Gimp.MaskApplyMode.APPLY, Gimp.MaskApplyMode.DISCARD):
        image = new_image(24, 20)
        layer = new_layer(image, alpha=False)
        white_mask(layer)
        painted = painted_meanwhile(image, layer, lambda _image, layer: layer.remove_mask(how))  # noqa: B023
        assert painted.type() == layer.type()
        assert painted.get_mask() is None


@case()
def a_profile_converted_meanwhile_converts_the_painting_too():
    image = new_image(24, 20, precision="U16_NON_LINEAR")
    layer = new_layer(image, alpha=False)
    adobe = Gimp.ColorProfile.new_rgb_adobe()
    painted = painted_meanwhile(
        image,
        layer,
        lambda image, _layer: image.convert_color_profile(
            adobe, Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, True
        ),
    )
    near(floats(painted), floats(layer), 2e-3)


@case()
def a_floating_selection_made_meanwhile_does_not_lose_the_painting():
    image = new_image(24, 20)
    layer = new_layer(image)

    def floating(image, layer):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 8, 8)
        Gimp.Selection.float(image, [layer], 3, 3)

    painted = painted_meanwhile(image, layer, floating)
    assert painted in image.get_layers()
    Gimp.floating_sel_anchor(image.get_floating_sel())


@case()
def a_layer_moved_into_a_locked_group_meanwhile_has_its_painting_there():
    image = new_image(24, 20)
    new_layer(image, "below")
    group = Gimp.GroupLayer.new(image, "group")
    image.insert_layer(group, None, 0)
    layer = new_layer(image, size=(10, 8), offsets=(-3, 5))

    def moved(image, layer):
        image.reorder_item(layer, group, 0)
        group.set_lock_position(True)
        group.set_lock_content(True)

    painted = painted_meanwhile(image, layer, moved)
    assert painted.get_parent() == layer.get_parent()
    assert painted.get_offsets() == layer.get_offsets()


@case(("image", "image"), ("layer", "layer"), ("palette", "palette"))
def what_is_gone_meanwhile_is_said(what):
    image = new_image(24, 20)
    layer, other = new_layer(image), new_layer(image, "other")
    before = everything(other)

    def gone(image, layer):
        if what == "image":
            image.delete()
        elif what == "layer":
            image.remove_layer(layer)
        else:
            no_dither, generated = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
            image.convert_indexed(no_dither, generated, 8, False, True, "")

    said = ("", "it was painted")
    try:
        painted_meanwhile(image, layer, gone)
    except Exception as error:
        said = (type(error).__name__, str(error))
    assert said[0] == "UserError", said
    assert ("palette" if what == "palette" else "closed meanwhile") in said[1]
    if what == "layer":
        assert image.get_layers() == [other]
        assert everything(other) == before
