"""The device in the dialog: the plan names the card, and the page "Advanced" lets one choose it."""

from __future__ import annotations

from tests.gimp.desktop import DIALOG, GimpDesktop, Widget
from tests.gimp.test_dialog import call, forget_requests, leave, requests

RADEON, INTEL = "AMD Radeon RX 7800 XT", "Intel Iris Xe Graphics"

MOST_CONTROLS = 30
"""More than there are after the menu."""


def planned_devices(desktop: GimpDesktop) -> set[str]:
    """Return the devices for which the engine was asked for a plan."""
    return {plan["settings"]["device"] for plan in requests(desktop, "plan")}


def is_menu(widget: Widget, text: str) -> bool:
    return widget.kind == "ComboBoxText" and widget.text == text


def has_focus(widgets: list[Widget], text: str) -> bool:
    """Return whether the menu that shows ``text`` has the focus: the button in it has it."""
    menu = next(widget for widget in widgets if is_menu(widget, text))
    focus = next((widget for widget in widgets if widget.focused), menu)
    return focus.kind == "ToggleButton" and (focus.x, focus.y) == (menu.x, menu.y)


def test_card_is_named_and_another_can_be_chosen(desktop: GimpDesktop) -> None:
    """A script's ``device`` reaches the engine as it is, and is the one that the dialog shows."""
    forget_requests(desktop)
    desktop.gimp.set_engine_mode("copy")
    number = call(desktop, device="webgpu:1")
    dialog = desktop.wait_for_window(DIALOG)
    desktop.wait_for_widget(dialog, lambda widget: f"On {INTEL}: about" in widget.text, "the plan")
    assert planned_devices(desktop) == {"webgpu:1"}

    desktop.press(dialog, "alt+a")
    desktop.wait_for_widget(dialog, lambda widget: is_menu(widget, INTEL), "the card in the menu of devices")
    assert len(requests(desktop, "devices")) == 1
    for _control in range(MOST_CONTROLS):
        desktop.press(dialog, "shift+Tab")  # backwards: it is one of the last
        if has_focus(desktop.widgets(dialog), INTEL):
            break
    desktop.press(dialog, "Up")
    desktop.wait_for_widget(dialog, lambda widget: is_menu(widget, RADEON), "the other card")
    desktop.wait_for_widget(dialog, lambda widget: f"On {RADEON}: about" in widget.text, "its plan")
    assert planned_devices(desktop) == {"webgpu:0", "webgpu:1"}
    desktop.keep_picture("devices")
    desktop.press(dialog, "Up")  # automatic
    desktop.wait_for_widget(dialog, lambda widget: "On Fake device: about" in widget.text, "automatic's plan")
    leave(desktop, dialog, number)
