"""Ctrl-C and SIGTERM: once means finish with the best picture so far, twice means break off.

While nothing has been painted yet there is nothing to keep, so the first one breaks off too. Python hears of
signals between two steps of its own, so an evaluation that has begun is finished first.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from nst_core.cli.failures import NOTHING_KEPT, BrokenOff

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """What the signals have asked for so far.

    ``say`` tells the user something in a sentence; ``kept`` is what to tell of a run that was broken off;
    ``arrivals`` receives a byte, its number, for every signal.
    """

    def __init__(self, say: Callable[[str], None], kept: str, arrivals: socket.socket) -> None:
        self.say = say
        self.kept = kept
        self.arrivals = arrivals
        self.painting = False
        self.heard = 0
        self.told = False
        self.broken_off: BrokenOff | None = None

    def look(self) -> None:
        """Break off now where that was asked for, and what the handler raised was lost in foreign code.

        Raises:
            BrokenOff: as :meth:`handle`.
        """
        if self.broken_off is not None:
            raise self.broken_off

    def should_stop(self) -> bool:
        """Whether the run is to end with the best picture so far; the first time so, the user is told.

        Not in the handler: it may run in the middle of a write to the same stream.
        """
        if self.heard and not self.told:
            self.told = True
            self.say("Stopping: the picture so far will be written. Press Ctrl-C again to drop it.")
        return self.heard > 0

    def painting_begins(self) -> None:
        """From here on a first signal keeps the picture."""
        self.painting = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Hear one signal, or several: Python calls once for all that arrive during one step of its own.

        Raises:
            BrokenOff: at the second, or while there is nothing to keep; once, however many follow.
        """
        try:
            arrived = [byte for byte in self.arrivals.recv(64) if byte in SIGNALS]
        except BlockingIOError:
            arrived = []
        self.heard += max(1, len(arrived))
        if self.broken_off is not None:
            return  # what was written is being taken back; that is not to be broken off too
        if self.heard > 1 or not self.painting:
            self.broken_off = BrokenOff(arrived[-1] if arrived else number, self.kept)
            raise self.broken_off


@contextmanager
def listening(say: Callable[[str], None], kept: str = NOTHING_KEPT) -> Iterator[Interrupts]:
    """Hear signals while the block runs, and put the former handlers back after it."""
    arrivals, sender = socket.socketpair()
    with arrivals, sender:
        arrivals.setblocking(False)
        sender.setblocking(False)
        interrupts = Interrupts(say, kept, arrivals)
        if threading.current_thread() is not threading.main_thread():
            yield interrupts  # only the main thread may set handlers
            return
        waker = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        former = {number: signal.signal(number, interrupts.handle) for number in SIGNALS}
        try:
            yield interrupts
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(waker)
