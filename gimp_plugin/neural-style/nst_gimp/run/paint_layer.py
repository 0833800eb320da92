"""One run of the filter, from the call to the new layer.

Checks the arguments, reads the pixels, waits for its turn and while the engine paints, and inserts the new
layer. ``watcher`` shows the run: a window, or GIMP's progress bar.
"""

from __future__ import annotations

from contextlib import ExitStack

from gi.repository import Gimp

from nst_gimp.image import layers, lost_place, originals
from nst_gimp.process import locations
from nst_gimp.process.engine import EngineProcess
from nst_gimp.process.job_folder import PREVIEW, JobFolder
from nst_gimp.run import session_results, stored_values
from nst_gimp.run.inputs import InputReader
from nst_gimp.run.run_request import RunRequest
from nst_gimp.run.turn import Turn
from nst_gimp.settings import arguments, effects
from nst_gimp.text.messages import Cancelled
from nst_gimp.text.words import _


def paint(image, drawables, config, watcher, place=None):
    """Paint one layer and return the new layer, which goes above it or to ``place``, a ``layers.Place``.

    The pictures are read at once. Then the run waits until no other painting is before it in the queue.

    Raises:
        UserError: the run failed. The image is unchanged.
    """
    settings = arguments.read(config)
    subject = layers.get_subject(image, drawables)
    run_request = RunRequest.from_config(config, image)
    memory = lost_place.remember(subject)
    record = {
        **run_request.to_record(),
        "source": originals.describe(subject.layer),
        "arguments": stored_values.without_settings(config),
    }
    with ExitStack() as stack:
        watcher.begin(subject, run_request.title())
        stack.callback(watcher.end)
        if subject.layer.is_gray() and run_request.wants_style_colors(settings["keep-colors"]):
            watcher.add_notice(
                _(
                    "The image is in greyscale mode, so the painting is grey. For the colours of the style, "
                    "convert the image with Image > Mode > RGB and paint again."
                )
            )
        turn = stack.enter_context(Turn(subject, run_request.title(), watcher))
        # The folder outlives the engine. The engine starts first, so that it loads while pixels are read. It
        # needs little memory until it gets its request, and deletes the folder if this process is killed.
        job_folder = stack.enter_context(JobFolder())
        engine = stack.enter_context(EngineProcess(job_folder.directory))
        alpha_path = job_folder.path("alpha.f32")
        content = layers.read(subject, job_folder.path("content.f32"), alpha_path)
        inputs = InputReader(subject, settings, job_folder).read(run_request)
        preview = PREVIEW if watcher.wants_previews else None
        request = job_folder.build_request(content, inputs, settings, preview)
        try:
            watcher.wait(turn, engine)
            engine.send(dict(request, states=str(locations.states_folder())))
            done = watcher.follow(turn, engine, job_folder)
        except Cancelled:
            engine.cancel()
            raise
        settings.update(changed_settings(done))
        record.update(result_record(done, settings, watcher.facts))
        result = content._replace(path=job_folder.check_result(content, done))
        title, side = run_request.title(), watcher.facts.painted_side
        painting = layers.Painting(result, alpha_path, layer_name(title, config, side), record)
        layer = insert(painting, subject, memory, place)
        session_results.keep_painting(subject, layer, title, side)
        return layer


def insert(painting, subject, memory, place):
    """Insert a painting and return its layer. If its place is gone, it goes elsewhere, and a message says so.

    Raises:
        UserError: no image can take it. The message names the file that has the painting.
    """
    try:
        return layers.insert_result(subject, painting, place)
    except layers.PlaceLostError:
        layer, sentence = lost_place.insert(memory, subject, painting, place)
        Gimp.message(sentence)
        return layer


def result_record(done: dict, settings: dict, facts) -> dict:
    """Return the fields of the record that are known when the engine is done."""
    return {
        "settings": settings,
        "seed": done.get("seed"),
        "model": done.get("model"),
        "model_sha256": done.get("model_sha256"),
        "loss": done.get("loss"),
        "seconds": done.get("seconds"),
        "stopped": bool(done.get("stopped")),
        "engine": facts.engine_version,
        "notices": facts.notices,
    }


def layer_name(title: str, config, painted_side: int) -> str:
    """Return the name of a painting: its style, its strength and its size."""
    parts = [title]
    if effects.has_effect(config, "strength"):
        parts.append(_("strength {strength:g}").format(strength=config.get_property("strength")))
    if painted_side:
        parts.append(_("{side} px").format(side=painted_side))
    return ", ".join(parts)


def changed_settings(done: dict) -> dict:
    """Return the settings that may have changed during the run, as its last event has them."""
    used = done.get("settings")
    value = used.get("color_layout") if isinstance(used, dict) else None
    return {"color-layout": float(value)} if isinstance(value, (int, float)) else {}
