"""A screen without a monitor, and hands: Xvfb, xdotool and ImageMagick, in the world that GIMP is in."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.gimp.start import Gimp

SIZE = "1280x900x24"


def until(condition: Callable[[], object], seconds: float, what: str):
    """Wait for ``condition`` to hold and return what it gives.

    Raises:
        AssertionError: it does not, in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


@dataclass(frozen=True)
class Window:
    """A window on the screen."""

    identity: str
    x: int
    y: int
    width: int
    height: int


class Screen:
    """An X server of its own. ``gimp`` says in which world."""

    def __init__(self, gimp: Gimp) -> None:
        self.gimp = gimp
        self.server = gimp.start(
            ["Xvfb", "-displayfd", "1", "-screen", "0", SIZE, "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.display = ":" + self.server.stdout.readline().strip()
        gimp.variables["DISPLAY"] = self.display

    def close(self) -> None:
        """End the server."""
        self.gimp.variables.pop("DISPLAY", None)
        self.server.terminate()
        self.server.wait(10)

    def _do(self, *command: str) -> str:
        line = self.gimp.inside(list(command))
        return subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        ).stdout

    def windows(self, title: str) -> list[Window]:
        """Return the windows that are shown and whose title matches the regular expression."""
        found = []
        for identity in self._do("xdotool", "search", "--onlyvisible", "--name", title).split():
            values = dict(
                line.split("=", 1)
                for line in self._do("xdotool", "getwindowgeometry", "--shell", identity).splitlines()
                if "=" in line
            )
            if values:
                place = (int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
                found.append(Window(identity, *place))
        return found

    def wait_for(self, title: str, seconds: float = 30) -> Window:
        """Wait for a window and return it, once it has kept its size for a moment."""
        until(lambda: self.windows(title), seconds, f"a window {title!r}")
        before = None
        for _ in range(20):
            found = self.windows(title)
            if found and found == before:
                return found[0]
            before = found
            time.sleep(0.3)
        raise AssertionError(f"the window {title!r} does not come to rest")

    def click(self, x: int, y: int, button: str = "1") -> None:
        """Click at a place of the screen."""
        self._do("xdotool", "mousemove", str(x), str(y), "sleep", "0.2", "click", button)

    def click_from_corner(self, window: Window, left: int, up: int) -> None:
        """Click at a place counted from a window's lower right corner."""
        self.click(window.x + window.width - left, window.y + window.height - up)

    def key(self, window: Window, keys: str) -> None:
        """Press keys in a window."""
        self._do("xdotool", "windowfocus", window.identity, "sleep", "0.2", "key", keys)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is; giving it anew would close a popover."""
        for key in keys:
            self._do("xdotool", "key", key)
            time.sleep(0.4)

    def type(self, window: Window, text: str) -> None:
        """Type text in a window."""
        self._do("xdotool", "windowfocus", window.identity, "sleep", "0.3", "type", "--delay", "40", text)
        time.sleep(0.5)

    def pixel(self, x: int, y: int) -> tuple[int, ...]:
        """Return the colour at a place of the screen as (red, green, blue)."""
        shot = f"import -window root -crop 1x1+{x}+{y} -depth 8 rgb:- | od -An -tu1"
        return tuple(map(int, self._do("sh", "-c", shot).split()))

    def picture(self, path: Path, window: Window | None = None) -> Path:
        """Take a picture of the screen or of a window."""
        self._do("import", "-window", window.identity if window else "root", str(path))
        return path
