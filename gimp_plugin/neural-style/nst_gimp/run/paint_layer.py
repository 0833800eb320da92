"""One run of the filter, from the call to the new layer.

Validates, reads pixels, lets the engine paint while somebody watches, places the layer. ``watcher`` is
how the run is shown: a window, or GIMP's progress bar.
"""

from __future__ import annotations

from contextlib import ExitStack

from nst_gimp.image import layers
from nst_gimp.process.engine import Engine
from nst_gimp.process.job import PREVIEW, Job
from nst_gimp.run import ingredients, recipe
from nst_gimp.settings import arguments


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
