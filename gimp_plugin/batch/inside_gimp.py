"""The part of neural-style-batch.py that runs in GIMP's Python: it opens, paints and saves each picture."""

import json
import os
import re
import sys
import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

with open(os.environ["NST_BATCH_JOB"], encoding="utf-8") as job_file:
    job = json.load(job_file)
sys.path[:0] = [job["plug_in"], job["batch"]]
import export  # noqa: E402
import sheet  # noqa: E402
from claims import claim  # noqa: E402
from nst_gimp.image import files, layers, masks, metadata  # noqa: E402
from nst_gimp.process import paint_queue  # noqa: E402
from nst_gimp.text.messages import UserError  # noqa: E402

PAINTED, THERE, FAILED = "painted", "there", "failed"
"""Outcomes of a picture. THERE means that another program has painted it since the batch began."""

WAIT_SECONDS = 1.0
"""Pause before the next look at pictures that other programs are painting."""

GIMP_MESSAGE = re.compile(r"^(?!GIMP-)[\w ]+-\w+: (.+)$")
"""A message of a file procedure on GIMP's stderr, such as "JPEG image-Warning: Corrupt JPEG data"."""

MOST_MESSAGES = 3


def report(**event):
    """Report an event to neural-style-batch.py."""
    print("neural-style-batch " + json.dumps(event), flush=True)


class GimpMessages:
    """The messages that GIMP prints on its stderr, which is the file ``path``."""

    def __init__(self, path):
        self.path = path
        self.start = os.path.getsize(path)

    def read(self):
        """Return the messages since this object was made, at most MOST_MESSAGES."""
        with open(self.path, "rb") as log:
            log.seek(self.start)
            lines = log.read().decode("utf-8", "replace").splitlines()
        matches = [GIMP_MESSAGE.match(line.strip()) for line in lines]
        return list(dict.fromkeys(f"GIMP says: {match[1]}" for match in matches if match))[:MOST_MESSAGES]


def open_picture(path, notices):
    """Open a picture file. Its notices and GIMP's own messages about it are added to ``notices``.

    Raises:
        RuntimeError: it cannot be opened. The message says why.
    """
    messages = GimpMessages(job["log"])
    try:
        image = files.load(Gio.File.new_for_path(path), notices)
    except UserError as error:
        raise RuntimeError(" ".join([str(error), *messages.read()])) from None
    notices += messages.read()
    return image


def layer_to_paint(image):
    """Return the layer to paint: the only layer, or else a new layer from all that is visible.

    Layers that are used as masks are hidden and stay hidden; they would cover the result. A picture whose
    mode cannot hold the colours of the result becomes RGB.

    Raises:
        CallError: a mask does not exist.
    """
    mode = image.get_base_type()
    if mode == Gimp.ImageBaseType.INDEXED or (mode == Gimp.ImageBaseType.GRAY and job["style_colors"]):
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
    before = len(paint_queue.entries())
    if before:
        report(event="queued", count=before)
    values = procedure.run(config)
    if values.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(values.index(1) or str(values.index(0)))
    return layers.read_record(values.index(1)).get("notices", [])


told = set()
"""The engine's notices so far: each is told once for all pictures."""


def paint_file(picture, result, notices):
    """Paint one picture file, save the result, and return the outcome. ``notices`` is a list to add to.

    Raises:
        Exception: the picture cannot be opened, painted or saved.
    """
    if os.path.lexists(result) and not job["overwrite"]:
        return THERE
    image = open_picture(picture, notices)
    try:
        engine_notices = paint(image)
        notices += [notice for notice in engine_notices if notice not in told]
        told.update(engine_notices)
        metadata.prepare_for_result(image, keep_location=job["keep_location"])
        export.save(image, result, job["format"])
    finally:
        image.delete()
    return PAINTED


def paint_and_report(picture, result):
    """Paint one picture file, and report the beginning and the end."""
    started = time.monotonic()
    report(event="begin", picture=picture)
    notices, problem = [], ""
    try:
        outcome = paint_file(picture, result, notices)
    except Exception as error:  # the other pictures are still painted
        outcome, problem = FAILED, str(error) or type(error).__name__
    report(
        event="end",
        picture=picture,
        outcome=outcome,
        problem=problem,
        notices=notices,
        seconds=time.monotonic() - started,
    )


def run_job():
    """Paint all pictures of the job. Those that another program is painting come last, if still needed."""
    Gegl.init(None)
    formats = [(job["output"], job["format"])]
    if job["sheet"]:
        folder, name = os.path.split(job["sheet"])
        formats.append((folder, os.path.splitext(name)[1].lower().lstrip(".")))
    for folder, extension in formats:
        problem = export.check_format(folder, extension)
        if problem:
            report(event="format", problem=problem, folder=folder, format=extension)
            return
    waiting, has_said_so = job["pictures"], False
    while waiting:
        elsewhere = []
        for picture, result in waiting:
            with claim(result) as is_ours:
                if is_ours:
                    paint_and_report(picture, result)
                else:
                    elsewhere.append((picture, result))
        if elsewhere and len(elsewhere) == len(waiting):
            if not has_said_so:
                report(event="waiting", count=len(elsewhere))
                has_said_so = True
            time.sleep(WAIT_SECONDS)
        waiting = elsewhere
    if job["sheet_of"]:
        make_sheet()


def make_sheet():
    """Make the contact sheet of the results, and report it."""
    count, problems, problem = 0, {}, ""
    try:
        count, problems = sheet.make(job["sheet_of"], job["sheet"])
    except Exception as error:  # the results are there all the same
        problem = str(error) or type(error).__name__
    report(event="sheet", count=count, left_out=problems, problem=problem)


run_job()
