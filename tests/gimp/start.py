"""Start GIMP for tests: with a fresh profile, the plug-in in it, and an engine that tests can switch.

Knows where GIMP is (``provision``) and how to run a command there (``enter``). Does not depend on any test.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PLUG_IN = REPOSITORY / "gimp_plugin" / "neural-style"

VERSIONS = ["3.0", "3.2"] if os.environ.get("NST_TEST_GIMP32") else ["3.0"]
"""3.0 stands for this machine's own GIMP 3, if it has one."""

BATCH_SECONDS = 1200
"""The limit for one start of GIMP with some scripts, on a busy machine; quiet, it takes a few seconds."""

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
"""Words on stderr that fail a test: exit codes alone do not show these faults."""


@cache
def locate_gimp(version: str) -> tuple[str, Path]:
    """Return ("native", path of gimp-console) or ("root", folder of a Debian with GIMP in it)."""
    line = subprocess.run(
        [HERE / "provision", version], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    kind, _, path = line.partition(" ")
    return kind, Path(path)


@dataclass(kw_only=True)
class Gimp:
    """A profile with the plug-in in it. GIMP can be started on it any number of times."""

    folder: Path
    version: str = "3.0"
    use_fake_engine: bool = True
    variables: dict[str, str] = field(default_factory=dict)
    plug_ins: Sequence[str] | None = None
    """GIMP's own plug-ins to load, or None for all: the first start queries each of them, which is slow."""

    def __post_init__(self) -> None:
        self.kind, self.location = locate_gimp(self.version)
        self.profile = self.folder / "profile"
        self.fake_folder = self.folder / "fake"
        self.home = self.folder / "home"
        self.temporary = self.folder / "tmp"
        for folder in (self.profile / "plug-ins", self.fake_folder, self.home, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        self.plug_in = self.profile / "plug-ins" / "neural-style"
        if not self.plug_in.exists():
            shutil.copytree(PLUG_IN, self.plug_in, ignore=shutil.ignore_patterns("__pycache__"))
        if self.plug_ins is not None:
            self._load_only(self.plug_ins)
        (self.fake_folder / "real").write_text(json.dumps(self.real_engine()))
        self.set_engine_mode("copy")

    def add_ready_styles(self) -> None:
        """Put the fake engine into an environment that has the engine's package, for its ready styles."""
        environment = self.folder / "venv"
        packages = environment / "lib" / "python3.12" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "nst.pth").write_text(f"{REPOSITORY}\n")
        (environment / "bin").mkdir()
        python = environment / "bin" / "fake_engine.py"
        python.symlink_to(HERE / "fake_engine.py")
        self.variables["NST_PYTHON"] = str(python)

    def _load_only(self, names: Sequence[str]) -> None:
        """Let GIMP load only these of its own plug-ins, if their folder is where it usually is."""
        system = self.location / "usr" if self.kind == "root" else self.location.resolve().parents[1]
        folder = next(iter(system.glob("lib*/**/gimp/3.*/plug-ins")), None)
        if folder is None:
            return
        if self.kind == "root":
            folder = Path("/") / folder.relative_to(self.location)
        chosen = self.folder / "plug-ins"
        chosen.mkdir()
        for name in names:
            (chosen / name).symlink_to(folder / name)
        (self.profile / "gimprc").write_text(f'(plug-in-path "{self.profile}/plug-ins:{chosen}")\n')

    def set_engine_mode(self, mode: str) -> None:
        """Set what the fake engine does from its next request on."""
        partial = self.fake_folder / "mode.part"
        partial.write_text(mode)
        partial.replace(self.fake_folder / "mode")

    def real_engine(self) -> list[str]:
        """Return the command that starts the engine's Python from where GIMP runs."""
        python = os.environ.get("NST_PYTHON") or sys.executable
        return ["/usr/sbin/chroot", "/outside", python] if self.kind == "root" else [python]

    def environment(self) -> dict[str, str]:
        """Return GIMP's whole environment, without anything of this machine's user."""
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin" if self.kind == "root" else os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LC_ALL": "C.UTF-8",
            "GIMP3_DIRECTORY": str(self.profile),
            "NST_FAKE": str(self.fake_folder),
            "NST_START_SECONDS": "300",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "2"),
            "PYTHONPYCACHEPREFIX": str(self.folder / "pycache"),
            "GSETTINGS_BACKEND": "memory",
            # babl times chains of conversions up to this length in every process; long ones take 0.5 s.
            "BABL_PATH_LENGTH": "2",
        }
        if self.use_fake_engine:
            env["NST_PYTHON"] = str(HERE / "fake_engine.py")
        if os.environ.get("NST_MODELS"):
            env["NST_MODELS"] = os.environ["NST_MODELS"]
        return {**env, **self.variables}

    def command_line(self, command: list[str]) -> list[str]:
        """Return the command line that runs ``command`` where GIMP runs."""
        settings = [f"{name}={value}" for name, value in self.environment().items()]
        line = ["env", "-i", *settings, *command]
        if self.kind == "root":
            line = [str(HERE / "enter"), str(self.location), str(REPOSITORY), *line]
            return line if os.getuid() == 0 else ["sudo", "-n", *line]
        return line

    @property
    def console_program(self) -> str:
        """Return the program without windows: gimp-console."""
        return "gimp-console" if self.kind == "root" else str(self.location)

    @property
    def window_program(self) -> str:
        """Return the program with windows."""
        return "gimp" if self.kind == "root" else str(self.location).replace("gimp-console", "gimp")

    def start(self, command: list[str], **options) -> subprocess.Popen:
        """Start a command where GIMP runs."""
        return subprocess.Popen(self.command_line(command), stdin=subprocess.DEVNULL, **options)

    def batch(self, *scripts: str, seconds: float = BATCH_SECONDS, arguments=("-idf",)):
        """Run Python scripts in one start of gimp-console; return the completed process, stderr as text."""
        line = [self.console_program, *arguments, "--quit", "--batch-interpreter=python-fu-eval"]
        for script in scripts:
            line += ["-b", script]
        return subprocess.run(
            self.command_line(line), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds
        )

    def processes(self, words: str) -> list[int]:
        """Return the processes started on this profile whose command line has ``words`` in it."""
        numbers = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                env = (entry / "environ").read_bytes()
            except OSError:
                continue
            if words in command and f"GIMP3_DIRECTORY={self.profile}".encode() in env:
                numbers.append(int(entry.name))
        return numbers

    def leftovers(self) -> list[str]:
        """Return what runs left behind: job folders, and a fake engine that is still alive."""
        leftovers = [path.name for path in self.temporary.glob("nst-job-*")]
        with contextlib.suppress(FileNotFoundError):  # the engine removes it when it ends
            number = int((self.fake_folder / "pid").read_text())
            if Path(f"/proc/{number}").exists():
                leftovers.append(f"engine {number}")
        return leftovers


def complaints(text: str, allowed=()) -> list[str]:
    """Return the lines of ``text`` that a run without faults does not print."""
    return [
        line for line in text.splitlines() if any(word in line and word not in allowed for word in COMPLAINTS)
    ]


def draw(path: Path, width: int, height: int, red: int) -> Path:
    """Write a picture without a library, as PPM, which GIMP opens, and return its path."""
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (red, 255 * x // width, 255 * y // height)
    )
    path.write_bytes(b"P6 %d %d 255\n" % (width, height) + pixels)
    return path
