"""Ctrl-C and SIGTERM: once means finish with the best picture so far, twice means break off.

While nothing has been painted yet there is nothing to keep, so the first one breaks off too. Python runs the
handler between two steps of its own, so a long evaluation is finished first.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from nst_core.cli.failures import NOTHING_KEPT, BrokenOff

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What the signals have asked for so far. ``say`` tells the user, in a sentence."""

    def __init__(self, say: Callable[[str], None], kept: str) -> None:
        self.say = say
        self.kept = kept
        self.painting = False
        self.stop = False

    def should_stop(self) -> bool:
        """Whether the run is to end with the best picture so far."""
        return self.stop

    def painting_begins(self) -> None:
        """From here on a first signal keeps the picture."""
        self.painting = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Hear a signal.

        Raises:
            BrokenOff: at the second, or while there is nothing to keep.
        """
        if self.stop or not self.painting:
            raise BrokenOff(number, self.kept)
        self.stop = True
        self.say("Stopping: the picture so far will be written. Press Ctrl-C again to drop it.")


@contextmanager
def listening(say: Callable[[str], None], kept: str = NOTHING_KEPT) -> Iterator[Interrupts]:
    """Hear signals while the block runs, and put the former handlers back after it.

    ``kept`` is what to tell the user of a run that was broken off.
    """
    interrupts = Interrupts(say, kept)
    if threading.current_thread() is not threading.main_thread():
        yield interrupts  # only the main thread may set handlers
        return
    former = {number: signal.signal(number, interrupts.handle) for number in SIGNALS}
    try:
        yield interrupts
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
