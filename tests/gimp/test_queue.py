"""Paintings that go on without their window, that wait for one another, and whose image is closed.

The tests follow each other, like a person's actions.
"""

from __future__ import annotations

import json

from tests.gimp.desktop import DIALOG, PAINTING_WINDOW, GimpDesktop, Widget
from tests.gimp.screen import Window
from tests.gimp.test_interactive import keep_result


def press_button(desktop: GimpDesktop, window: Window, text: str) -> None:
    """Click on a button once it can be used."""
    button = desktop.wait_for_widget(
        window,
        lambda widget: widget.kind == "Button" and widget.text == text and widget.sensitive,
        f"the button {text}",
    )
    desktop.screen.click(*button.middle)


def wait_for_text(desktop: GimpDesktop, window: Window, *parts: str) -> Widget:
    return desktop.wait_for_widget(
        window, lambda widget: all(part in widget.text for part in parts), f"the text {parts}"
    )


def begin_in_background(desktop: GimpDesktop) -> None:
    """Paint from the menu, and close the window when there is something to keep."""
    desktop.screen.key("alt+p", desktop.open_dialog())
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    keep = "Keep This Result"
    desktop.wait_for_widget(painting, lambda widget: widget.text == keep and widget.sensitive, "a result")
    press_button(desktop, painting, "Continue in Background")
    desktop.wait_until_gone(PAINTING_WINDOW)


def show_and_keep(desktop: GimpDesktop) -> None:
    """Bring the window of the running painting back by the filter's dialog, and keep the result."""
    dialog = desktop.open_dialog()
    press_button(desktop, dialog, "Show")
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    keep_result(desktop, painting)
    desktop.wait_until_gone(PAINTING_WINDOW)


def test_painting_goes_on_without_its_window_and_the_next_one_waits(desktop: GimpDesktop) -> None:
    """The next one waits in the dialog, in its own window and in the status bar, until it is dropped."""
    desktop.gimp.set_engine_mode("slow 600")
    before = desktop.layers()
    begin_in_background(desktop)
    desktop.keep_picture("background")
    assert desktop.gimp.leftovers(), "the engine paints"
    dialog = desktop.open_dialog()
    wait_for_text(desktop, dialog, "Waits for 1 painting, about")
    desktop.screen.key("alt+p", dialog)
    waiting = desktop.wait_for_window(PAINTING_WINDOW)
    wait_for_text(desktop, waiting, "Place 2 in the queue")
    wait_for_text(desktop, waiting, "Waits for 1 painting, about")
    desktop.keep_picture("waiting")
    press_button(desktop, waiting, "Continue in Background")
    desktop.wait_until_gone(PAINTING_WINDOW)

    dialog = desktop.open_dialog()
    wait_for_text(desktop, dialog, "This image: ", " in the style of Impressionist: ")
    wait_for_text(desktop, dialog, "This image: ", " in the style of Impressionist: place 2")
    wait_for_text(desktop, dialog, "Waits for 2 paintings, about")
    desktop.keep_picture("queue")
    press_button(desktop, dialog, "Drop")
    wait_for_text(desktop, dialog, "Waits for 1 painting, about")
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    assert desktop.layers() == before
    show_and_keep(desktop)
    desktop.wait_until(lambda: len(desktop.layers()) == len(before) + 1, "the painting")
    desktop.press_until("ctrl+z", lambda: desktop.layers() == before, "one undo")
    desktop.screen.key("ctrl+y", desktop.main)
    desktop.wait_until_clean()


def test_repeat_filter_waits_for_the_painting_that_runs(desktop: GimpDesktop) -> None:
    before = desktop.layers()
    begin_in_background(desktop)
    queue = next((desktop.gimp.home / ".local/share/nst/queue").iterdir())
    desktop.press_until("ctrl+f", (queue / "2.json").exists, "its ticket")
    desktop.keep_picture("repeat-waiting")
    assert not json.loads((queue / "2.json").read_text())["is_painting"]
    assert desktop.layers() == before
    desktop.gimp.set_engine_mode("copy")
    show_and_keep(desktop)
    desktop.wait_until(lambda: len(desktop.layers()) == len(before) + 2, "both paintings")
    desktop.wait_until_clean()
    desktop.wait_until(lambda: not list(queue.glob("[0-9]*")), "the tickets to be gone")


def test_painting_of_a_closed_image_is_in_a_new_one(desktop: GimpDesktop) -> None:
    desktop.gimp.set_engine_mode("slow 600")
    desktop.select_photo()
    desktop.screen.key("alt+p", desktop.open_dialog())
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    desktop.ask("display.delete(); answer = None")
    desktop.wait_until(lambda: desktop.ask("answer = len(Gimp.get_images())") == 0, "the image to be closed")
    keep_result(desktop, painting)
    desktop.wait_until_gone(PAINTING_WINDOW)
    desktop.wait_until(lambda: desktop.ask("answer = len(Gimp.get_images())") == 1, "the new image")
    desktop.keep_picture("image-closed")
    names = desktop.ask("answer = [layer.get_name() for layer in Gimp.get_images()[0].get_layers()]")
    assert [name.partition(",")[0] for name in names] == ["Impressionist"]
    desktop.wait_until_clean()
