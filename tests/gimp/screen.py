"""A virtual screen with keyboard and mouse: Xvfb, xdotool and ImageMagick, run where GIMP runs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.gimp.start import Gimp

SIZE = (1280, 900)
LIMIT_SECONDS = 600.0
"""Every wait ends with what it waits for; this only bounds a test that fails. It suits a busy machine."""
POLL_SECONDS = 0.05


def wait_until(condition: Callable[[], object], description: str, seconds: float = LIMIT_SECONDS):
    """Wait until ``condition()`` is true and return its value.

    Raises:
        AssertionError: it is still false after ``seconds``.
    """
    end = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= end
        value = condition()
        if value:
            return value
        assert not late, f"waited {seconds:.0f} s for {description}"
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Window:
    """A window on the screen."""

    identity: str
    x: int
    y: int
    width: int
    height: int


class Screen:
    """An X server of its own, in the root file system that ``gimp`` runs in."""

    def __init__(self, gimp: Gimp, size: tuple[int, int] = SIZE) -> None:
        self.gimp = gimp
        self.width, self.height = size
        self.server = gimp.start(
            # -r: no automatic repeat, as on a busy machine a key may stay down for a while.
            ["Xvfb", "-displayfd", "1", "-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp", "-r"],
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
        self.server.wait(LIMIT_SECONDS)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            self.gimp.command_line(list(command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        return done.stdout

    def windows(self, title: str) -> list[Window]:
        """Return the windows that are shown and whose title matches the regular expression."""
        windows = []
        for identity in self._run("xdotool", "search", "--onlyvisible", "--name", title).split():
            values = dict(
                line.split("=", 1)
                for line in self._run("xdotool", "getwindowgeometry", "--shell", identity).splitlines()
                if "=" in line
            )
            if values:
                box = (int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT"))
                windows.append(Window(identity, *box))
        return windows

    def move(self, x: int, y: int) -> None:
        """Move the pointer to a point of the screen."""
        self._run("xdotool", "mousemove", str(x), str(y))

    def click(self, x: int, y: int, button: str = "1") -> None:
        """Click at a point of the screen."""
        self._run("xdotool", "mousemove", str(x), str(y), "click", button)

    def double_click(self, x: int, y: int) -> None:
        """Click twice at a point of the screen."""
        self._run("xdotool", "mousemove", str(x), str(y), "click", "--repeat", "2", "1")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Move the mouse from one point to another with its button held down."""
        middle = ((start[0] + end[0]) // 2, (start[1] + end[1]) // 2)
        begin, halfway, finish = (("mousemove", str(x), str(y)) for x, y in (start, middle, end))
        self._run("xdotool", *begin, "mousedown", "1", *halfway, *finish, "mouseup", "1")

    def click_from_corner(self, window: Window, left: int, up: int) -> None:
        """Click at a distance from a window's lower right corner."""
        self.click(window.x + window.width - left, window.y + window.height - up)

    def focus(self, window: Window) -> None:
        """Give the keyboard to a window, and wait until it has it."""
        self._run("xdotool", "windowfocus", "--sync", window.identity)

    def key(self, keys: str, window: Window | None = None) -> None:
        """Press keys (such as "alt+a" or "Tab Down") in ``window``, or where the focus is."""
        focus = ("windowfocus", "--sync", window.identity) if window else ()
        self._run("xdotool", *focus, "key", *keys.split())

    def type(self, text: str, window: Window) -> None:
        """Type text in a window."""
        self._run("xdotool", "windowfocus", "--sync", window.identity, "type", "--delay", "40", text)

    def pixel(self, x: int, y: int) -> tuple[int, ...]:
        """Return the colour at a point of the screen as (red, green, blue)."""
        shot = f"import -window root -crop 1x1+{x}+{y} -depth 8 rgb:- | od -An -tu1"
        return tuple(map(int, self._run("sh", "-c", shot).split()))

    def picture(self, path: Path, window: Window | None = None) -> Path:
        """Write a picture of the screen or of a window (which is raised first) to ``path``."""
        if window:
            self._run("xdotool", "windowraise", window.identity)
        self._run("import", "-window", window.identity if window else "root", str(path))
        return path
