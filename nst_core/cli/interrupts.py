"""Ctrl-C and its like: the first one stops the run and keeps the picture so far, the second one cancels.

Before the first picture there is nothing to keep, so the first signal cancels as well. Python handles signals
between two of its own instructions, so an evaluation that has begun is finished first.

A closed terminal or a lost connection sends SIGHUP, which counts like the others, unless the program was
started with ``nohup``. On Windows, Ctrl-Break counts. A console window that is closed there leaves a program
no time to finish; its run can be continued with ``--resume``.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from nst_core.cli.failures import NOTHING_WRITTEN, Cancelled

SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    *(getattr(signal, name) for name in ("SIGHUP", "SIGBREAK") if hasattr(signal, name)),
)
"""Signals that stop a run: SIGHUP exists on POSIX, SIGBREAK on Windows."""

OUTPUT_DESCRIPTORS = (1, 2)
"""Descriptors of stdout and stderr."""


def caught_signals() -> list[signal.Signals]:
    """Return ``SIGNALS``, without a SIGHUP that ``nohup`` has set to be ignored."""
    hangup = getattr(signal, "SIGHUP", None)
    return [number for number in SIGNALS if number != hangup or signal.getsignal(number) != signal.SIG_IGN]


def detach_closed_terminal() -> None:
    """Discard the output to a terminal that no longer exists, so that it raises no errors."""
    for descriptor in OUTPUT_DESCRIPTORS:
        try:
            os.write(descriptor, b"")
        except OSError:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


class Interrupts:
    """The signals received so far, and what they ask for.

    ``say`` shows the user a sentence, ``cancel_message`` is the message of :class:`Cancelled`, and
    ``wakeups`` receives one byte, the signal's number, for every signal.
    """

    def __init__(self, say: Callable[[str], None], cancel_message: str, wakeups: socket.socket) -> None:
        self.say = say
        self.cancel_message = cancel_message
        self.wakeups = wakeups
        self.can_keep_picture = False
        self.signal_count = 0
        self.stop_announced = False
        self.cancelled: Cancelled | None = None

    def raise_if_cancelled(self) -> None:
        """Raise again what the handler raised, in case foreign code lost it.

        Raises:
            Cancelled: as in :meth:`handle`.
        """
        if self.cancelled is not None:
            raise self.cancelled

    def should_stop(self) -> bool:
        """Return whether the run is to end with the best picture so far, and tell the user the first time.

        The handler does not tell the user: it may run in the middle of a write to the same stream.
        """
        if self.signal_count and not self.stop_announced:
            self.stop_announced = True
            self.say("Stopping; the picture so far will be saved. Press Ctrl-C again to discard it.")
        return self.signal_count > 0

    def begin_painting(self) -> None:
        """Let the first signal keep the picture from now on."""
        self.can_keep_picture = True

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Handle one signal, or several: Python calls once for all that arrive during one instruction.

        Raises:
            Cancelled: at the second signal, or at the first if there is nothing to keep. Raised only once,
                however many signals follow.
        """
        try:
            arrived = [byte for byte in self.wakeups.recv(64) if byte in SIGNALS]
        except BlockingIOError:
            arrived = []
        self.signal_count += max(1, len(arrived))
        detach_closed_terminal()
        if self.cancelled is not None:
            return  # the clean-up is under way and must not be cancelled
        if self.signal_count > 1 or not self.can_keep_picture:
            self.cancelled = Cancelled(arrived[-1] if arrived else number, self.cancel_message)
            raise self.cancelled


@contextmanager
def catch_interrupts(
    say: Callable[[str], None], cancel_message: str = NOTHING_WRITTEN
) -> Iterator[Interrupts]:
    """Handle signals while the block runs, and restore the previous handlers afterwards."""
    wakeups, sender = socket.socketpair()
    with wakeups, sender:
        wakeups.setblocking(False)
        sender.setblocking(False)
        interrupts = Interrupts(say, cancel_message, wakeups)
        if threading.current_thread() is not threading.main_thread():
            yield interrupts  # only the main thread may set handlers
            return
        previous_wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, interrupts.handle) for number in caught_signals()}
        try:
            yield interrupts
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_wakeup)
