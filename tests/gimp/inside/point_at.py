"""Print where AT-SPI sees a shown menu item, as "X Y" of its middle, or nothing: point_at.py NAME."""

import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402

MENUS = ("menu", "menu item")


def find(item, name: str, depth: int = 0):
    """Return the shown menu item with this name in ``item``, or None."""
    if item is None or depth > 8 or not item.get_state_set().contains(Atspi.StateType.SHOWING):
        return None
    if item.get_role_name() in MENUS and (item.get_name() or "").replace("_", "") == name:
        return item
    found = (find(item.get_child_at_index(index), name, depth + 1) for index in range(item.get_child_count()))
    return next((child for child in found if child is not None), None)


desktop = Atspi.get_desktop(0)
for number in range(desktop.get_child_count()):
    application = desktop.get_child_at_index(number)
    for index in range(application.get_child_count() if application is not None else 0):
        item = find(application.get_child_at_index(index), sys.argv[1])
        if item is not None:
            box = item.get_extents(Atspi.CoordType.SCREEN)
            print(box.x + box.width // 2, box.y + box.height // 2)
            sys.exit()
