"""The part of neural-style-batch.py that runs in GIMP's Python: it opens, paints and saves each picture."""

import json
import os
import sys
import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

with open(os.environ["NST_BATCH_JOB"], encoding="utf-8") as job_file:
    job = json.load(job_file)
sys.path.insert(0, job["plug_in"])
from nst_gimp.image import files, layers, masks  # noqa: E402


def report(**event):
    """Report an event to neural-style-batch.py."""
    print("neural-style-batch " + json.dumps(event), flush=True)


def layer_to_paint(image):
    """Return the layer to paint: the only layer, or else a new layer from all that is visible.

    Layers that are used as masks are hidden and stay hidden; they would cover the result.

    Raises:
        CallError: a mask does not exist.
    """
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        image.convert_rgb()
    mask_items = [masks.find(image, name) for name in job["masks"]]
    mask_layers = [item for item in mask_items if isinstance(item, Gimp.Layer)]
    picture_layers = [layer for layer in image.get_layers() if layer not in mask_layers]
    if picture_layers:
        for layer in mask_layers:
            layer.set_visible(False)
    else:  # the picture is its own mask
        picture_layers = image.get_layers()
    if len(picture_layers) == 1 and not picture_layers[0].is_group():
        return picture_layers[0]
    visible = Gimp.Layer.new_from_visible(image, image, "Visible")
    image.insert_layer(visible, None, 0)
    return visible


def paint(image):
    """Call the filter on an image and return the engine's notices.

    Raises:
        RuntimeError: the filter failed. The message says why.
    """
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    if procedure is None:
        raise RuntimeError("The plug-in is not installed in this GIMP.")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer_to_paint(image)])
    if job["style"]:
        config.set_property("style-file", Gio.File.new_for_path(job["style"]))
    for name, value in job["arguments"].items():
        config.set_property(name, value)
    values = procedure.run(config)
    if values.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(values.index(1) or str(values.index(0)))
    return layers.read_record(values.index(1)).get("notices", [])


def save(image, path):
    """Save an image under a temporary name, then rename it, so that no result is ever half written.

    Raises:
        RuntimeError: GIMP cannot write to this folder or in this format.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".part-{name}")  # GIMP needs the whole suffix, such as xcf.gz
    try:
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(temporary), None):
            raise RuntimeError(Gimp.get_pdb().get_last_error() or f"{path} cannot be written.")
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def paint_picture(picture, result):
    """Paint one picture file. Return an error message, "" if it was painted, and the engine's notices."""
    image, notices = None, []
    try:
        image = files.load(Gio.File.new_for_path(picture))
        notices = paint(image)
        save(image, result)
    except Exception as error:  # the other pictures are still painted
        return str(error) or type(error).__name__, notices
    finally:
        if image is not None:
            image.delete()
    return "", notices


Gegl.init(None)
for picture_path, result_path in job["pictures"]:
    started = time.monotonic()
    report(event="begin", picture=picture_path)
    problem, notices = paint_picture(picture_path, result_path)
    report(
        event="end",
        picture=picture_path,
        problem=problem,
        notices=notices,
        seconds=time.monotonic() - started,
    )
