"""Which layer is painted, what of it, and where the painting goes.

The image is only read until the painting exists; then it changes in one undo step. Nothing here knows the
engine.
"""

from __future__ import annotations

import json
import os
from collections import namedtuple
from contextlib import contextmanager

from gi.repository import Gegl, Gimp

from nst_gimp import VERSION
from nst_gimp.image import pixels
from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _

PARASITE = "neural-style"
PARASITE_FLAGS = 3
"""Persistent, so that it is saved with the image, and undoable."""

MARGIN = 32
MARGIN_SHARE = 0.05
"""Around a selection, so that the strokes at its edge know what they lead to: 32 pixels or 5 %."""

Subject = namedtuple("Subject", "image layer box selection channels format")
"""What is painted: ``box`` (x, y, width, height) in the layer's pixels, and the selection inside it as
float32, or b"" where everything is selected; ``format`` is the babl format that the layer had then."""


def choose(image, drawables) -> Subject:
    """Return what of which layer is to be painted.

    Raises:
        CallError: there is not exactly one layer, or it is of a kind that cannot be painted.
        UserError: it is gone.
    """
    check_open(image, *drawables)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise CallError(
            _("An image with a palette (indexed colours) cannot be painted on."),
            _("Choose Image > Mode > RGB first."),
        )
    if len(drawables) != 1:
        raise CallError(
            _("One layer is painted at a time, and {count} are selected.").format(count=len(drawables)),
            _("Select exactly one layer."),
        )
    layer = drawables[0]
    if not isinstance(layer, Gimp.Layer):
        raise CallError(
            _("A channel or a layer mask cannot be painted."),
            _("Select the layer itself in the layers list."),
        )
    if image.get_floating_sel() is not None:
        raise CallError(
            _("There is a floating selection."), _("Anchor it, or make it a layer of its own, and try again.")
        )
    if layer.get_width() < 1 or layer.get_height() < 1:
        raise CallError(_("The layer is empty."), _("Select a layer with something on it."))
    box, selection = _selected(image, layer)
    see_through = layer.has_alpha() or _mask(layer) is not None
    channels = (1 if layer.is_gray() else 3) + see_through
    return Subject(image, layer, box, selection, channels, layer.get_format())


def check_open(image, *drawables) -> None:
    """See that nothing was closed or deleted meanwhile.

    Raises:
        UserError: it was.
    """
    if not (image.is_valid() and all(drawable.is_valid() for drawable in drawables)):
        raise UserError(
            _("The image or the layer was closed meanwhile."),
            _("Leave it open until the painting is done."),
        )


def _selected(image, layer):
    """Return the box that the selection needs, and the selection in it ("Y float", b"" for all of it)."""
    width, height = layer.get_width(), layer.get_height()
    if Gimp.Selection.is_empty(image):
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
    place = (left + offset_x, top + offset_y, box[2], box[3])
    return box, pixels.read_plane(image.get_selection(), place, "Y float")


def _mask(layer):
    """Return the layer's mask where it hides something, or None."""
    mask = layer.get_mask()
    return mask if mask is not None and layer.get_apply_mask() else None


@contextmanager
def as_seen(layer):
    """Yield a drawable with the layer's non-destructive filters in its pixels, and its shift (x, y).

    A buffer does not contain the filters. They are merged in a copy, in an image of its own that is gone
    afterwards. A filter may enlarge its layer: the shift leads from the layer's pixels to the copy's.
    """
    if not layer.get_filters():
        yield layer, 0, 0
        return
    image = layer.get_image()
    other = Gimp.Image.new_with_precision(
        image.get_width(), image.get_height(), image.get_base_type(), image.get_precision()
    )
    try:
        other.undo_disable()
        profile = image.get_color_profile()
        if profile is not None:
            other.set_color_profile(profile)
        copy = Gimp.Layer.new_from_drawable(layer, other)
        other.insert_layer(copy, None, 0)
        copy.set_lock_content(False)
        if copy.is_group():  # a group's filters cannot be merged into it, only it as a whole
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
        other.delete()


def read(subject: Subject, path: str, alpha_path: str = "", scale: float = 1.0) -> pixels.Pixels:
    """Write what is to be painted to ``path``, and its alpha, without the mask, to ``alpha_path``.

    ``scale`` at most 1 shrinks both.
    """
    layer = subject.layer
    with as_seen(layer) as (drawable, *shift):
        return pixels.read(
            drawable,
            subject.box,
            subject.channels,
            path,
            shift=shift,
            mask=_mask(layer),
            alpha_path=alpha_path if layer.has_alpha() else "",
            scale=scale,
        )


def place(subject: Subject, painted: pixels.Pixels, alpha_path: str, name: str, record: dict):
    """Insert the painting as a new layer above its subject, in one undo step, and return it.

    The selection, and the subject's own mask, become the new layer's mask. ``alpha_path`` names the alpha
    that the subject had when it was read; there is no such file if it had none.

    Raises:
        UserError: the image or the layer is gone, or the image can no longer take the painting.
    """
    image, layer = subject.image, subject.layer
    check_open(image, layer)
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise UserError(
            _("The image was given a palette while it was being painted."),
            _("Choose Image > Mode > RGB and paint again."),
        )
    image.undo_group_start()
    try:
        result = Gimp.Layer.new(
            image,
            name,
            painted.width,
            painted.height,
            layer.type(),
            100.0,
            image.get_default_new_layer_mode(),
        )
        own_alpha = layer.has_alpha() and os.path.isfile(alpha_path)
        pixels.write(result, painted, alpha_path if own_alpha else "", subject.format)
        data = json.dumps(dict(record, plug_in=VERSION), ensure_ascii=False).encode()
        result.attach_parasite(Gimp.Parasite.new(PARASITE, PARASITE_FLAGS, data))
        _ok, x, y = layer.get_offsets()
        result.set_offsets(x + subject.box[0], y + subject.box[1])  # before a locked group forbids it
        image.insert_layer(result, layer.get_parent(), image.get_item_position(layer))
        _hide(subject, result)
    finally:
        image.undo_group_end()
    Gimp.displays_flush()
    return result


def _hide(subject: Subject, result) -> None:
    """Give ``result`` a mask, where a selection or the subject's mask calls for one."""
    plane, mask = subject.selection, _mask(subject.layer)
    if mask is not None:
        shade = pixels.read_plane(mask, subject.box, "Y float")
        plane = pixels.multiply(plane, shade) if plane else shade
    if plane:
        cover = result.create_mask(Gimp.AddMaskType.WHITE)
        result.add_mask(cover)
        pixels.write_plane(cover, plane)


def record_of(layer) -> dict:
    """Return what :func:`place` wrote down about a layer, or {} where it is not one of ours."""
    parasite = layer.get_parasite(PARASITE)
    if parasite is None:
        return {}
    try:
        record = json.loads(bytes(parasite.get_data()).decode())
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def start_gegl() -> None:
    """Make buffers usable in this process."""
    Gegl.init(None)
