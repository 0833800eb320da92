"""The filter with its windows: show the dialog, paint while the user watches, and return to it on failure."""

from __future__ import annotations

from functools import partial

from nst_gimp.image import layers, originals, selections
from nst_gimp.process import kept_styles
from nst_gimp.run import paint_layer, stored_values
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text.messages import Cancelled
from nst_gimp.ui.start import start_gtk


def run(procedure, image, drawables, config):
    """Return the painted layer.

    Raises:
        Cancelled: the user cancelled the dialog.
        UserError: this layer cannot be painted.
    """
    start_gtk()
    from nst_gimp.ui import dialog_values
    from nst_gimp.ui.dialog import StyleDialog, reset_missing_style
    from nst_gimp.ui.error_bar import paint_until_done
    from nst_gimp.ui.painting_window import PaintingWindow

    origin = originals.find(image, drawables)
    drawables = origin.drawables
    subject = layers.get_subject(image, drawables)
    given_style = config.get_property("style-layer")  # GIMP never remembers one, so the caller gave it
    dialog_values.restore(config)
    if origin.painting is not None:
        stored_values.apply(config, stored_values.of_record(layers.read_record(origin.painting)))
    if given_style is not None:
        config.set_property("style-file", None)
        config.set_property("style-layer", given_style)
    arguments.reset_invalid(config)
    reset_missing_style(config)
    dialog = StyleDialog(procedure, config, subject, origin)

    def paint():
        stored = dialog_values.store(config)  # a second dialog may be opened during this painting
        layers.check_open(image, *drawables)
        selections.make_channels(image, config)
        style_paths = RunRequest.from_config(config, image).style_paths()
        on_start = partial(kept_styles.add_recent, style_paths)
        window = PaintingWindow(config, on_start, dialog.expected_seconds)
        painted = paint_layer.paint(image, drawables, config, window, dialog.place())
        dialog_values.forget(stored)
        return painted

    try:
        painted = paint_until_done(dialog, paint)
        if painted is None:
            dialog_values.store(config)
            raise Cancelled
    finally:
        dialog.close()
    return painted
