"""Python's garbage collection, in GIMP's thread alone.

PyGObject lets other threads run while it frees an object of GIMP. If a thread that reads from the engine
collects garbage, GIMP's thread may meanwhile get an object that is freed a moment later, and the plug-in ends
with "object of type Layer is not initialized".
"""

from __future__ import annotations

import gc

from gi.repository import GLib

SECONDS = 30


def collect_in_this_thread() -> None:
    """Collect garbage from now on in the main loop of this thread alone, every ``SECONDS``.

    Runs without windows have no main loop. They end before garbage matters.
    """
    if gc.isenabled():
        gc.disable()
        GLib.timeout_add_seconds(SECONDS, _collect)


def _collect() -> bool:
    gc.collect()
    return True
