"""The two procedures as GIMP calls them: each answers with a status and a sentence, whatever happens."""

from __future__ import annotations

from gi.repository import Gimp, GLib, GObject

from nst_gimp.image import layers
from nst_gimp.run import diagnostics
from nst_gimp.run.paint_layer import paint
from nst_gimp.run.progress import ProgressBar
from nst_gimp.text.messages import CallError, Cancelled, unexpected


def run_filter(procedure, run_mode, image, drawables, config, _data):
    """Answer a call of the procedure. Whatever happens becomes a status and a sentence."""
    try:
        procedure.get_plug_in().set_pdb_error_handler(Gimp.PDBErrorHandler.PLUGIN)
        layers.start_gegl()
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from nst_gimp.ui import interactive

            layer = interactive.run(procedure, image, drawables, config)
        else:
            layer = paint(image, drawables, config, ProgressBar())
    except Exception as error:
        return failure(procedure, error)
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, layer))
    return values


def run_diagnostics(procedure, config, _data):
    """Answer a call of the procedure."""
    try:
        text = diagnostics.report()
        if config.get_property("run-mode") == Gimp.RunMode.INTERACTIVE:
            from nst_gimp.ui import report_window

            report_window.show(text)
    except Exception as error:
        return failure(procedure, error)
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(GObject.TYPE_STRING, text))
    return values


def failure(procedure, error):
    """Turn an exception into what GIMP shows."""
    if isinstance(error, Cancelled):
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error(str(error)))
    status = Gimp.PDBStatusType.EXECUTION_ERROR
    if isinstance(error, CallError):
        status = Gimp.PDBStatusType.CALLING_ERROR
    return procedure.new_return_values(status, GLib.Error(str(unexpected(error))))
