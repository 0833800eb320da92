"""The filter as people use it: from the menu, with the dialog and the painting window, by keys and clicks.

One GIMP with windows, under Xvfb; the tests follow each other on the same image, as a person's acts do.
Pictures of the screen are left in $NST_TEST_PICTURES, where that is set.
"""

from __future__ import annotations

import json
import os
import shutil
import time

from tests.gimp.desk import Desk
from tests.gimp.screen import Window, until

DIALOG = "^Neural Style$"
PAINTING = "^Painting in the style"
LAST_BUTTON = (48, 28)
"""The middle of the lower right button, from the corner of a dialog."""
BUTTON_BEFORE = (150, 28)


def keep_picture(desk: Desk, name: str) -> None:
    folder = os.environ.get("NST_TEST_PICTURES")
    taken = desk.screen.picture(desk.gimp.folder / f"{name}.png")
    assert taken.stat().st_size > 5000, "the screen is empty"
    if folder:
        shutil.copy(taken, folder)


def open_dialog(desk: Desk) -> Window:
    desk.menu("a", "n")
    return desk.screen.wait_for(DIALOG)


def gone(desk: Desk, title: str) -> None:
    until(lambda: not desk.screen.windows(title), 30, f"the window {title!r} to close")


def nothing_left(desk: Desk) -> None:
    until(lambda: not desk.gimp.leftovers(), 15, f"nothing to be left: {desk.gimp.leftovers()}")


def record(desk: Desk) -> str:
    """Return what the painting above the photo tells of itself."""
    return desk.ask("answer = bytes(image.get_layers()[-2].get_parasite('neural-style').get_data()).decode()")


def test_from_the_menu_to_a_new_layer(desk: Desk) -> None:
    desk.gimp.mode("slow 20")
    dialog = open_dialog(desk)
    screen = desk.screen
    screen.key(dialog, "alt+p")  # there is no style yet: this must do nothing
    time.sleep(0.5)
    assert screen.windows(DIALOG)
    screen.key(dialog, "alt+f")
    chooser = screen.wait_for("Choose a painting")
    screen.type(chooser, str(desk.gimp.folder / "swirls.ppm"))
    screen.key(chooser, "alt+o")
    gone(desk, "Choose a painting")
    screen.key(dialog, "alt+a")
    time.sleep(1)
    keep_picture(desk, "dialog")
    screen.key(dialog, "alt+p")
    painting = screen.wait_for(PAINTING)
    time.sleep(4)
    keep_picture(desk, "painting")
    # GIMP answers while the window is open.
    started = time.monotonic()
    assert desk.layers() == ["photo.ppm"] or desk.layers() == ["Background"]
    assert time.monotonic() - started < 5
    screen.click_from_corner(painting, *BUTTON_BEFORE)  # Keep this
    gone(desk, PAINTING)
    until(lambda: desk.layers()[0] == "swirls", 10, "the painting")
    assert '"stopped": true' in record(desk)
    assert "swirls.ppm" in record(desk)
    nothing_left(desk)


def test_undo_takes_one_step(desk: Desk) -> None:
    before = desk.layers()
    desk.screen.key(desk.main, "ctrl+z")
    until(lambda: desk.layers() == before[1:], 10, "one undo")
    desk.screen.key(desk.main, "ctrl+y")
    until(lambda: desk.layers() == before, 10, "one redo")
    assert "swirls.ppm" in record(desk)
    desk.ask("image.set_selected_layers([image.get_layers()[-1]])")


def test_repeat_filter_asks_nothing(desk: Desk) -> None:
    desk.gimp.mode("copy")
    before = len(desk.layers())
    desk.screen.key(desk.main, "ctrl+f")
    until(lambda: len(desk.layers()) == before + 1, 30, "the repeated filter")
    assert not desk.screen.windows(DIALOG)
    assert "swirls.ppm" in record(desk)
    last = desk.gimp.profile / "plug-in-settings" / "GimpProcedureConfigRun-plug-in-neural-style.last"
    assert "swirls.ppm" in last.read_text()
    desk.ask("image.set_selected_layers([image.get_layers()[-1]])")


def test_cancel_in_the_painting_window(desk: Desk) -> None:
    before = desk.layers()
    desk.gimp.mode("slow 120")
    dialog = open_dialog(desk)
    desk.screen.key(dialog, "alt+p")
    painting = desk.screen.wait_for(PAINTING)
    assert desk.gimp.leftovers()
    desk.screen.click_from_corner(painting, *LAST_BUTTON)
    gone(desk, PAINTING)
    dialog = desk.screen.wait_for(DIALOG)  # with everything as it was chosen
    desk.screen.key(dialog, "Escape")
    gone(desk, DIALOG)
    nothing_left(desk)
    assert desk.layers() == before


def test_a_fault_is_told_in_the_dialog_and_can_be_tried_again(desk: Desk) -> None:
    before = desk.layers()
    desk.gimp.mode("error out-of-memory")
    dialog = open_dialog(desk)
    desk.screen.key(dialog, "alt+p")
    time.sleep(3)
    dialog = desk.screen.wait_for(DIALOG)
    keep_picture(desk, "trouble")
    assert desk.layers() == before
    desk.gimp.mode("copy")
    desk.screen.key(dialog, "alt+p")
    until(lambda: len(desk.layers()) == len(before) + 1, 30, "the second try")
    gone(desk, DIALOG)
    nothing_left(desk)


