"""Make the pictures of the plug-in's READMEs, in a real GIMP with the real engine.

``python -m tests.gimp.screenshots FOLDER`` writes dialog.png, regions.png, keep.png, painting.png,
result.png, variants.png and results.png. Needs the GIMP that ``tests/gimp/provision`` finds or makes, and a
network in the model store.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from nst_core.style_library.ready_styles import READY_FOLDER
from tests.gimp.desktop import DIALOG, PAINTING_WINDOW, GimpDesktop
from tests.gimp.screen import Window
from tests.gimp.start import REPOSITORY, Gimp
from tests.gimp.test_dialog import is_trial_picture
from tests.gimp.test_tiles import events, forget_events

SAMPLES = REPOSITORY / "install" / "samples"
SWIRLS, WATERCOLOUR = (READY_FOLDER / f"{name}.jpg" for name in ("Oil Swirls", "Watercolour"))

CELL = "Strength: 80, Brush size: 0.62"
"""The cell that is taken from the sheet around the settings below."""

SETTINGS = {"quality": "draft", "strength": 60.0, "size": 512}


def begin(desktop: GimpDesktop, style: Path, **values: object) -> Window:
    """Open the dialog with a style and further arguments."""
    desktop.forget_last_values()
    desktop.begin_filter(style, **{**SETTINGS, **values})
    return desktop.wait_for_window(DIALOG)


def wait_for_trial(desktop: GimpDesktop, dialog: Window) -> None:
    """Paint a trial to its end."""
    desktop.press(dialog, "alt+t")
    desktop.wait_for_widget(dialog, lambda widget: widget.text.startswith("A trial of"), "the trial's end")


def make_pictures(desktop: GimpDesktop, target: Path) -> None:
    """Go through the windows and keep a picture of each."""
    desktop.ask(
        "height = image.get_height() // 2\n"
        "for name, top in (('sky', 0), ('land', height)):\n"
        " image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, top, image.get_width(), height)\n"
        " channel = Gimp.Selection.save(image); channel.set_name(name)\n"
        "Gimp.Selection.none(image)"
    )
    regions = {
        "region_masks": ["channel:sky", "channel:land"],
        "region_styles": [str(SWIRLS), str(WATERCOLOUR)],
        "region_colors": ["", "luminance"],
        "outside": "keep",
    }
    dialog = begin(desktop, SWIRLS, **regions)
    wait_for_trial(desktop, dialog)
    desktop.press(dialog, "alt+v")
    save_small(desktop.screen.picture(target / "regions.png", dialog))
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)

    dialog = begin(desktop, SWIRLS)
    wait_for_trial(desktop, dialog)
    desktop.screen.move(dialog.x + 4, dialog.y + 4)  # so that nothing is lit up under the pointer
    desktop.widgets(dialog)
    save_small(desktop.screen.picture(target / "dialog.png", dialog))
    desktop.screen.key("alt+k", dialog)
    keep = desktop.wait_for_window("^Keep a Style$")
    save_small(desktop.screen.picture(target / "keep.png", keep))
    desktop.screen.key("Escape", keep)
    desktop.wait_until_gone("^Keep a Style$")

    forget_events(desktop)
    desktop.screen.key("alt+p", dialog)
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.wait_until(lambda: is_half_painted(desktop), "half a painting")
    desktop.screen.focus(painting)
    desktop.widgets(painting)
    save_small(desktop.screen.picture(target / "painting.png", painting))
    desktop.wait_until_gone(PAINTING_WINDOW)
    desktop.wait_until(lambda: len(desktop.layers()) == 2, "the painting")
    save_small(desktop.screen.picture(target / "result.png", desktop.main))
    make_result_pictures(desktop, target)


def make_result_pictures(desktop: GimpDesktop, target: Path) -> None:
    """Open the sheet of variants, take a cell, and compare it in the dialog with its strip of results."""
    desktop.select_photo()
    dialog = begin(desktop, SWIRLS)
    desktop.screen.key("alt+i", dialog)
    sheet = desktop.wait_for_window("^Variants$")
    desktop.wait_for_widget(sheet, lambda widget: widget.text == "All variants are painted.", "the sheet")
    save_small(desktop.screen.picture(target / "variants.png", sheet))
    cell = desktop.wait_for_widget(
        sheet, lambda widget: widget.kind == "Button" and widget.text == CELL, "the cell to take"
    )
    desktop.screen.click(*cell.middle)
    desktop.wait_until_gone("^Variants$")
    picture = desktop.wait_for_widget(dialog, is_trial_picture, "the large picture")
    desktop.screen.drag(picture.middle, (picture.x + picture.width // 3, picture.middle[1]))
    desktop.screen.click(dialog.x + 4, dialog.y + 4)  # without a tooltip
    desktop.widgets(dialog)
    save_small(desktop.screen.picture(target / "results.png", dialog))
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)


def save_small(path: Path) -> None:
    """Write a picture of the screen again with 256 colours."""
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def is_half_painted(desktop: GimpDesktop) -> bool:
    """Return whether half of the painting is done."""
    return any(event["fraction"] > 0.5 for event in events(desktop, "progress"))


def main() -> None:
    """Make all pictures in the folder that the command line names."""
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="gimpscreenshots"))
    gimp = Gimp(folder=folder)
    gimp.set_engine_mode("recorded")
    gimp.add_ready_styles()
    photo = folder / "lake.png"
    Image.open(SAMPLES / "content.jpg").convert("RGB").save(photo)
    desktop = GimpDesktop(gimp, photo)
    try:
        desktop.open_photo()
        make_pictures(desktop, target)
    finally:
        desktop.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
