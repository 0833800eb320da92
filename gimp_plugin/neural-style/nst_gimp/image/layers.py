"""The layer to paint, the part of it to paint, and the insertion of the result as a new layer.

The image is only read until the result exists. Then it changes in one undo step. Does not depend on the
engine.
"""

from __future__ import annotations

import json
import os
from collections import namedtuple
from contextlib import contextmanager

from gi.repository import Gegl, Gimp

from nst_gimp import VERSION
from nst_gimp.image import pixels, selections
from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _

PARASITE = "neural-style"
PARASITE_FLAGS = 3
"""Persistent, so that it is saved with the image, and undoable."""

MARGIN = 32
MARGIN_SHARE = 0.05
"""A selection is painted with a margin of 32 pixels or 5 %, so that the strokes at its edge continue
naturally."""

Subject = namedtuple("Subject", "image layer box selection channels format")
"""What is painted. ``box`` (x, y, width, height) is in the layer's pixels. ``selection`` is the selection in
that box as float32, or b"" if everything is selected. ``format`` is the layer's babl format at that time."""


Place = namedtuple("Place", "layer is_replaced")
"""Where a new layer goes: above ``layer``, or in its place."""

Painting = namedtuple("Painting", "result alpha_path name record")
"""A finished painting: its pixels, the file with the alpha that the subject had when it was read (there is
none if it had no alpha), and the name and the record of its layer."""


def get_subject(image, drawables) -> Subject:
    """Return the part of the selected layer to paint.

    Raises:
        CallError: there is not exactly one layer, or it is of a kind that cannot be painted.
        UserError: the layer or its image no longer exists.
    """
    check_open(image, *drawables)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise CallError(
            _("An image with a palette (indexed colours) cannot be painted."),
            _("Convert it with Image > Mode > RGB first."),
        )
    if len(drawables) != 1:
        raise CallError(
            _("One layer is painted at a time, but {count} are selected.").format(count=len(drawables)),
            _("Select exactly one layer."),
        )
    layer = drawables[0]
    if not isinstance(layer, Gimp.Layer):
        raise CallError(
            _("A channel or a layer mask cannot be painted."),
            _("Select the layer itself in the Layers dialog."),
        )
    if image.get_floating_sel() is not None:
        raise CallError(
            _("There is a floating selection."), _("Anchor it or turn it into a new layer, then try again.")
        )
    if layer.get_width() < 1 or layer.get_height() < 1:
        raise CallError(_("The layer is empty."), _("Select a layer with something on it."))
    box, selection = _selected_area(image, layer)
    has_transparency = layer.has_alpha() or _active_mask(layer) is not None
    return Subject(
        image=image,
        layer=layer,
        box=box,
        selection=selection,
        channels=(1 if layer.is_gray() else 3) + has_transparency,
        format=layer.get_format(),
    )


def image_name(image) -> str:
    """Return the name of an image's file, or GIMP's name for an image without one."""
    file = image.get_file() or image.get_imported_file()
    return (file.get_basename() if file is not None else "") or image.get_name()


def part_of(subject: Subject, box: tuple) -> Subject:
    """Return the subject of a part of a subject, given by its box."""
    selection = subject.selection
    if selection:
        _ok, x, y = subject.layer.get_offsets()
        area = (box[0] + x, box[1] + y, box[2], box[3])
        selection = pixels.read_plane(subject.image.get_selection(), area, "Y float")
    return subject._replace(box=box, selection=selection)


def check_open(image, *drawables) -> None:
    """Check that the image and the drawables still exist.

    Raises:
        UserError: one of them was closed or deleted.
    """
    if not (image.is_valid() and all(drawable.is_valid() for drawable in drawables)):
        raise UserError(
            _("The image or the layer was closed in the meantime."),
            _("Keep it open until painting is finished."),
        )


def _selected_area(image, layer):
    """Return the box of the selection with its margin, and the selection in it ("Y float", b"" for all)."""
    width, height = layer.get_width(), layer.get_height()
    if Gimp.Selection.is_empty(image) or selections.is_region(image):
        return (0, 0, width, height), b""
    touches, x, y, w, h = layer.mask_intersect()
    if not touches or w < 1 or h < 1:
        raise CallError(
            _("The selection does not touch the layer."),
            _("Select a part of the layer, or choose Select > None to paint all of it."),
        )
    margin = max(MARGIN, round(MARGIN_SHARE * max(w, h)))
    left, top = max(0, x - margin), max(0, y - margin)
    right, bottom = min(width, x + w + margin), min(height, y + h + margin)
    box = (left, top, right - left, bottom - top)
    _ok, offset_x, offset_y = layer.get_offsets()
    box_in_image = (left + offset_x, top + offset_y, box[2], box[3])
    return box, pixels.read_plane(image.get_selection(), box_in_image, "Y float")


def _active_mask(layer):
    """Return the layer's mask if it is applied, or None."""
    mask = layer.get_mask()
    return mask if mask is not None and layer.get_apply_mask() else None


