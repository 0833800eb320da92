#!/usr/bin/env python3
"""Registers the filter and its diagnostics with GIMP. The code that does the work is in nst_gimp/."""

import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

FILTER = "plug-in-neural-style"
DIAGNOSTICS = "plug-in-neural-style-doctor"
MENU = "<Image>/Filters/Artistic"


def run_filter(*call):
    """Run the filter. The import is here so that an error in it cannot remove the menu entry."""
    from nst_gimp import procedures

    return procedures.run_filter(*call)


def run_diagnostics(*call):
    """Run the diagnostics."""
    from nst_gimp import procedures

    return procedures.run_diagnostics(*call)


class NeuralStyle(Gimp.PlugIn):
    """The plug-in. GIMP finds its catalogues in locale/, under the plug-in's name."""

    def do_query_procedures(self):
        """Return the names of the procedures."""
        return [FILTER, DIAGNOSTICS]

    def do_create_procedure(self, name):
        """Register one procedure."""
        procedure = self.make_filter(name) if name == FILTER else self.make_diagnostics(name)
        procedure.add_menu_path(MENU)
        procedure.set_attribution("The nst authors", "The nst authors, MIT licence", "2026")
        return procedure

    def make_filter(self, name):
        """Return the procedure of the filter."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_filter, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(_("_Neural Style…"))
        procedure.set_documentation(
            _("Paint a layer in the style of another picture"),
            _(
                "Paints the selected layer, or the selected part of it, in the style of a painting, with the "
                "method of Gatys, Ecker and Bethge. The result is a new layer above it; nothing else changes."
            ),
            name,
        )
        arguments.declare(procedure)
        procedure.add_layer_return_value(
            "painting", _("Result"), _("The new layer"), True, GObject.ParamFlags.READWRITE
        )
        return procedure

    def make_diagnostics(self, name):
        """Return the procedure of the diagnostics."""
        flags = GObject.ParamFlags.READWRITE
        procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_diagnostics, None)
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.NO_IMAGE | Gimp.ProcedureSensitivityMask.ALWAYS
        )
        procedure.set_menu_label(_("Style _Diagnostics…"))
        procedure.set_documentation(
            _("Check the installation of Neural Style"),
            _("Reports which engine, device and network are installed, and how to fix what is missing."),
            name,
        )
        procedure.add_enum_argument(
            "run-mode",
            _("Run mode"),
            _("The run mode"),
            Gimp.RunMode.__gtype__,
            Gimp.RunMode.NONINTERACTIVE,
            flags,
        )
        procedure.add_string_return_value("report", _("Report"), _("The report as text"), "", flags)
        return procedure


Gimp.main(NeuralStyle.__gtype__, sys.argv)
