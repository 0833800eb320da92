"""What can be done with a result: take its settings, paint with them, add its layer, save its picture."""

from __future__ import annotations

import os
import re
import shutil

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gtk  # noqa: E402

from nst_gimp.image import result_files, style  # noqa: E402
from nst_gimp.process.job_folder import disk_error  # noqa: E402
from nst_gimp.process.result_store import LAYER, PAINTING, PICTURE  # noqa: E402
from nst_gimp.run import stored_values  # noqa: E402
from nst_gimp.settings import how_long  # noqa: E402
from nst_gimp.text.messages import to_user_error  # noqa: E402
from nst_gimp.text.words import _  # noqa: E402
from nst_gimp.ui import result_words  # noqa: E402
from nst_gimp.ui.style_menus import make_menu  # noqa: E402

NOT_TAKEN = (how_long.NAME, *how_long.DEFAULTS)
"""Arguments that stay as they are when settings are taken: how long to paint is a choice of its own."""

SUFFIX = ".png"


class ResultActions:
    """The commands on the results of ``dialog``; ``settle(config)`` is called when settings were taken."""

    def __init__(self, dialog, settle) -> None:
        self.dialog, self.settle = dialog, settle

    def menu(self, result, remove, remove_all) -> Gtk.Menu:
        """Return the menu of a result."""
        apply = (_("_Paint with these settings"), lambda: self._paint(result), True)
        if result.facts.kind == PAINTING:
            apply = (_("_Add as a layer"), lambda: self._try(self._add_layer, result), result.has_layer())
        return make_menu(
            (_("_Take its settings"), lambda: self.take(result), True),
            apply,
            (_("_Save the picture…"), lambda: self._try(self._save, result), True),
            (_("_Remove"), remove, True),
            (_("Remove a_ll results of this image"), remove_all, True),
        )

    def take(self, result) -> None:
        """Set the style and the settings of a result."""
        values = {name: value for name, value in result.facts.values.items() if name not in NOT_TAKEN}
        config = self.dialog.config
        stored_values.apply(config, values)
        is_gone = style.is_gone(config)
        self.settle(config)
        self.dialog.bar.show_error(
            another_style(result.facts.title, style.from_config(config)) if is_gone else ""
        )

    def _paint(self, result) -> None:
        self.take(result)
        self.dialog.window.response(Gtk.ResponseType.OK)

    def _try(self, act, result) -> None:
        """Do something that returns a sentence about it, or fails."""
        self.dialog.bar.show_error("")
        try:
            text = act(result)
        except Exception as error:
            self.dialog.bar.show_error(str(to_user_error(error)))
        else:
            if text:
                self.dialog.trial.note.set_text(text)
        self.dialog.window.present()  # GIMP raises an image's window when it shows the progress of a file

    def _add_layer(self, result) -> str:
        layer = result_files.add_layer(result.path(LAYER), self.dialog.trial.subject.layer)
        return _("Added as the layer “{name}”.").format(name=layer.get_name())

    def _save(self, result) -> str:
        target = ask_for_target(self.dialog.window, suggested_name(result.facts))
        if not target:
            return ""
        if result.has_layer():
            result_files.export_layer(result.path(LAYER), target)
        else:
            try:
                shutil.copyfile(result.path(PICTURE), target)
            except OSError as error:
                raise disk_error(error) from None
        return _("Saved as {path}.").format(path=target)


def another_style(title: str, chosen) -> str:
    """Return a sentence about a result whose style is gone. ``chosen`` is what is set now, or None."""
    if chosen is None:
        return _("The style “{style}” of this result no longer exists. Choose another.").format(style=title)
    return _("The style “{style}” of this result no longer exists; “{other}” is chosen instead.").format(
        style=title, other=chosen.name
    )


def suggested_name(facts) -> str:
    """Return a name for the file of a result: its style and the settings of its caption."""
    text = f"{facts.title} {result_words.caption(facts)}".replace(" · ", "-")
    return re.sub(r"[^\w ,.+-]", "_", text).strip() + SUFFIX


def ask_for_target(parent, suggested: str) -> str:
    """Ask where to save a picture; return the path, or ""."""
    chooser = Gtk.FileChooserDialog(
        title=_("Save the Picture"), transient_for=parent, action=Gtk.FileChooserAction.SAVE
    )
    chooser.add_buttons(_("_Cancel"), Gtk.ResponseType.CANCEL, _("_Save"), Gtk.ResponseType.ACCEPT)
    chooser.set_default_response(Gtk.ResponseType.ACCEPT)
    chooser.set_do_overwrite_confirmation(True)
    chooser.set_current_folder(os.path.expanduser("~"))
    chooser.set_current_name(suggested)
    path = chooser.get_filename() if chooser.run() == Gtk.ResponseType.ACCEPT else None
    chooser.destroy()
    return path or ""
