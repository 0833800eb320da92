"""The strip of results and the sheet of variants, by keys and clicks; the tests follow each other."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.gimp.desktop import DIALOG, GimpDesktop, Widget, is_slider
from tests.gimp.screen import Window
from tests.gimp.test_dialog import PHOTO_RED, answer, call, is_trial_picture, red_of_trial, wait_for_red

SHEET = "^Variants$"
SAVE = "^Save the Picture$"
PAINTED_RED = 255 - PHOTO_RED


def results(desktop: GimpDesktop, dialog: Window) -> list[Widget]:
    """Return the results in the strip, by what a screen reader says of them."""
    return [
        widget
        for widget in desktop.widgets(dialog)
        if widget.kind == "FlowBoxChild" and widget.text.startswith(("Trial", "Painting"))
    ]


def wait_for_results(desktop: GimpDesktop, dialog: Window, count: int) -> list[Widget]:
    return desktop.wait_until(
        lambda: len(results(desktop, dialog)) == count and results(desktop, dialog), f"{count} results"
    )


def strength_slider(desktop: GimpDesktop, dialog: Window) -> Widget:
    return min(filter(is_slider, desktop.widgets(dialog)), key=lambda widget: (widget.y, widget.x))


def wait_for_strength(desktop: GimpDesktop, dialog: Window, value: str) -> None:
    desktop.wait_until(
        lambda: strength_slider(desktop, dialog).text == value, f"the strength {value} in the dialog"
    )


def choose_from_menu(desktop: GimpDesktop, dialog: Window, result: Widget, key: str) -> None:
    """Open the menu of a result with the right mouse button, and choose the entry with that letter."""
    desktop.screen.click(*result.middle, "3")
    desktop.wait_for_widget(dialog, lambda widget: widget.kind == "MenuItem", "its menu")
    desktop.keep_picture("result-menu")
    desktop.screen.key(key)


def drag_handle(desktop: GimpDesktop, dialog: Window, share: float) -> None:
    """Drag the mouse from the middle of the large picture to a share of its width."""
    picture = desktop.wait_for_widget(dialog, is_trial_picture, "the large picture")
    desktop.screen.drag(picture.middle, (picture.x + round(share * picture.width), picture.middle[1]))


def save(desktop: GimpDesktop, dialog: Window, result: Widget, path: Path) -> None:
    """Save the picture of a result."""
    choose_from_menu(desktop, dialog, result, "s")
    desktop.press(desktop.wait_for_window(SAVE), "ctrl+a")
    answer(desktop, SAVE, "alt+s", str(path))
    desktop.wait_for_widget(dialog, lambda widget: widget.text == f"Saved as {path}.", "the saved picture")


def test_results_are_compared_and_taken(desktop: GimpDesktop) -> None:
    """A trial and a painting stay in the strip when the dialog is opened again."""
    desktop.gimp.set_engine_mode("invert")
    number = call(desktop, strength=30.0)
    dialog = desktop.wait_for_window(DIALOG)
    assert not results(desktop, dialog)
    desktop.press(dialog, "alt+t")
    wait_for_results(desktop, dialog, 1)
    desktop.screen.key("alt+p", dialog)
    assert desktop.result(number) == "success"
    layers = desktop.layers()
    desktop.select_photo()

    desktop.gimp.set_engine_mode("copy")
    dialog = desktop.open_dialog()
    painting, trial = wait_for_results(desktop, dialog, 2)
    assert painting.text.startswith("Painting, 32 px, 1 s: swirls, Strength: ")
    assert trial.text == "Trial, 256 px: swirls, Strength: 30, Brush size: 1"
    assert abs(red_of_trial(desktop, dialog) - PHOTO_RED) < 3
    desktop.screen.click(*trial.middle)  # shows it
    wait_for_red(desktop, dialog, PAINTED_RED)
    desktop.keep_picture("result-shown")
    drag_handle(desktop, dialog, 0.7)  # the photo is left of it
    wait_for_red(desktop, dialog, PHOTO_RED)
    desktop.keep_picture("result-split")
    desktop.press(dialog, "Home", "Right")
    wait_for_red(desktop, dialog, PAINTED_RED)

    desktop.screen.click(*strength_slider(desktop, dialog).upper_middle)
    desktop.wait_until(lambda: strength_slider(desktop, dialog).text != "30", "another strength")
    desktop.screen.double_click(*trial.middle)
    wait_for_strength(desktop, dialog, "30")
    save(desktop, dialog, painting, desktop.gimp.folder / "saved.png")
    with Image.open(desktop.gimp.folder / "saved.png") as picture:
        assert picture.size == (480, 320)
    choose_from_menu(desktop, dialog, painting, "a")
    desktop.wait_until(lambda: len(desktop.layers()) == len(layers) + 1, "the painting as a layer")
    desktop.keep_picture("result-added")
    assert desktop.layers() == [f"{layers[0]} #1", *layers]
    desktop.screen.click(*trial.middle)
    desktop.press(dialog, "Delete")
    wait_for_results(desktop, dialog, 1)
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()


def test_trials_that_start_by_themselves_leave_one_result(desktop: GimpDesktop) -> None:
    number = call(desktop, strength=30.0)
    dialog = desktop.wait_for_window(DIALOG)
    before = len(results(desktop, dialog))
    desktop.press(dialog, "alt+w")
    (first, *_others) = wait_for_results(desktop, dialog, before + 1)
    assert ", Strength: 30," in first.text
    desktop.screen.click(*strength_slider(desktop, dialog).upper_middle)
    desktop.wait_until(lambda: results(desktop, dialog)[0].text != first.text, "the second trial")
    assert len(results(desktop, dialog)) == before + 1
    desktop.press(dialog, "alt+w")
    file = desktop.gimp.folder / "swirls.ppm"
    away = file.rename(file.with_name("away.ppm"))
    desktop.screen.double_click(*results(desktop, dialog)[0].middle)
    gone = "The style “swirls” of this result no longer exists. Choose another."
    desktop.wait_for_widget(dialog, lambda widget: widget.text == gone, "that the style is gone")
    away.rename(file)
    desktop.keep_picture("style-gone")
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"
    desktop.wait_until_clean()


def test_sheet_of_variants(desktop: GimpDesktop) -> None:
    """Nine small trials, the current settings first; a click on a cell takes its settings."""
    desktop.gimp.set_engine_mode("invert")
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    before = len(results(desktop, dialog))
    desktop.screen.key("alt+i", dialog)
    sheet = desktop.wait_for_window(SHEET)
    desktop.wait_for_widget(sheet, lambda widget: widget.text == "All variants are painted.", "the sheet")
    desktop.keep_picture("sheet")
    cell = desktop.wait_for_widget(
        sheet, lambda widget: widget.text == "Strength: 50, Brush size: 0.62", "a cell"
    )
    desktop.screen.click(*cell.middle)
    desktop.wait_until_gone(SHEET)
    wait_for_strength(desktop, dialog, "50")
    wait_for_red(desktop, dialog, PAINTED_RED)
    taken = wait_for_results(desktop, dialog, before + 1)[0]
    assert taken.text == "Trial, 160 px: swirls, Strength: 50, Brush size: 0.62"
    desktop.keep_picture("sheet-taken")
    desktop.screen.key("Escape", dialog)
    assert desktop.result(number) == "cancel"
    desktop.wait_until_clean()
