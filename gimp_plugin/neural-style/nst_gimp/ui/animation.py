"""The filter for animations with its windows: show the dialog, paint while the user watches."""

from __future__ import annotations

from functools import partial

from nst_gimp.image import layers
from nst_gimp.process import kept_styles
from nst_gimp.run import animate
from nst_gimp.run.run_request import RunRequest
from nst_gimp.settings import arguments
from nst_gimp.text.messages import Cancelled
from nst_gimp.ui.start import start_gtk


def run(procedure, image, drawables, config):
    """Return the painted :class:`nst_gimp.run.animate.Animation`.

    Raises:
        Cancelled: the user cancelled the dialog.
        UserError: there are no frames.
    """
    start_gtk()
    from nst_gimp.ui.animation_dialog import AnimationDialog
    from nst_gimp.ui.animation_window import AnimationWindow
    from nst_gimp.ui.dialog import reset_missing_style
    from nst_gimp.ui.error_bar import paint_until_done

    arguments.reset_invalid(config)
    reset_missing_style(config)
    dialog = AnimationDialog(procedure, config, image, drawables)

    def paint():
        layers.check_open(image)
        style_paths = RunRequest.of_blend(config, image).style_paths()
        on_start = partial(kept_styles.add_recent, style_paths)
        window = AnimationWindow(config, on_start, dialog.expected_seconds)
        return animate.paint(image, drawables, config, window)

    try:
        painted = paint_until_done(dialog, paint)
    finally:
        dialog.close()
    if painted is None:
        raise Cancelled
    return painted
