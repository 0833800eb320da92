"""The three procedures that GIMP calls. Each returns a status and, if it failed, a message."""

from __future__ import annotations

from gi.repository import Gimp, GLib, GObject

from nst_gimp.image import layers, originals
from nst_gimp.process import garbage
from nst_gimp.run import animate, diagnostics
from nst_gimp.run.paint_layer import paint
from nst_gimp.run.progress import ProgressBar
from nst_gimp.settings import arguments, how_long
from nst_gimp.text.messages import CallError, Cancelled, to_user_error


def run_filter(procedure, run_mode, image, drawables, config, _data):
    """Run the filter and return GIMP's return values: the new layer, or a status and a message."""
    try:
        prepare(procedure)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from nst_gimp.ui import interactive

            layer = interactive.run(procedure, image, drawables, config)
        else:
            layer = run_without_windows(run_mode, image, drawables, config)
    except Exception as error:
        return error_values(procedure, error)
    return success_values(procedure, (Gimp.Layer, layer))


def run_without_windows(run_mode, image, drawables, config):
    """Paint with GIMP's progress bar. Repeat Filter paints again from the layer a painting was made from."""
    is_repeat = run_mode == Gimp.RunMode.WITH_LAST_VALS
    source = arguments.check_choice("source", config.get_property(arguments.SOURCE), arguments.SOURCES)
    if not is_repeat and source == "layer":
        return paint(image, drawables, config, ProgressBar())
    origin = originals.find(image, drawables)
    if is_repeat:
        box = layers.get_subject(image, origin.drawables).box
        how_long.adapt(config, max(box[2:]))
    place = layers.Place(origin.painting, False) if origin.painting is not None else None
    return paint(image, origin.drawables, config, ProgressBar(), place)


def run_animation(procedure, run_mode, image, drawables, config, _data):
    """Run the filter for animations and return GIMP's return values: the image and the group of frames."""
    try:
        prepare(procedure)
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from nst_gimp.ui import animation

            painted = animation.run(procedure, image, drawables, config)
        else:
            painted = animate.paint(image, drawables, config, ProgressBar())
        if painted.group is None and run_mode != Gimp.RunMode.NONINTERACTIVE:
            Gimp.Display.new(painted.image)
    except Exception as error:
        return error_values(procedure, error)
    return success_values(procedure, (Gimp.Image, painted.image), (Gimp.Layer, painted.group))


def run_diagnostics(procedure, config, _data):
    """Run the diagnostics and return GIMP's return values: the report, or a status and a message."""
    try:
        text = diagnostics.report()
        if config.get_property("run-mode") == Gimp.RunMode.INTERACTIVE:
            from nst_gimp.ui import report_window

            report_window.show(text)
    except Exception as error:
        return error_values(procedure, error)
    return success_values(procedure, (GObject.TYPE_STRING, text))


def prepare(procedure) -> None:
    """Let this plug-in handle errors of GIMP's procedures, collect garbage in one thread, and start GEGL."""
    garbage.collect_in_this_thread()
    procedure.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
    layers.start_gegl()


def success_values(procedure, *results):
    """Return GIMP's return values for a success with ``results``, pairs of a type and a value."""
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    for index, (kind, value) in enumerate(results, start=1):
        values.remove(index)
        values.insert(index, GObject.Value(kind, value))
    return values


def error_values(procedure, error):
    """Return GIMP's return values for an exception: a status and the message that GIMP shows."""
    if isinstance(error, Cancelled):
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error(str(error)))
    status = Gimp.PDBStatusType.EXECUTION_ERROR
    if isinstance(error, CallError):
        status = Gimp.PDBStatusType.CALLING_ERROR
    return procedure.new_return_values(status, GLib.Error(str(to_user_error(error))))
