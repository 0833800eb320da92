"""The part of neural-style-batch.py that GIMP runs in its own Python: opens, paints, saves each picture."""

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


def say(**event):
    """Tell the program outside."""
    print("neural-style-batch " + json.dumps(event), flush=True)


def subject(image):
    """Return the layer to paint: the only one, or a new one with all that is visible.

    Layers that are named as masks are hidden, for good: they would cover the painting.

    Raises:
        CallError: a mask that is named is not there.
    """
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        image.convert_rgb()
    named = [masks.find(image, name) for name in job["masks"]]
    aside = [item for item in named if isinstance(item, Gimp.Layer)]
    own = [layer for layer in image.get_layers() if layer not in aside]
    if own:
        for layer in aside:
            layer.set_visible(False)
    else:  # the picture is its own mask
        own = image.get_layers()
    if len(own) == 1 and not own[0].is_group():
        return own[0]
    visible = Gimp.Layer.new_from_visible(image, image, "Visible")
    image.insert_layer(visible, None, 0)
    return visible


def paint(image):
    """Call the filter; return what the engine remarked.

    Raises:
        RuntimeError: it failed, with the reason.
    """
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-neural-style")
    if procedure is None:
        raise RuntimeError("The plug-in is not installed in this GIMP.")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", [subject(image)])
    if job["style"]:
        config.set_property("style-file", Gio.File.new_for_path(job["style"]))
    for name, value in job["arguments"].items():
        config.set_property(name, value)
    answer = procedure.run(config)
    if answer.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(answer.index(1) or str(answer.index(0)))
    return layers.read_record(answer.index(1)).get("notices", [])


def save(image, path):
    """Save under a name beside, then give it its own: nothing half-written is ever found under it.

    Raises:
        RuntimeError: GIMP cannot write there, or not in this format.
    """
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".part-{name}")  # all of its suffixes say the format: xcf.gz
    try:
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(beside), None):
            raise RuntimeError(Gimp.get_pdb().get_last_error() or f"{path} cannot be written.")
        os.replace(beside, path)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)


def one(picture, result):
    """Paint one picture; return "" or why it failed, and what the engine remarked."""
    image, notices = None, []
    try:
        image = files.load(Gio.File.new_for_path(picture))
        notices = paint(image)
        save(image, result)
    except Exception as error:  # the next picture is another story
        return str(error) or type(error).__name__, notices
    finally:
        if image is not None:
            image.delete()
    return "", notices


Gegl.init(None)
for each, its_result in job["pictures"]:
    started = time.monotonic()
    say(event="begin", picture=each)
    problem, remarks = one(each, its_result)
    say(event="end", picture=each, problem=problem, notices=remarks, seconds=time.monotonic() - started)
