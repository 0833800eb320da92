"""What the plug-in can do about an engine that is not usable: run the installer, or download a network.

A task runs in another process. Ask it with :meth:`poll` now and then, from GTK's main loop: it never waits.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections import namedtuple
from contextlib import suppress

from nst_gimp.process import engine, locations
from nst_gimp.settings.contract import PROTOCOL
from nst_gimp.text.messages import Cancelled, UserError
from nst_gimp.text.words import _

Step = namedtuple("Step", "text done total")
"""Progress of a task. ``done`` and ``total`` are 0 if they are not known; they are not always bytes."""

BEST_NETWORK = "vgg19"


REPAIR = ("repair",)
"""The installer's command that mends what is damaged and installs what is missing."""

ADD_FILMS = ("update", "--films")
"""The installer's command that adds the packages for animations."""


class InstallerTask:
    """A command of the installer."""

    def __init__(self, command: list, arguments: tuple = REPAIR) -> None:
        """Start it. ``command`` is that of :func:`locations.find_installer`.

        Raises:
            UserError: it cannot be started.
        """
        self.is_done = self._is_cancelled = False
        self._problem = ""
        self._lines = queue.SimpleQueue()
        try:
            self.process = subprocess.Popen(
                [*command, "--events", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=locations.engine_environment(locations.EngineLocation(command[0], "", "")),
                **engine.popen_options(),
            )
        except OSError as error:
            raise UserError(
                _("The installer cannot be started: {reason}.").format(reason=error.strerror or error),
                _("Download Neural Style again and run its installer."),
            ) from None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        # os.read, because a thread in a buffered reader aborts the interpreter at its normal exit.
        descriptor, rest = self.process.stdout.fileno(), b""
        while True:
            block = b""
            with suppress(OSError):
                block = os.read(descriptor, 65536)
            if not block:
                break
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._lines.put(line.decode("utf-8", "replace"))
        self._lines.put(None)

    def poll(self) -> list:
        """Return the new steps. :attr:`is_done` is True after the last.

        Raises:
            Cancelled: it has ended after :meth:`cancel`.
            UserError: it failed.
        """
        steps = []
        with suppress(queue.Empty):
            while not self.is_done:
                line = self._lines.get_nowait()
                if line is None:
                    self._end()
                else:
                    steps.append(self._step(line))
        return steps

    def _step(self, line: str) -> Step:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, TypeError, KeyError):  # something that the installer did not expect to print
            return Step(line, 0, 0)
        if kind == "bar":
            return Step(str(event.get("label")), int(event.get("done") or 0), int(event.get("total") or 0))
        text = str(event.get("text") or "").strip()
        if kind == "error":
            self._problem = text
        return Step(text, 0, 0)

    def _end(self) -> None:
        self.is_done = True
        code = self.process.wait()
        if self._is_cancelled:
            raise Cancelled
        if code:
            raise UserError(self._problem or _("The installer failed."), "", "installer")

    def cancel(self) -> None:
        """Stop it; what was installed before stays usable. The next :meth:`poll` reports the end."""
        self._is_cancelled = True
        self.process.terminate()

    def close(self) -> None:
        """Stop it without waiting for its end."""
        if not self.is_done:
            self.process.terminate()


class NetworkTask:
    """The download of the best network by the engine, which goes on where an earlier one stopped."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            UserError: there is no engine, or it cannot be started.
        """
        self.is_done = self._is_cancelled = False
        self.engine = engine.EngineProcess()
        self.engine.send({"protocol": PROTOCOL, "command": "fetch", "model": BEST_NETWORK})

    def poll(self) -> list:
        """Return the new steps, in bytes. :attr:`is_done` is True after the last.

        Raises:
            Cancelled: it has ended after :meth:`cancel`.
            UserError: it failed.
        """
        if self._is_cancelled:
            self.close()
            raise Cancelled
        steps = []
        while not self.is_done:
            event = self.engine.next_event(0)
            if event is None:
                break
            if event["event"] == "fetch":
                steps.append(self._step(event))
            self.is_done = event["event"] == "done"
        if self.is_done:
            self.close()
        return steps

    @staticmethod
    def _step(event: dict) -> Step:
        texts = {
            "wait": _("Waiting for another program that installs networks…"),
            "download": _("Downloading VGG-19…"),
            "check": _("Checking the download…"),
            "convert": _("Preparing VGG-19…"),
        }
        text = texts.get(event.get("phase"), "")
        is_counted = event.get("phase") in ("download", "check")
        return Step(text, *((int(event["done"]), int(event["total"])) if is_counted else (0, 0)))

    def cancel(self) -> None:
        """Stop it; the bytes received so far are kept. The next :meth:`poll` reports the end."""
        self._is_cancelled = True

    def close(self) -> None:
        """End the engine's process."""
        self.engine.close(0.5)
