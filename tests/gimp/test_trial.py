"""Trials that start by themselves, and at 100 %, by keys and clicks with the fake engine."""

from __future__ import annotations

from tests.gimp.desktop import DIALOG, PAINTING_WINDOW, PREFERENCES, GimpDesktop
from tests.gimp.test_dialog import call, forget_requests, leave, requests
from tests.gimp.test_queue import press_button, wait_for_text


def test_trial_starts_by_itself_and_at_100_percent(desktop: GimpDesktop) -> None:
    """After a rest, again after a change, and for a part that is dragged; the bar ends at its end."""
    forget_requests(desktop)
    (desktop.gimp.profile / PREFERENCES).unlink(missing_ok=True)
    desktop.gimp.set_engine_mode("invert")
    number = call(desktop)
    dialog = desktop.wait_for_window(DIALOG)
    trial = desktop.wait_until(lambda: requests(desktop, "stylize"), "a trial that starts by itself")[0]
    assert trial["settings"]["coarsest"] == 128
    wait_for_text(desktop, dialog, "A trial of 256 pixels")
    desktop.keep_picture("automatic")

    desktop.press(dialog, "alt+1")
    part = desktop.wait_until(lambda: requests(desktop, "stylize")[1:], "a trial at 100 %")[-1]
    assert (part["content"]["width"], part["content"]["height"]) == (256, 256)
    wait_for_text(desktop, dialog, "A part at 100 %.")
    desktop.keep_picture("full-size")
    picture = desktop.wait_for_widget(dialog, lambda widget: widget.parent == "EventBox", "the picture")
    x, y = picture.middle
    desktop.screen.drag((x, y), (x - 60, y))
    desktop.wait_until(lambda: requests(desktop, "stylize")[2:], "a trial of another part")
    wait_for_text(desktop, dialog, "A part at 100 %.")
    desktop.keep_picture("full-size-dragged")

    desktop.press(dialog, "alt+w")  # no more by themselves, also in the next dialog
    leave(desktop, dialog, number)
    assert '"automatic-trial": false' in (desktop.gimp.profile / PREFERENCES).read_text()


def test_no_trial_starts_by_itself_while_a_painting_runs(desktop: GimpDesktop) -> None:
    (desktop.gimp.profile / PREFERENCES).unlink(missing_ok=True)
    desktop.gimp.set_engine_mode("slow 600")
    desktop.screen.key("alt+p", desktop.open_dialog())
    painting = desktop.wait_for_window(PAINTING_WINDOW)
    forget_requests(desktop)
    dialog = desktop.open_dialog()
    wait_for_text(desktop, dialog, "Waits for 1 painting")
    desktop.wait_until(lambda: len(requests(desktop, "plan")) >= 2, "the plans")
    assert not requests(desktop, "stylize")
    desktop.screen.key("Escape", dialog)
    desktop.wait_until_gone(DIALOG)
    press_button(desktop, painting, "Cancel")
    desktop.screen.key("Escape", desktop.wait_for_window(DIALOG))
    desktop.wait_until_gone(DIALOG)
    desktop.wait_until_clean()
