"""What a screen reader hears of the plug-in's windows, asked over AT-SPI as a screen reader asks.

Starts a bus of its own where GIMP runs; GIMP must be started with :attr:`ScreenReader.variables` then.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from tests.gimp.screen import LIMIT_SECONDS
from tests.gimp.start import HERE, Gimp

LAUNCHER = "/usr/libexec/at-spi-bus-launcher"


@dataclass(frozen=True)
class Control:
    """A control that can be used by the keyboard: what it is, its name and its further description."""

    role: str
    name: str
    description: str
    keys: str


class ScreenReader:
    """A session bus for GIMP and for the questions."""

    def __init__(self, gimp: Gimp) -> None:
        self.gimp = gimp
        self.bus = gimp.start(
            ["dbus-daemon", "--session", "--nofork", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        address = self.bus.stdout.readline().strip()
        gimp.variables["DBUS_SESSION_BUS_ADDRESS"] = address

    def controls(self, title: str) -> list[Control]:
        """Return the controls shown in the plug-in's window with this title."""
        done = subprocess.run(
            self.gimp.command_line(["python3", str(HERE / "inside" / "read_screen.py"), title]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=True,
        )
        return [Control(**control) for control in json.loads(done.stdout)]

    def close(self) -> None:
        """End the bus, and with it everything that it has started."""
        self.bus.terminate()
        self.bus.wait(LIMIT_SECONDS)


def is_available(gimp: Gimp) -> bool:
    """Return whether there is AT-SPI where GIMP runs."""
    command = [
        "sh",
        "-c",
        f'test -x {LAUNCHER} && python3 -c \'import gi; gi.require_version("Atspi", "2.0")\'',
    ]
    return subprocess.run(gimp.command_line(command), capture_output=True).returncode == 0
