"""The frames of an animation: the visible layers of an image or of a group, from bottom to top.

Finds them, and writes each as the viewer sees it: alone, or on those below it, with masks, opacities, modes
and filters. What a result keeps of its layer is read at the same time, so that the image may change or be
closed while the frames are painted.
"""

from __future__ import annotations

import os
import shutil
from collections import namedtuple

from gi.repository import Gimp

from nst_gimp.image import frame_names, layers, pixels
from nst_gimp.process.job_folder import PixelFile, disk_error
from nst_gimp.settings.animation_arguments import AUTOMATIC, GROUP
from nst_gimp.text.messages import CallError, UserError
from nst_gimp.text.words import _, format_bytes

Frame = namedtuple("Frame", "layer name box is_replaced")
"""``box`` (x, y, width, height) is in the image. ``is_replaced``: it is shown without those below it."""

KeptLayer = namedtuple("KeptLayer", "name box has_alpha alpha mask opacity")
"""What a result keeps of a layer. ``alpha`` and ``mask`` are files of float32, or ""."""

FrameSet = namedtuple("FrameSet", "image group frames box channels")
"""The frames to paint. ``group`` is None for the layers of the image. ``box`` surrounds all of them, in the
image; every frame is written in it, with ``channels`` 2 (grey + alpha) or 4 (RGB + alpha)."""


def find(image, drawables, which: str) -> FrameSet:
    """Return the frames; ``which`` is one of ``animation_arguments.FRAMES``.

    Raises:
        CallError: there are fewer than two frames, or no group is selected.
        UserError: the image was closed.
    """
    layers.check_open(image, *drawables)
    if image.get_floating_sel() is not None:
        raise CallError(
            _("There is a floating selection."), _("Anchor it or turn it into a new layer, then try again.")
        )
    group = selected_group(drawables) if which in (AUTOMATIC, GROUP) else None
    if which == GROUP and group is None:
        raise CallError(
            _("No layer group is selected."), _("Select one group, or paint all layers of the image.")
        )
    found = group.get_children() if group is not None else image.get_layers()
    frames = [_frame(layer) for layer in reversed(found) if layer.get_visible() and layer.get_width() > 0]
    if len(frames) < 2:
        raise _too_few(group, len(frames), len(found))
    left, top = (min(frame.box[axis] for frame in frames) for axis in (0, 1))
    right, bottom = (max(frame.box[axis] + frame.box[axis + 2] for frame in frames) for axis in (0, 1))
    channels = 2 if image.get_base_type() == Gimp.ImageBaseType.GRAY else 4
    return FrameSet(image, group, frames, (left, top, right - left, bottom - top), channels)


def selected_group(drawables):
    """Return the selected layer group, or None unless it alone is selected."""
    if len(drawables) != 1 or not isinstance(drawables[0], Gimp.Layer) or not drawables[0].is_group():
        return None
    return drawables[0]


def _frame(layer) -> Frame:
    _ok, x, y = layer.get_offsets()
    name = layer.get_name()
    box = (x, y, layer.get_width(), layer.get_height())
    return Frame(layer, name, box, frame_names.is_replaced(name))


def _too_few(group, visible: int, all_of_them: int) -> CallError:
    where = _("The group “{name}”").format(name=group.get_name()) if group is not None else _("This image")
    if visible < all_of_them:
        return CallError(
            _("{where} has {visible} visible layers; an animation needs two or more.").format(
                where=where, visible=visible
            ),
            _("Hidden layers are left out. Show those that are frames."),
        )
    return CallError(
        _("{where} has fewer than two layers; an animation needs two or more.").format(where=where),
        _("Each layer is a frame. Filters > Artistic > Neural Style paints a single layer."),
    )


def subject_of(frames: FrameSet, like=None) -> layers.Subject:
    """Return the subject that stands for all frames: its size, and the colour space of ``like``."""
    first = frames.frames[0]
    x, y = (frames.box[axis] - first.box[axis] for axis in (0, 1))
    format_ = like or first.layer.get_format()
    return layers.Subject(frames.image, first.layer, (x, y, *frames.box[2:]), b"", frames.channels, format_)


