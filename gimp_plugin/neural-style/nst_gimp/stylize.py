"""One run of the filter, from the call to the new layer.

Validates, reads pixels, lets the engine paint while somebody watches, places the layer. ``watcher`` is
how the run is shown: a window, or GIMP's progress bar.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from gi.repository import Gimp, GLib, GObject

from nst_gimp import arguments, ingredients, layers, recipe
from nst_gimp.engine import Engine
from nst_gimp.job import PREVIEW, Job
from nst_gimp.messages import CallError, Cancelled, unexpected
from nst_gimp.progress import ProgressBar


def paint(image, drawables, config, watcher):
    """Paint one layer and return the new one.

    Raises:
        UserError: it could not be done; the image is untouched.
    """
    settings = arguments.read(config)
    subject = layers.choose(image, drawables)
    wanted = recipe.resolve(config, image)
    with ExitStack() as open_until_done:
        watcher.begin(subject, recipe.title(wanted))
        open_until_done.callback(watcher.end)
        # The folder outlives the engine, which is started first so that it loads while pixels are read.
        job = open_until_done.enter_context(Job())
        engine = open_until_done.enter_context(Engine(job.folder))
        alpha = job.path("alpha.f32")
        content = layers.read(subject, job.path("content.f32"), alpha)
        fields = ingredients.Reader(subject, settings, job).fields(wanted)
        engine.send(job.request(content, fields, settings, PREVIEW if watcher.wants_previews else None))
        done = watcher.follow(engine, job)
        painted = content._replace(path=job.check_result(content, done))
        record = {
            **recipe.record(wanted),
            "settings": settings,
            "seed": done.get("seed"),
            "model": done.get("model"),
            "model_sha256": done.get("model_sha256"),
            "loss": done.get("loss"),
            "seconds": done.get("seconds"),
            "stopped": bool(done.get("stopped")),
            "engine": watcher.engine_version,
            "notices": watcher.notices,
        }
        return layers.place(subject, painted, alpha, recipe.title(wanted), record)


def run(procedure, run_mode, image, drawables, config, _data):
    """Answer a call of the procedure. Whatever happens becomes a status and a sentence."""
    try:
        procedure.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
        layers.start_gegl()
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from nst_gimp import interactive

            layer = interactive.run(procedure, image, drawables, config)
        else:
            layer = paint(image, drawables, config, ProgressBar())
    except Exception as error:
        return failure(procedure, error)
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, layer))
    return values


def failure(procedure, error):
    """Turn an exception into what GIMP shows."""
    if isinstance(error, Cancelled):
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error(str(error)))
    status = Gimp.PDBStatusType.EXECUTION_ERROR
    if isinstance(error, CallError):
        status = Gimp.PDBStatusType.CALLING_ERROR
    return procedure.new_return_values(status, GLib.Error(str(unexpected(error))))


def plug_in_folder() -> str:
    """Return the folder that neural-style.py is in."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
