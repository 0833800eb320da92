"""Changes to an image while it is painted: the painting still fits in, or a message says why it cannot."""

from __future__ import annotations

from tests.gimp.inside.cases import (
    FAKE_FOLDER,
    Gimp,
    Gio,
    add_group,
    add_mask,
    assert_near,
    case,
    channels_of,
    floats,
    layer_state,
    new_image,
    new_layer,
    to_palette,
)
from tests.gimp.inside.style_cases import import_plug_in


def paint_with_change(image, layer, change):
    """Do the steps of a run with ``change`` in the middle, and return the new layer, which is a copy."""
    import_plug_in()
    from nst_gimp.image import layers, lost_place
    from nst_gimp.run import paint_layer

    alpha = FAKE_FOLDER / "changed-alpha.f32"
    alpha.unlink(missing_ok=True)
    subject = layers.get_subject(image, [layer])
    content = layers.read(subject, str(FAKE_FOLDER / "changed.f32"), str(alpha))
    memory = lost_place.remember(subject)
    change(image, layer)
    return paint_layer.insert(layers.Painting(content, str(alpha), "painted", {}), subject, memory, None)


CHANGES = {
    "alpha-added": (False, lambda _image, layer: layer.add_alpha()),
    "alpha-removed": (True, lambda _image, layer: layer.flatten()),
    "mask-added": (False, lambda _image, layer: add_mask(layer)),
    "grey": (True, lambda image, _layer: image.convert_grayscale()),
    "precision": (True, lambda image, _layer: image.convert_precision(Gimp.Precision.FLOAT_LINEAR)),
    "locked": (True, lambda _image, layer: layer.set_lock_content(True)),
    "hidden": (True, lambda _image, layer: layer.set_visible(False)),
    "renamed": (True, lambda _image, layer: layer.set_name("x" * 300)),
}


@case(*[(name, name) for name in CHANGES])
def change_does_not_lose_the_painting(name):
    image = new_image(24, 20)
    alpha, change = CHANGES[name]
    layer = new_layer(image, alpha=alpha)
    painted = paint_with_change(image, layer, change)
    assert painted.is_valid()
    assert image.get_item_position(painted) + 1 == image.get_item_position(layer)
    assert painted.type() == layer.type()
    if name != "alpha-removed":  # transparent pixels lie on the background colour now
        colours = channels_of(painted) - painted.has_alpha()
        assert_near(first_channels(painted, colours), first_channels(layer, colours), 2 / 255)


def first_channels(layer, count):
    """Return the values of a layer's first channels."""
    return [value for index, value in enumerate(floats(layer)) if index % channels_of(layer) < count]


@case()
def mask_can_be_applied_or_discarded_meanwhile():
    for apply_mode in (Gimp.MaskApplyMode.APPLY, Gimp.MaskApplyMode.DISCARD):
        image = new_image(24, 20)
        layer = new_layer(image, alpha=False)
        add_mask(layer)
        painted = paint_with_change(image, layer, lambda _image, layer: layer.remove_mask(apply_mode))  # noqa: B023
        assert painted.type() == layer.type()
        assert painted.get_mask() is None


@case()
def painting_is_converted_to_a_new_profile():
    image = new_image(24, 20, precision="U16_NON_LINEAR")
    layer = new_layer(image, alpha=False)
    adobe = Gimp.ColorProfile.new_rgb_adobe()
    painted = paint_with_change(
        image,
        layer,
        lambda image, _layer: image.convert_color_profile(
            adobe, Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, True
        ),
    )
    assert_near(floats(painted), floats(layer), 2e-3)


@case()
def floating_selection_does_not_lose_the_painting():
    image = new_image(24, 20)
    layer = new_layer(image)

    def make_floating_selection(image, layer):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 8, 8)
        Gimp.Selection.float(image, [layer], 3, 3)

    painted = paint_with_change(image, layer, make_floating_selection)
    assert painted in image.get_layers()
    Gimp.floating_sel_anchor(image.get_floating_sel())


@case()
def painting_follows_its_layer_into_a_locked_group():
    image = new_image(24, 20)
    new_layer(image, "below")
    group = add_group(image)
    layer = new_layer(image, size=(10, 8), offsets=(-3, 5))

    def move(image, layer):
        image.reorder_item(layer, group, 0)
        group.set_lock_position(True)
        group.set_lock_content(True)

    painted = paint_with_change(image, layer, move)
    assert painted.get_parent() == layer.get_parent()
    assert painted.get_offsets() == layer.get_offsets()


@case(("layer", "layer"), ("layer of a group", "group"), ("selection", "selection"), long=["layer"])
def painting_of_a_deleted_layer_becomes_a_layer_of_its_own(kind):
    image = new_image(24, 20)
    layer, other = new_layer(image, alpha=True), new_layer(image, "other")
    before = layer_state(other)
    layer.set_offsets(3, 2)
    if kind == "group":
        image.reorder_item(layer, add_group(image), 0)
    if kind == "selection":
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 5, 10, 10)
    colours = floats(layer)
    painted = paint_with_change(image, layer, lambda image, layer: image.remove_layer(layer))
    assert image.get_layers()[0] == painted
    assert painted.get_offsets()[1:] == (3, 2)
    assert (painted.get_mask() is not None) == (kind == "selection")
    assert_near(floats(painted), colours, 2 / 255)
    assert layer_state(other) == before


@case(("image", "image"), ("palette", "palette"))
def painting_of_a_lost_image_is_kept_in_a_file(removed):
    """A GIMP with windows opens a new image; see test_background."""
    import_plug_in()
    from nst_gimp.text.messages import UserError

    image = new_image(24, 20)
    layer = new_layer(image)
    colours = floats(layer)
    message, changes = "", {"image": Gimp.Image.delete, "palette": to_palette}
    try:
        paint_with_change(image, layer, lambda image, _layer: changes[removed](image))
    except UserError as error:
        message = str(error)
    assert "The painting is in the file" in message, message
    path = message[message.index("/") : message.rindex(".xcf") + 4]
    kept = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
    (painted,) = kept.get_layers()
    assert_near(floats(painted), colours, 2 / 255)
    kept.delete()
