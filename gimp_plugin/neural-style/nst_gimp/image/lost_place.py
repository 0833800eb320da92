"""Where a painting goes whose layer was deleted, or whose image was closed, while it was painted.

Nothing is lost: it becomes the top layer of the image, or a new image, or at least a file. The facts that
this needs are noted before the painting starts.
"""

from __future__ import annotations

import re
from collections import namedtuple

from gi.repository import Gimp, Gio

from nst_gimp.image import layers
from nst_gimp.process import locations
from nst_gimp.text.messages import UserError
from nst_gimp.text.words import _

Memory = namedtuple(
    "Memory", "image_name layer_name has_alpha offsets base_type precision profile resolution"
)
"""What is known of the place of a layer when it no longer exists."""


def remember(subject) -> Memory:
    """Note the facts about the subject's layer and image."""
    image, layer = subject.image, subject.layer
    _ok, x, y = layer.get_offsets()
    _ok, *resolution = image.get_resolution()
    return Memory(
        image_name=layers.image_name(image),
        layer_name=layer.get_name(),
        has_alpha=layer.has_alpha(),
        offsets=(x + subject.box[0], y + subject.box[1]),
        base_type=image.get_base_type(),
        precision=image.get_precision(),
        profile=image.get_color_profile(),
        resolution=resolution,
    )


def insert(memory: Memory, subject, painting, place=None):
    """Put ``painting``, a ``layers.Painting``, where it is found; return the layer, and a sentence about it.

    Raises:
        UserError: no image can be opened. The message names the file that has the painting.
    """
    image = subject.image
    if image.is_valid() and image.get_base_type() != Gimp.ImageBaseType.INDEXED:
        layer = _insert_on_top(memory, image, subject, painting, place)
        return layer, _(
            "The layer “{layer}” was deleted while it was painted. The painting is a layer on its own."
        ).format(layer=memory.layer_name)
    reason = _("The image “{image}” was closed while it was painted.")
    if image.is_valid():
        reason = _("The image “{image}” was converted to a palette (indexed colours) while it was painted.")
    layer = _insert_into_new_image(memory, subject, painting)
    text = reason.format(image=memory.image_name) + " " + _("The painting is in a new image.")
    return layer, text


def _insert_on_top(memory: Memory, image, subject, painting, place):
    image.undo_group_start()
    try:
        layer = layers.make_layer(image, _layer_type(image, memory.has_alpha), painting, subject)
        layer.set_offsets(*memory.offsets)
        below = place.layer if place is not None and place.layer.is_valid() else None
        position = image.get_item_position(below) if below is not None else 0
        image.insert_layer(layer, below.get_parent() if below is not None else None, position)
        layers.add_mask(layer, subject.selection)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return layer


def _insert_into_new_image(memory: Memory, subject, painting):
    size = painting.result.width, painting.result.height
    image = Gimp.Image.new_with_precision(*size, memory.base_type, memory.precision)
    image.undo_disable()
    if memory.profile is not None:
        image.set_color_profile(memory.profile)
    image.set_resolution(*memory.resolution)
    layer = layers.make_layer(image, _layer_type(image, memory.has_alpha), painting, subject)
    image.insert_layer(layer, None, 0)
    layers.add_mask(layer, subject.selection)
    image.undo_enable()
    try:
        Gimp.Display.new(image)
    except TypeError:  # its constructor returned nothing: GIMP has no windows
        raise _keep_as_file(image, painting.name) from None
    Gimp.displays_flush()
    return layer


def _keep_as_file(image, name: str) -> UserError:
    """Write the image to a file, delete it, and return the error that names the file."""
    folder = locations.data_folders()[0] / "paintings"
    folder.mkdir(parents=True, exist_ok=True)
    stem, number = re.sub(r"[^\w ,.-]", "-", name)[:80], 1
    while (path := folder / f"{stem} {number}.xcf").exists():
        number += 1
    is_saved = Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(str(path)), None)
    image.delete()
    hint = _("The painting is in the file {path}.").format(path=path) if is_saved else ""
    return UserError(_("The image or the layer was closed in the meantime."), hint)


def _layer_type(image, has_alpha: bool):
    if image.get_base_type() == Gimp.ImageBaseType.GRAY:
        return Gimp.ImageType.GRAYA_IMAGE if has_alpha else Gimp.ImageType.GRAY_IMAGE
    return Gimp.ImageType.RGBA_IMAGE if has_alpha else Gimp.ImageType.RGB_IMAGE
