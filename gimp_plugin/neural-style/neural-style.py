#!/usr/bin/env python3
"""Registers the filter and its diagnostics with GIMP; the work is in nst_gimp/."""

import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402
from nst_gimp.settings import arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

FILTER = "plug-in-neural-style"
DOCTOR = "plug-in-neural-style-doctor"
MENU = "<Image>/Filters/Artistic"


def run_filter(*call):
    """Paint. Imported late, so that a mistake there cannot keep the menu entry away."""
    from nst_gimp import procedures

    return procedures.run_filter(*call)


def run_doctor(*call):
    """Report what is there and what is not."""
    from nst_gimp import procedures

    return procedures.run_diagnostics(*call)


class NeuralStyle(Gimp.PlugIn):
    """The plug-in. Its catalogues are found by GIMP in locale/, under the plug-in's name."""

    def do_query_procedures(self):
        """Name the procedures."""
        return [FILTER, DOCTOR]

    def do_create_procedure(self, name):
        """Describe one of them."""
        procedure = self.filter(name) if name == FILTER else self.doctor(name)
        procedure.add_menu_path(MENU)
        procedure.set_attribution("The neural-style authors", "The neural-style authors, MIT licence", "2025")
        return procedure

    def filter(self, name):
        """Describe the filter."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_filter, None)
        procedure.set_image_types("RGB*, GRAY*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(_("_Neural Style…"))
        procedure.set_documentation(
            _("Paint a layer in the style of another picture"),
            _(
                "Paints the selected layer, or the selected part of it, in the style of a painting, by the "
                "method of Gatys, Ecker and Bethge. The painting is a new layer above; nothing else changes."
            ),
            name,
        )
        arguments.declare(procedure)
        procedure.add_layer_return_value(
            "painting", _("Painting"), _("The new layer"), True, GObject.ParamFlags.READWRITE
        )
        return procedure

    def doctor(self, name):
        """Describe the diagnostics."""
        flags = GObject.ParamFlags.READWRITE
        procedure = Gimp.Procedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_doctor, None)
        procedure.set_sensitivity_mask(
            Gimp.ProcedureSensitivityMask.NO_IMAGE | Gimp.ProcedureSensitivityMask.ALWAYS
        )
        procedure.set_menu_label(_("Neural Style _Diagnostics…"))
        procedure.set_documentation(
            _("Report on the engine behind Neural Style"),
            _("Says which engine, device and network are there, and what to do about what is not."),
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
        procedure.add_string_return_value("report", _("Report"), _("The report, as text"), "", flags)
        return procedure


Gimp.main(NeuralStyle.__gtype__, sys.argv)
