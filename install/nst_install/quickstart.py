"""The command `quickstart`: install, then paint a picture, with GIMP if possible, else with `nst`."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from nst_install import commands, gimps
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.options import InstallOptions
from nst_install.paths import SAMPLES, InstallPaths, home_folder
from nst_install.processes import clean_environment, run
from nst_install.record import InstallRecord
from nst_install.sources import sha256_of

PAINT_IN_GIMP = Path(__file__).with_name("paint_in_gimp.py")

SIZES = {"cuda": 1024, "torch-cpu": 512, "cpu": 512, "directml": 768}
"""Long side of the result in pixels, by engine."""

SECONDS = 170
"""Time limit for painting if no size was requested, so that quickstart ends within five minutes on a slow
machine. At the limit, the result is painted smaller and enlarged: two busy cores painted 256 pixels, then
512, and the result looks good (`install/docs/installer.md`)."""

INTERRUPTED = 128 + signal.SIGINT
"""nst's exit code after a Ctrl-C that left no picture to save."""

NAME_LENGTH = 30
"""Characters of each picture's name in the result's name: file systems limit names to 255 bytes."""


@dataclass(frozen=True)
class SamplePainting:
    """The first painting: content, style, long side in pixels, and the time limit in seconds (0: none)."""

    content: Path
    style: Path
    size: int
    seconds: int

    def fingerprint(self, installed: InstallRecord) -> str:
        """Return a short hash of everything that determines the result."""
        values = [sha256_of(self.content), sha256_of(self.style), str(self.size), str(self.seconds)]
        values += [installed.version, installed.engine]
        return hashlib.sha256(" ".join(values).encode()).hexdigest()[:8]

    @property
    def description(self) -> str:
        """A sentence about the painting and how long it may take."""
        text = f"{self.content.name} in the style of {self.style.name} at {self.size} pixels"
        if not self.seconds:
            return text
        return f"{text}, in at most {self.seconds} seconds (to lift the limit: --size {self.size})"


@dataclass(frozen=True)
class QuickstartArguments:
    """The arguments of `quickstart` itself: two pictures or none, the folder of results, the size or 0."""

    pictures: list[str]
    output: Path | None
    size: int


def find_pictures(named: list[str]) -> tuple[Path, Path]:
    """Return content and style: the two named pictures, or the samples.

    Raises:
        InstallError: there are not exactly two names, or a picture does not exist.
    """
    if not named:
        return SAMPLES / "content.jpg", SAMPLES / "style.jpg"
    if len(named) != 2:
        raise InstallError(
            "Two pictures are needed: a photograph and a painting.", "Run: quickstart CONTENT STYLE"
        )
    content, style = (Path(name).expanduser().absolute() for name in named)
    for path in (content, style):
        if not path.is_file():
            raise InstallError(f"There is no picture {path}.", "Check the name.")
    return content, style


def quickstart(
    paths: InstallPaths, options: InstallOptions, arguments: QuickstartArguments, console: Console
) -> int:
    """Install and paint; return the exit code. A result that exists from the same pictures is kept."""
    content, style = find_pictures(arguments.pictures)
    folder = (arguments.output or home_folder() / "nst-quickstart").expanduser().absolute()
    exit_code = commands.install(paths, options, console)
    installed = commands.require_record(paths)
    console.open_log(paths.log)
    size = arguments.size or SIZES[installed.engine]
    painting = SamplePainting(content, style, size, 0 if arguments.size else SECONDS)
    stems = f"{content.stem[:NAME_LENGTH]}-as-{style.stem[:NAME_LENGTH]}"
    name = f"{stems}-{painting.fingerprint(installed)}"
    picture, layers = folder / f"{name}.png", folder / f"{name}.xcf"
    console.say("Picture")
    program = find_program(installed, options, console)
    results = [picture, layers] if program else [picture]
    if not all(path.exists() for path in results):
        make_results_folder(folder)
        started = time.monotonic()
        if not (program and paint_in_gimp(program, painting, picture, layers, console)):
            exit_code = 2 if program else exit_code
            paint_with_nst(paths, installed, painting, picture, console)
            results = [picture]
        console.say(f"  painted in {time.monotonic() - started:.0f} s")
    for path in results:
        console.say(f"  {path}")
    return exit_code


def make_results_folder(folder: Path) -> None:
    """Make the folder of results if it does not exist.

    Raises:
        InstallError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = from_os(folder, error).message
        raise InstallError(message, "Make it writable, or choose another with --output.") from None


def find_program(
    installed: InstallRecord, options: InstallOptions, console: Console
) -> gimps.GimpProgram | None:
    """Return a GIMP that has the plug-in, can be started and is not blocked by a sandbox, or None."""
    if not options.gimp:
        return None
    profiles = {Path(path) for path in installed.plug_ins}
    configured = gimps.configured_profile()
    for program in gimps.find_programs(console):
        has_plug_in = configured in profiles or any(
            profile.name == program.version and gimps.kind_of(profile) == program.kind for profile in profiles
        )
        if has_plug_in and gimps.sandbox_obstacle(program.kind) is None:
            return program
    return None


def paint_in_gimp(
    program: gimps.GimpProgram, painting: SamplePainting, picture: Path, layers: Path, console: Console
) -> bool:
    """Paint with the filter in GIMP, without a window. Return whether it worked; if not, print why.

    GIMP writes into a temporary folder next to the results, which are then moved, so that they are complete.
    """
    console.say(f"  GIMP {program.version} paints {painting.description}")
    with tempfile.TemporaryDirectory(prefix=".painting-", dir=picture.parent) as name:
        outputs = {"picture": Path(name, picture.name), "layers": Path(name, layers.name)}
        job_file = Path(name, "job.json")
        job_file.write_text(json.dumps({**asdict(painting), **outputs}, default=str), "utf-8")
        script = (
            f"import runpy; runpy.run_path({str(PAINT_IN_GIMP)!r}, {{'JOB': {str(job_file)!r}}}, '__main__')"
        )
        options = ["-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", script]
        result = run([*program.command, *options], console)
        if result.code == 0 and all(path.exists() for path in outputs.values()):
            outputs["layers"].replace(layers)
            outputs["picture"].replace(picture)
            return True
    errors = [line for line in result.tail.splitlines() if "Error: " in line] or ["no reason given"]
    console.say_error(f"  GIMP failed: {errors[-1].partition('Error: ')[2] or errors[-1]}")
    console.say_error(
        "  For details, open Filters > Artistic > Style Diagnostics in GIMP. Using `nst` instead."
    )
    return False


def paint_with_nst(
    paths: InstallPaths, installed: InstallRecord, painting: SamplePainting, picture: Path, console: Console
) -> None:
    """Paint without GIMP, showing the engine's progress on the terminal.

    Raises:
        InstallError: painting failed.
    """
    console.say(f"  nst paints {painting.description}")
    command = [installed.python, "-I", "-m", "nst_core.cli"]
    command += ["stylize", str(painting.content), str(painting.style)]
    command += ["--size", str(painting.size), "--time-limit", str(painting.seconds)]
    command += ["--output", str(picture), "--force"]
    console.log("$ " + " ".join(command))
    environment = clean_environment({"NST_MODELS": installed.models})
    # nst receives Ctrl-C too: it ends with the picture so far, or with INTERRUPTED.
    handler = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    finally:
        signal.signal(signal.SIGINT, handler)
    if code in (INTERRUPTED, -signal.SIGINT):
        raise KeyboardInterrupt
    if code != 0:
        doctor = f"{commands.nst_command(paths, installed)} doctor"
        raise InstallError("The picture was not painted.", f"To find out why, run `{doctor}`.")
