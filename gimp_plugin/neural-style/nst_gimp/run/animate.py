"""One run of the filter for animations, from the call to the painted layers.

The frames are painted by the engine as one film, so that strokes stay with what they paint. ``watcher`` shows
the run: a window, or GIMP's progress bar. The image changes, if at all, when the frames are finished.
"""

from __future__ import annotations

import os
from collections import namedtuple
from contextlib import ExitStack

from gi.repository import Gimp

from nst_gimp.image import animation_layers, frames
from nst_gimp.process.engine import EngineProcess
from nst_gimp.process.job_folder import PREVIEW, JobFolder
from nst_gimp.run import paint_layer
from nst_gimp.run.inputs import InputReader
from nst_gimp.run.run_request import RunRequest
from nst_gimp.run.turn import Turn
from nst_gimp.settings import animation_arguments
from nst_gimp.settings.animation_arguments import GROUP
from nst_gimp.text.messages import CallError, Cancelled, UserError
from nst_gimp.text.words import _

Animation = namedtuple("Animation", "image group")
"""The image with the painted frames, and the group that has them; None if they are the image's layers."""


def paint(image, drawables, config, watcher) -> Animation:
    """Paint an animation and return the :class:`Animation`.

    Raises:
        UserError: the run failed. The image is unchanged.
    """
    settings = animation_arguments.read(config)
    which, result = animation_arguments.choices(config)
    found = frames.find(image, drawables, which)
    check_result(image, result)
    styles = RunRequest.of_blend(config, image)
    subject, traits = frames.subject_of(found), animation_layers.ImageTraits(image)
    with ExitStack() as stack:
        watcher.begin(subject, styles.title())
        stack.callback(watcher.end)
        turn = stack.enter_context(Turn(subject, styles.title(), watcher))
        job_folder = stack.enter_context(JobFolder())
        engine = stack.enter_context(EngineProcess(job_folder.directory))
        folder = job_folder.path("frames")
        os.mkdir(folder, 0o700)
        kept, like = frames.write(found, folder)
        inputs = InputReader(frames.subject_of(found, like), settings, job_folder).read(styles)
        preview = PREVIEW if watcher.wants_previews else None
        request = build_request(job_folder, found, inputs, settings, preview)
        try:
            watcher.wait(turn, engine)
            engine.send(request)
            done = watcher.follow(turn, engine, job_folder)
        except Cancelled:
            engine.cancel()
            raise
        finished = kept[: int(done.get("frames") or 0)]
        painted = animation_layers.PaintedFrames(found, finished, folder, like)
        record = {**styles.to_record(), **paint_layer.result_record(done, settings, watcher.facts)}
        return insert(painted, found, result, traits, (styles.title(), record))


def build_request(job_folder, found, inputs: dict, settings: dict, preview=None, command="film") -> dict:
    """Return the engine's request: a film, whose painted frames replace those in the folder; or its plan."""
    folder = frames.as_pixel_file(found, job_folder.path("frames"))
    request = job_folder.build_request(folder, inputs, settings, preview, command)
    request["frames"] = {**request.pop("content"), "count": len(found.frames)}
    return {**request, "result": folder.path} if command == "film" else request


def insert(painted, found, result: str, traits, described) -> Animation:
    """Make the layers of an animation; ``described`` is its title and its record.

    If the image for a group was closed or got a palette meanwhile, they are a new image, and a message says
    so.
    """
    title, record = described
    if not painted.kept:
        raise UserError(_("The engine painted no frame."), _("Try again."), "protocol")
    if result == GROUP:
        image = found.image
        if image.is_valid() and image.get_base_type() == traits.modes[0]:
            above = found.group if found.group is not None and found.group.is_valid() else None
            name = animation_layers.layer_title(title, len(painted.kept))
            return Animation(image, animation_layers.new_group(image, above, painted, name, record))
        Gimp.message(_("The image was closed or changed, so the painted frames are a new image."))
    return Animation(animation_layers.new_image(traits, painted, record), None)


def check_result(image, result: str) -> None:
    """Check that the image can take the result.

    Raises:
        CallError: it has a palette, and the result is to be a group in it.
    """
    if result == GROUP and image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise CallError(
            _("An image with a palette (indexed colours) cannot take the painted layers."),
            _("Make the result a new image, or convert this one with Image > Mode > RGB first."),
        )