@contextmanager
def merged_filters(layer):
    """Yield a drawable with the layer's non-destructive filters in its pixels, and its shift (x, y).

    A buffer does not contain the filters. They are merged into a copy, in a temporary image. A filter may
    enlarge its layer; the shift is the offset from the layer's coordinates to the copy's.
    """
    if not layer.get_filters():
        yield layer, 0, 0
        return
    image = layer.get_image()
    temporary = Gimp.Image.new_with_precision(
        image.get_width(), image.get_height(), image.get_base_type(), image.get_precision()
    )
    try:
        temporary.undo_disable()
        profile = image.get_color_profile()
        if profile is not None:
            temporary.set_color_profile(profile)
        copy = Gimp.Layer.new_from_drawable(layer, temporary)
        temporary.insert_layer(copy, None, 0)
        copy.set_lock_content(False)
        if copy.is_group():  # the filters of a group can only be merged together with the whole group
            if copy.get_mask() is not None:
                copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
            copy.set_opacity(100.0)
            copy.set_mode(Gimp.LayerMode.NORMAL)
            copy = copy.merge()
        else:
            copy.merge_filters()
        _ok, x, y = layer.get_offsets()
        _ok, copy_x, copy_y = copy.get_offsets()
        yield copy, x - copy_x, y - copy_y
    finally:
        temporary.delete()


def read(subject: Subject, path: str, alpha_path: str = "", scale: float = 1.0) -> pixels.PixelFile:
    """Write the pixels of the subject to ``path``, and its alpha, without the mask, to ``alpha_path``.

    ``scale`` at most 1 shrinks both.
    """
    layer = subject.layer
    with merged_filters(layer) as (drawable, *shift):
        return pixels.read(
            pixels.LayerArea(drawable, subject.box, shift, _active_mask(layer)),
            subject.channels,
            path,
            alpha_path=alpha_path if layer.has_alpha() else "",
            scale=scale,
        )


class PlaceLostError(UserError):
    """The image or the layer no longer exists, or the image can no longer take the result."""


def insert_result(subject: Subject, painting: Painting, place=None):
    """Insert a painting as a new layer above its subject, in one undo step, and return the layer.

    ``place``, a :class:`Place`, puts it elsewhere. The selection and the subject's own mask become the new
    layer's mask.

    Raises:
        PlaceLostError: see there. Nothing was changed.
    """
    image, layer = subject.image, subject.layer
    if not (image.is_valid() and layer.is_valid()) or image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise PlaceLostError(_("The image or the layer was closed in the meantime."))
    image.undo_group_start()
    try:
        new_layer = make_layer(image, layer.type(), painting, subject)
        _ok, x, y = layer.get_offsets()
        # Before the insertion: a locked group would forbid it.
        new_layer.set_offsets(x + subject.box[0], y + subject.box[1])
        below = place.layer if place is not None and place.layer.is_valid() else layer
        image.insert_layer(new_layer, below.get_parent(), image.get_item_position(below))
        add_mask(new_layer, _mask_plane(subject))
        if place is not None and place.is_replaced and below is place.layer:
            _take_over(below, new_layer)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return new_layer


def make_layer(image, kind, painting: Painting, subject: Subject):
    """Return a new layer of the type ``kind`` with the painting and its record, not yet in ``image``."""
    result, mode = painting.result, image.get_default_new_layer_mode()
    layer = Gimp.Layer.new(image, painting.name, result.width, result.height, kind, 100.0, mode)
    use_own_alpha = layer.has_alpha() and os.path.isfile(painting.alpha_path)
    pixels.write(layer, result, painting.alpha_path if use_own_alpha else "", subject.format)
    data = json.dumps(dict(painting.record, plug_in=VERSION), ensure_ascii=False).encode()
    layer.attach_parasite(Gimp.Parasite.new(PARASITE, PARASITE_FLAGS, data))
    return layer


def _take_over(old_layer, new_layer) -> None:
    """Replace ``old_layer`` by ``new_layer``, which gets its opacity, mode and visibility."""
    new_layer.set_opacity(old_layer.get_opacity())
    new_layer.set_mode(old_layer.get_mode())
    new_layer.set_visible(old_layer.get_visible())
    old_layer.get_image().remove_layer(old_layer)


def _mask_plane(subject: Subject) -> bytes:
    """Return the product of the selection and the subject's mask as float32, b"" if there are none."""
    plane, mask = subject.selection, _active_mask(subject.layer)
    if mask is None:
        return plane
    mask_plane = pixels.read_plane(mask, subject.box, "Y float")
    return pixels.multiply_planes(plane, mask_plane) if plane else mask_plane


def add_mask(layer, plane: bytes) -> None:
    """Give a layer a mask from a plane of float32, or none for b""."""
    if plane:
        mask = layer.create_mask(Gimp.AddMaskType.WHITE)
        layer.add_mask(mask)
        pixels.write_plane(mask, plane)


def read_record(layer) -> dict:
    """Return the record that :func:`insert_result` attached to a layer, or {} for any other layer."""
    parasite = layer.get_parasite(PARASITE)
    if parasite is None:
        return {}
    try:
        record = json.loads(bytes(parasite.get_data()).decode())
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def start_gegl() -> None:
    """Initialise GEGL, so that buffers can be used in this process."""
    Gegl.init(None)
