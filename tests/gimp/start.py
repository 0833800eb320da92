"""Starting GIMP for tests: with a fresh profile, the plug-in in it, and an engine that tests can switch.

Knows where GIMP is (``provision``) and how to be inside it (``enter``); knows nothing of what is tested.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PLUG_IN = REPOSITORY / "gimp_plugin" / "neural-style"

VERSIONS = ["3.0", "3.2"] if os.environ.get("NST_TEST_GIMP32") else ["3.0"]
"""3.0 stands for the GIMP 3 of this machine, where it has one."""

COMPLAINTS = (
    "GEGL-CRITICAL",
    "GEGL-WARNING",
    "LibGimp-CRITICAL",
    "LibGimpUI-CRITICAL",
    "Gtk-CRITICAL",
    "GIMP-Error",
    "stray image",
    "Traceback",
    "Plug-in crashed",
)
"""Words on stderr that fail a test: exit codes alone miss what they mean."""


@cache
def located(version: str) -> tuple[str, Path]:
    """Return ("native", a gimp-console) or ("root", a Debian with GIMP in it)."""
    line = subprocess.run(
        [HERE / "provision", version], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    kind, _, path = line.partition(" ")
    return kind, Path(path)


@dataclass
class Gimp:
    """A profile with the plug-in in it, and the means to start GIMP on it as often as wanted."""

    folder: Path
    version: str = "3.0"
    fake: bool = True
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kind, self.place = located(self.version)
        self.profile = self.folder / "profile"
        self.fakes = self.folder / "fake"
        self.home = self.folder / "home"
        self.temporary = self.folder / "tmp"
        for folder in (self.profile / "plug-ins", self.fakes, self.home, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.plug_in = self.profile / "plug-ins" / "neural-style"
        if not self.plug_in.exists():
            shutil.copytree(PLUG_IN, self.plug_in, ignore=shutil.ignore_patterns("__pycache__"))
        (self.fakes / "real").write_text(json.dumps(self.real_engine()))
        self.mode("copy")

    def mode(self, mode: str) -> None:
        """Tell the fake engine what to do from its next start on."""
        (self.fakes / "mode").write_text(mode)

    def real_engine(self) -> list[str]:
        """Return the command that starts the engine's Python, from inside GIMP's world."""
        python = os.environ.get("NST_PYTHON") or sys.executable
        return ["/usr/sbin/chroot", "/outside", python] if self.kind == "root" else [python]

    def environment(self) -> dict[str, str]:
        """Return GIMP's whole environment; nothing of this machine's user is in it."""
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin" if self.kind == "root" else os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "GIMP3_DIRECTORY": str(self.profile),
            "NST_FAKE": str(self.fakes),
            "NST_START_SECONDS": "60",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "GSETTINGS_BACKEND": "memory",
        }
        if self.fake:
            env["NST_PYTHON"] = str(HERE / "fake_engine.py")
        if os.environ.get("NST_MODELS"):
            env["NST_MODELS"] = os.environ["NST_MODELS"]
        return {**env, **self.variables}

    def inside(self, command: list[str]) -> list[str]:
        """Return the command line that runs ``command`` in GIMP's world."""
        settings = [f"{name}={value}" for name, value in self.environment().items()]
        line = ["env", "-i", *settings, *command]
        if self.kind == "root":
            line = [str(HERE / "enter"), str(self.place), str(REPOSITORY), *line]
            return line if os.getuid() == 0 else ["sudo", "-n", *line]
        return line

    @property
    def console(self) -> str:
        """Return the program to start: gimp-console."""
        return "gimp-console" if self.kind == "root" else str(self.place)

    @property
    def gimp(self) -> str:
        """Return the program with windows."""
        return "gimp" if self.kind == "root" else str(self.place).replace("gimp-console", "gimp")

    def start(self, command: list[str], **options) -> subprocess.Popen:
        """Start a command in GIMP's world."""
        return subprocess.Popen(self.inside(command), stdin=subprocess.DEVNULL, **options)

    def batch(self, *scripts: str, seconds: float = 240, arguments=("-idf",), files=()):
        """Run Python scripts in one start of gimp-console; return the completed process, stderr as text."""
        line = [self.console, *arguments, "--quit", *map(str, files), "--batch-interpreter=python-fu-eval"]
        for script in scripts:
            line += ["-b", script]
        return subprocess.run(
            self.inside(line), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )

    def leftovers(self) -> list[str]:
        """Return what runs left behind: job directories and a fake engine that is still alive."""
        found = [path.name for path in self.temporary.glob("nst-job-*")]
        pid = self.fakes / "pid"
        if pid.exists():
            number = int(pid.read_text())
            if Path(f"/proc/{number}").exists():
                found.append(f"engine {number}")
        return found


def complaints(text: str, allowed=()) -> list[str]:
    """Return the lines of ``text`` that a run without faults does not print."""
    return [
        line for line in text.splitlines() if any(word in line and word not in allowed for word in COMPLAINTS)
    ]


def draw(path: Path, width: int, height: int, red: int) -> Path:
    """Write a picture without a library: PPM, which GIMP opens."""
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (red, 255 * x // width, 255 * y // height)
    )
    path.write_bytes(b"P6 %d %d 255\n" % (width, height) + pixels)
    return path