def test_help_opens(desk: Desk) -> None:
    dialog = open_dialog(desk)
    desk.screen.key(dialog, "alt+h")
    opened = desk.gimp.folder / "opened"
    until(opened.exists, 15, "the browser")
    assert opened.read_text().strip().endswith("neural-style/help/en/index.html")
    desk.screen.key(dialog, "Escape")
    gone(desk, DIALOG)


def test_what_is_done_to_the_image_while_the_dialog_is_open_counts(desk: Desk) -> None:
    """A trial is of the selection as it is now; a layer that is gone is said, and the dialog stays."""
    desk.gimp.mode("copy")
    before = desk.layers()
    desk.ask(
        "extra = Gimp.Layer.new_from_drawable(image.get_layers()[-1], image)\n"
        "image.insert_layer(extra, None, 0); image.set_selected_layers([extra])"
    )
    dialog = open_dialog(desk)
    desk.ask("image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 100, 60, 50)")
    asked = desk.gimp.fakes / "request.json"
    asked.unlink(missing_ok=True)
    desk.screen.key(dialog, "alt+t")
    content = json.loads(until(lambda: asked.exists() and asked.read_text(), 20, "the trial"))["content"]
    assert (content["width"], content["height"]) == (60 + 2 * 32, 50 + 2 * 32)
    desk.ask("Gimp.Selection.none(image); image.remove_layer(extra)")
    desk.screen.key(dialog, "alt+p")
    until(
        lambda: [window for window in desk.screen.windows(DIALOG) if window.height > dialog.height],
        20,
        "the dialog with what went wrong",
    )
    keep_picture(desk, "layer-gone")
    desk.screen.key(desk.screen.wait_for(DIALOG), "Escape")
    gone(desk, DIALOG)
    assert desk.layers() == before
    nothing_left(desk)


def test_gimps_own_cancel_leaves_nothing(desk: Desk) -> None:
    desk.gimp.mode("slow 120")
    before = desk.layers()
    desk.ask("image.set_selected_layers([image.get_layers()[-1]])")
    desk.screen.key(desk.main, "ctrl+f")
    until(lambda: "engine" in str(desk.gimp.leftovers()), 30, "the engine")
    time.sleep(1)
    keep_picture(desk, "progress")
    main = desk.screen.wait_for("– GIMP$")
    for left in (284, 264, 304, 244, 324):  # where the status bar ends depends on the docks' width
        desk.screen.click_from_corner(main, left, 19)
        time.sleep(1)
        if not desk.gimp.leftovers():
            break
    nothing_left(desk)
    assert desk.layers() == before


def test_the_layer_as_a_style_survives_repeat_filter(desk: Desk) -> None:
    desk.gimp.mode("copy")
    desk.ask(
        "p = Gimp.get_pdb().lookup_procedure('plug-in-neural-style'); c = p.create_config()\n"
        "c.set_property('image', image); c.set_core_object_array('drawables', [image.get_layers()[-1]])\n"
        "c.set_property('run-mode', Gimp.RunMode.INTERACTIVE)\n"
        "c.set_property('style-layer', image.get_layers()[0]); wanted = image.get_layers()[0]"
    )
    number = desk.begin("r = p.run(c); answer = r.index(0).value_nick")
    dialog = desk.screen.wait_for(DIALOG)
    keep_picture(desk, "layer")
    desk.screen.key(dialog, "alt+p")
    assert desk.result(number) == "success"
    assert '"style": "layer of' in record(desk)
    before = len(desk.layers())
    desk.ask("image.set_selected_layers([image.get_layers()[-1]])")
    desk.screen.key(desk.main, "ctrl+f")
    until(lambda: len(desk.layers()) == before + 1, 30, "the repeated filter")
    assert '"style": "layer of' in record(desk)


def test_diagnostics_window(desk: Desk) -> None:
    desk.menu("a", "d")
    window = desk.screen.wait_for("Neural Style Diagnostics")
    keep_picture(desk, "diagnostics")
    desk.screen.key(window, "alt+c")
    gone(desk, "Neural Style Diagnostics")
    nothing_left(desk)


def test_pixels_on_the_screen_are_the_preview(desk: Desk) -> None:
    """The painting window shows what the engine sends: its previews turn from dark to light red."""
    desk.gimp.mode("slow 60")
    dialog = open_dialog(desk)
    desk.screen.key(dialog, "alt+p")
    painting = desk.screen.wait_for(PAINTING)
    middle = (painting.x + painting.width // 2, painting.y + painting.height // 3)
    first = desk.screen.pixel(*middle)
    time.sleep(6)
    second = desk.screen.pixel(*middle)
    assert second[0] > first[0], (first, second)
    assert abs(second[2] - 120) < 8, second
    desk.screen.key(painting, "Escape")
    dialog = desk.screen.wait_for(DIALOG)
    desk.screen.key(dialog, "Escape")
    gone(desk, DIALOG)
    nothing_left(desk)
