#!/usr/bin/env python3
"""Registers the filter and its diagnostics with GIMP. The code that does the work is in nst_gimp/."""

import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject  # noqa: E402
from nst_gimp.settings import animation_arguments, arguments  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402

FILTER = "plug-in-neural-style"
ANIMATION = "plug-in-neural-style-animation"
DIAGNOSTICS = "plug-in-neural-style-doctor"
MENU = "<Image>/Filters/Artistic"
ANIMATION_MENU = "<Image>/Filters/Animation"


def run_filter(*call):
    """Run the filter. The import is here so that an error in it cannot remove the menu entry."""
    from nst_gimp import procedures

    return procedures.run_filter(*call)


def run_animation(*call):
    """Run the filter for animations."""
    from nst_gimp import procedures

    return procedures.run_animation(*call)


def run_diagnostics(*call):
    """Run the diagnostics."""
    from nst_gimp import procedures

    return procedures.run_diagnostics(*call)


class NeuralStyle(Gimp.PlugIn):
    """The plug-in. GIMP finds its catalogues in locale/, under the plug-in's name."""

    def do_query_procedures(self):
        """Return the names of the procedures."""
        return [FILTER, ANIMATION, DIAGNOSTICS]

    def do_create_procedure(self, name):
        """Register one procedure."""
        makers = {
            FILTER: self.make_filter,
            ANIMATION: self.make_animation,
            DIAGNOSTICS: self.make_diagnostics,
        }
        procedure = makers[name](name)
        procedure.add_menu_path(ANIMATION_MENU if name == ANIMATION else MENU)
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

    def make_animation(self, name):
        """Return the procedure of the filter for animations."""
        flags, mask = GObject.ParamFlags.READWRITE, Gimp.ProcedureSensitivityMask
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run_animation, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        procedure.set_menu_label(_("_Neural Style…"))
        procedure.set_documentation(
            _("Paint an animation in the style of another picture"),
            _(
                "Paints the layers of an image, or of the selected layer group, as the frames of an "
                "animation. Strokes move with what they paint and do not flicker. The result is a new image "
                "or a group."
            ),
            name,
        )
        animation_arguments.declare(procedure)
        procedure.add_image_return_value(
            "animation", _("Result"), _("The image with the frames"), True, flags
        )
        procedure.add_layer_return_value(
            "group", _("Group"), _("The group with the frames, if any"), True, flags
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
