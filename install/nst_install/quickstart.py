"""From nothing to a picture: install, then paint, in GIMP where there is one, else with `nst`."""

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
from nst_install.commands import Wishes
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.places import SAMPLES, Places, home_folder
from nst_install.processes import clean_environment
from nst_install.processes import run as run_program
from nst_install.record import Record
from nst_install.sources import sha256_of

PAINT_IN_GIMP = Path(__file__).with_name("paint_in_gimp.py")

SIZES = {"cuda": 1024, "torch-cpu": 512, "cpu": 512, "directml": 768}
"""Long side of the picture, by engine."""

SECONDS = 170
"""Time for painting where no size was asked for, so that all is done within five minutes on a slow machine.
What does not fit is painted smaller and carried up: two busy cores painted 256 pixels, then 512, and it looks
well (`install/README.md`)."""

BROKEN_OFF = 128 + signal.SIGINT
"""nst's exit code after a Ctrl-C that left nothing to keep."""

STEM = 30
"""Characters of each picture's name in the result's: file systems end names at 255 bytes."""


@dataclass(frozen=True)
class Job:
    """What is painted: two pictures, the long side in pixels, the seconds it may take (0: any time)."""

    content: Path
    style: Path
    size: int
    seconds: int

    def fingerprint(self, now: Record) -> str:
        """Return a short hash of all that decides what is painted."""
        parts = [sha256_of(self.content), sha256_of(self.style), str(self.size), str(self.seconds)]
        parts += [now.version, now.engine]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]


def pictures(given: list[str]) -> tuple[Path, Path]:
    """Return content and style: the two that were given, or the samples.

    Raises:
        InstallError: one or three were given, or one is not there.
    """
    if not given:
        return SAMPLES / "content.jpg", SAMPLES / "style.jpg"
    if len(given) != 2:
        raise InstallError("Two pictures are needed: a content and a style.", "quickstart CONTENT STYLE")
    content, style = (Path(name).expanduser().absolute() for name in given)
    for path in (content, style):
        if not path.is_file():
            raise InstallError(f"There is no picture {path}.", "Check the name.")
    return content, style


def run(
    places: Places,
    wishes: Wishes,
    given: list[str],
    output: Path | None,
    size: int,
    console: Console,
) -> int:
    """Do it all; return the exit code. What was painted before from the same pictures is left as it is."""
    content, style = pictures(given)
    folder = (output or home_folder() / "nst-quickstart").expanduser().absolute()
    code = commands.install(places, wishes, console)
    now = commands.require(places)
    console.open_log(places.log)
    job = Job(content, style, size or SIZES[now.engine], 0 if size else SECONDS)
    name = f"{content.stem[:STEM]}-as-{style.stem[:STEM]}-{job.fingerprint(now)}"
    picture, layers = folder / f"{name}.png", folder / f"{name}.xcf"
    console.say("Picture")
    program = find_program(now, wishes, console)
    wanted = [picture, layers] if program else [picture]
    if not all(path.exists() for path in wanted):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            told = from_os(folder, error)
            raise InstallError(told.message, "Make it writable, or name another with --output.") from None
        started = time.monotonic()
        if not (program and in_gimp(program, job, picture, layers, console)):
            code = 2 if program else code
            with_nst(places, now, job, picture, console)
            wanted = [picture]
        console.say(f"  painted in {time.monotonic() - started:.0f} s")
    for path in wanted:
        console.say(f"  {path}")
    return code


def find_program(now: Record, wishes: Wishes, console: Console) -> gimps.Program | None:
    """Return a GIMP that has the plug-in and can be started, and is not shut in a box."""
    if not wishes.gimp:
        return None
    folders = {Path(path) for path in now.plug_ins}
    moved = gimps.moved_profile()
    for program in gimps.find_programs(console):
        own = any(each.name == program.version and gimps.kind_of(each) == program.kind for each in folders)
        if (own or moved in folders) and gimps.obstacle(program.kind) is None:
            return program
    return None


def in_gimp(program: gimps.Program, job: Job, picture: Path, layers: Path, console: Console) -> bool:
    """Paint with the filter in GIMP, without a window; tell whether it worked, and say why not.

    GIMP writes into a folder of its own beside the results, which so appear whole or not at all.
    """
    console.say(f"  GIMP {program.version} paints {words(job)}")
    with tempfile.TemporaryDirectory(prefix=".painting-", dir=picture.parent) as name:
        beside = {"picture": Path(name, picture.name), "layers": Path(name, layers.name)}
        task = Path(name, "job.json")
        task.write_text(json.dumps({**asdict(job), **beside}, default=str), "utf-8")
        script = f"import runpy; runpy.run_path({str(PAINT_IN_GIMP)!r}, {{'JOB': {str(task)!r}}}, '__main__')"
        done = run_program(
            [*program.command, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", script], console
        )
        if done.code == 0 and all(path.exists() for path in beside.values()):
            beside["layers"].replace(layers)
            beside["picture"].replace(picture)
            return True
    said = [line for line in done.tail.splitlines() if "Error: " in line] or ["no word of why"]
    console.complain(f"  GIMP could not: {said[-1].partition('Error: ')[2] or said[-1]}")
    console.complain(
        "  In GIMP, Filters > Artistic > Neural Style Diagnostics says more. `nst` paints instead."
    )
    return False


def words(job: Job) -> str:
    """Say what is painted, and for how long."""
    limit = f", in {job.seconds} seconds (--size {job.size} takes the time it needs)" if job.seconds else ""
    return f"{job.content.name} in the style of {job.style.name} at {job.size} pixels{limit}"


def with_nst(places: Places, now: Record, job: Job, picture: Path, console: Console) -> None:
    """Paint without GIMP, with the engine's progress on the terminal.

    Raises:
        InstallError: it did not work.
    """
    console.say(f"  nst paints {words(job)}")
    command = [now.python, "-I", "-m", "nst_core.cli", "stylize", str(job.content), str(job.style)]
    command += ["--size", str(job.size), "--time-limit", str(job.seconds)]
    command += ["--output", str(picture), "--force"]
    console.note("$ " + " ".join(command))
    environment = clean_environment({"NST_MODELS": now.models})
    # A Ctrl-C is for nst, which hears it as well: it ends with the picture so far, or with BROKEN_OFF.
    former = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    finally:
        signal.signal(signal.SIGINT, former)
    if code in (BROKEN_OFF, -signal.SIGINT):
        raise KeyboardInterrupt
    if code != 0:
        doctor = f"{commands.command_words(places, now)} doctor"
        raise InstallError("The picture was not painted.", f"`{doctor}` says what is wrong.")
