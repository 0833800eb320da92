"""Print what AT-SPI says about the controls in a window of the plug-in, as JSON: read_screen.py TITLE."""

import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402


def windows(title: str):
    """Yield the shown windows with this title."""
    desktop = Atspi.get_desktop(0)
    for number in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(number)
        for index in range(application.get_child_count() if application is not None else 0):
            window = application.get_child_at_index(index)
            if window is not None and window.get_name() == title:
                yield window


def controls(item, found: list) -> list:
    """Return what can be used in ``item`` and is on the screen, in the order of the screen."""
    states = item.get_state_set()
    if not states.contains(Atspi.StateType.SHOWING):
        return found
    if states.contains(Atspi.StateType.FOCUSABLE):
        action = item.get_action_iface()
        keys = action.get_key_binding(0) if action is not None and action.get_n_actions() else ""
        found.append(
            {
                "role": item.get_role_name(),
                "name": item.get_name() or labels(item),
                "description": item.get_description() or "",
                "keys": keys or "",
            }
        )
    for index in range(item.get_child_count()):
        child = item.get_child_at_index(index)
        if child is not None:
            controls(child, found)
    return found


def labels(item) -> str:
    """Return the text of what is said to label ``item``."""
    targets = [
        relation.get_target(index)
        for relation in item.get_relation_set()
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY
        for index in range(relation.get_n_targets())
    ]
    return " ".join(target.get_name() or "" for target in targets)


print(json.dumps([control for window in windows(sys.argv[1]) for control in controls(window, [])]))
