"""The painted frames as layers: of a new image, or of a new group in the image that they came from.

Names, sizes, offsets, alpha and masks are those of the original layers. Reads the painted frames from files.
"""

from __future__ import annotations

import json
from array import array
from pathlib import Path

from gi.repository import Gegl, Gimp

from nst_gimp import VERSION
from nst_gimp.image import frames as frames_module
from nst_gimp.image import layers, pixels
from nst_gimp.text.words import _

PARASITE = "neural-style-animation"
"""Record of an animation, on its image or group. Its layers have none: no single layer is their original."""

KINDS = {
    (2, False): Gimp.ImageType.GRAY_IMAGE,
    (2, True): Gimp.ImageType.GRAYA_IMAGE,
    (4, False): Gimp.ImageType.RGB_IMAGE,
    (4, True): Gimp.ImageType.RGBA_IMAGE,
}
"""(channels of the frames, whether the layer has alpha) -> type of the layer."""


class PaintedFrames:
    """Painted frames in ``folder``, in the colour space ``like``; ``kept`` are those that were finished."""

    def __init__(self, frames, kept: list, folder: str, like) -> None:
        self.box, self.channels = frames.box, frames.channels
        self.kept, self.folder, self.like = kept, folder, like

    def add_to(self, image, parent=None) -> None:
        """Add the layers to an image, on top of one another, in ``parent`` or at the top."""
        for number, kept in enumerate(self.kept):
            kind = KINDS[self.channels, kept.has_alpha]
            mode = image.get_default_new_layer_mode()
            layer = Gimp.Layer.new(image, kept.name, *kept.box[2:], kind, kept.opacity, mode)
            self._fill(layer, number, kept)
            layer.set_offsets(*kept.box[:2])
            image.insert_layer(layer, parent, 0)
            if kept.mask:
                layers.add_mask(layer, Path(kept.mask).read_bytes())

    def _fill(self, layer, number: int, kept) -> None:
        """Fill a layer from its part of the painted frame, with the alpha of its original."""
        x, y = (kept.box[axis] - self.box[axis] for axis in (0, 1))
        width, height = kept.box[2:]
        pixel = self.channels * 4
        name = pixels.space_format(self.channels, "float", self.like)
        alpha = Path(kept.alpha).read_bytes() if kept.alpha else b""
        buffer = layer.get_buffer()
        with open(frames_module.frame_path(self.folder, number), "rb") as file:
            for top, rows in pixels.strips(width, height, self.channels):
                data = bytearray()
                for row in range(y + top, y + top + rows):
                    file.seek((row * self.box[2] + x) * pixel)
                    data += file.read(width * pixel)
                if alpha:
                    values = array("f", bytes(data))
                    plane = alpha[top * width * 4 : (top + rows) * width * 4]
                    values[self.channels - 1 :: self.channels] = array("f", plane)
                    data = values.tobytes()
                buffer.set(Gegl.Rectangle.new(0, top, width, rows), name, bytes(data))
        buffer.flush()
        layer.update(0, 0, width, height)


def new_image(like, painted: PaintedFrames, record: dict):
    """Return a new image with the painted frames, of the size, precision and profile of ``like``.

    ``like`` is an :class:`ImageTraits`.
    """
    image = Gimp.Image.new_with_precision(*like.size, *like.modes)
    image.undo_disable()
    if like.profile is not None:
        image.set_color_profile(like.profile)
    image.set_resolution(*like.resolution)
    painted.add_to(image)
    _attach(image, record)
    image.undo_enable()
    image.clean_all()
    return image


def new_group(image, above, painted: PaintedFrames, title: str, record: dict):
    """Add a group with the painted frames above ``above``, or on top for None, and return it.

    It is one undo step.
    """
    image.undo_group_start()
    try:
        group = Gimp.GroupLayer.new(image, title)
        parent = above.get_parent() if above is not None else None
        position = image.get_item_position(above) if above is not None else 0
        image.insert_layer(group, parent, position)
        painted.add_to(image, group)
        _attach(group, record)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return group


class ImageTraits:
    """What a new image takes over from the one with the originals, read before painting."""

    def __init__(self, image) -> None:
        self.size = image.get_width(), image.get_height()
        self.modes = frames_module.modes(image)
        self.profile = image.get_color_profile()
        _ok, x, y = image.get_resolution()
        self.resolution = x, y


def _attach(item, record: dict) -> None:
    data = json.dumps(dict(record, plug_in=VERSION), ensure_ascii=False).encode()
    item.attach_parasite(Gimp.Parasite.new(PARASITE, layers.PARASITE_FLAGS, data))


def layer_title(title: str, count: int) -> str:
    """Return the name of a group: the style, and the number of frames."""
    return _("{title}, {count} frames").format(title=title, count=count)