def write(frames: FrameSet, folder: str):
    """Write every frame to ``folder``, and return (kept layers, babl format of the colours).

    Raises:
        UserError: the disk is too small.
    """
    _check_disk(frames, folder)
    kept = [_keep(frame, number, frames, folder) for number, frame in enumerate(frames.frames)]
    temporary = Gimp.Image.new_with_precision(*frames.box[2:], *modes(frames.image))
    try:
        temporary.undo_disable()
        profile = frames.image.get_color_profile()
        if profile is not None:
            temporary.set_color_profile(profile)
        below = None
        for number, frame in enumerate(frames.frames):
            below = _compose(temporary, frame, frames.box, below)
            area = pixels.LayerArea(below, (0, 0, *frames.box[2:]))
            pixels.read(area, frames.channels, frame_path(folder, number))
        return kept, below.get_format()
    finally:
        temporary.delete()


def frame_path(folder: str, number: int) -> str:
    """Return the file of a frame; the engine expects these names."""
    return os.path.join(folder, f"{number:08}.f32")


def modes(image) -> tuple:
    """Return the base type and the precision of a result: those of ``image``, or RGB for a palette."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        return Gimp.ImageBaseType.RGB, Gimp.Precision.U8_NON_LINEAR
    return image.get_base_type(), image.get_precision()


def _compose(image, frame: Frame, box: tuple, below):
    """Show ``frame`` in ``image``, on the layer ``below`` unless it is replaced; return one layer of it."""
    if below is not None and frame.is_replaced:
        image.remove_layer(below)
        below = None
    copy = Gimp.Layer.new_from_drawable(frame.layer, image)
    image.insert_layer(copy, None, 0)
    copy.set_visible(True)
    if below is None:  # other modes show nothing without a layer below
        copy.set_mode(Gimp.LayerMode.NORMAL)
    copy.set_offsets(frame.box[0] - box[0], frame.box[1] - box[1])
    shown = Gimp.Layer.new_from_visible(image, image, "")
    for layer in image.get_layers():
        image.remove_layer(layer)
    image.insert_layer(shown, None, 0)
    if not shown.has_alpha():
        shown.add_alpha()
    return shown


def _keep(frame: Frame, number: int, frames: FrameSet, folder: str) -> KeptLayer:
    """Read what the result keeps of a layer."""
    layer, size = frame.layer, frame.box[2:]
    alpha = mask = ""
    if layer.has_alpha():
        with layers.merged_filters(layer) as (drawable, *shift):
            alpha = _write_plane(
                pixels.read_plane(drawable, (*shift, *size), "A float"), folder, f"a{number}"
            )
    applied = layer.get_mask() if layer.get_apply_mask() else None
    if applied is not None:
        mask = _write_plane(pixels.read_plane(applied, (0, 0, *size), "Y float"), folder, f"mask-{number}")
    # What lies below shows through a combined layer already in the picture that is painted.
    is_alone = frame.is_replaced or frame is frames.frames[0]
    opacity = layer.get_opacity() if is_alone else 100.0
    return KeptLayer(frame.name, frame.box, layer.has_alpha(), alpha, mask, opacity)


def _write_plane(plane: bytes, folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    try:
        with open(path, "wb") as file:
            file.write(plane)
    except OSError as error:
        raise disk_error(error) from None
    return path


def _check_disk(frames: FrameSet, folder: str) -> None:
    width, height = frames.box[2:]
    needed = len(frames.frames) * width * height * (frames.channels + 2) * 4
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            _("The frames need {needed} of the disk for temporary files, and {free} are free.").format(
                needed=format_bytes(needed), free=format_bytes(free)
            ),
            _("Free some space there, or set TMPDIR to a folder on another disk."),
            "disk-full",
        )


def as_pixel_file(frames: FrameSet, path: str) -> PixelFile:
    """Return the fields of a request that describe one frame, or the folder of all of them, at ``path``."""
    return PixelFile(path, *frames.box[2:], frames.channels)
