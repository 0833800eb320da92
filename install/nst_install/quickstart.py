"""From nothing to a picture: install, then paint, in GIMP where there is one, else with `nst`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from nst_install import commands, gimps
from nst_install.commands import Wishes
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.places import SAMPLES, Places
from nst_install.processes import clean_environment
from nst_install.processes import run as run_program
from nst_install.record import Record
from nst_install.sources import sha256_of

PAINT_IN_GIMP = Path(__file__).with_name("paint_in_gimp.py")

SIZES = {"cuda": 1024, "torch-cpu": 512, "cpu": 512, "directml": 768}
"""Long side that is painted by engine: some minutes at most on a small machine."""

FEW_CORES, SMALL = 4, 384
"""With fewer cores, 512 pixels take more than five minutes (`install/README.md`); 384 take half of that."""


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
    folder = (
        (output or Path(os.environ.get("HOME") or Path.home()) / "nst-quickstart").expanduser().absolute()
    )
    code = commands.install(places, wishes, console)
    now = commands.require(places)
    console.open_log(places.log)
    size = size or side(now.engine)
    name = f"{content.stem}-as-{style.stem}-{fingerprint(content, style, size, now)}"
    picture, layers = folder / f"{name}.png", folder / f"{name}.xcf"
    console.say("Picture")
    program = find_program(now, wishes, console)
    wanted = [picture, layers] if program else [picture]
    if not all(path.exists() for path in wanted):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os(folder, error) from None
        started = time.monotonic()
        if not (program and in_gimp(program, content, style, size, picture, layers, console)):
            code = 2 if program else code
            with_nst(now, content, style, size, picture, console)
            wanted = [picture]
        console.say(f"  painted in {time.monotonic() - started:.0f} s")
    for path in wanted:
        console.say(f"  {path}")
    return code


def side(engine: str) -> int:
    """Return the long side to paint at on this machine."""
    return SMALL if engine != "cuda" and (os.cpu_count() or 1) < FEW_CORES else SIZES[engine]


def fingerprint(content: Path, style: Path, size: int, now: Record) -> str:
    """Return a short hash of all that decides what is painted."""
    parts = [sha256_of(content), sha256_of(style), str(size), now.version, now.engine]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]


def find_program(now: Record, wishes: Wishes, console: Console) -> gimps.Program | None:
    """Return a GIMP that has the plug-in and can be started, and is not shut in a box."""
    if not wishes.gimp:
        return None
    folders = {Path(path) for path in now.plug_ins}
    moved = os.environ.get("GIMP3_DIRECTORY", "")
    for program in gimps.find_programs(console):
        own = any(each.name == program.version and gimps.kind_of(each) == program.kind for each in folders)
        if (own or (moved and Path(moved) in folders)) and gimps.obstacle(program.kind) is None:
            return program
    return None


def in_gimp(
    program: gimps.Program,
    content: Path,
    style: Path,
    size: int,
    picture: Path,
    layers: Path,
    console: Console,
) -> bool:
    """Paint with the filter in GIMP, without a window; tell whether it worked, and say why not."""
    console.say(
        f"  GIMP {program.version} paints {content.name} in the style of {style.name} at {size} pixels"
    )
    job = {"content": content, "style": style, "size": size, "picture": picture, "layers": layers}
    with tempfile.NamedTemporaryFile(
        "w", suffix=".json", prefix="nst-", delete=False, encoding="utf-8"
    ) as file:
        json.dump(job, file, default=str)
    script = f"import runpy; runpy.run_path({str(PAINT_IN_GIMP)!r}, {{'JOB': {file.name!r}}}, '__main__')"
    try:
        done = run_program(
            [*program.command, "-idf", "--quit", "--batch-interpreter=python-fu-eval", "-b", script], console
        )
    finally:
        Path(file.name).unlink()
    if done.code == 0 and picture.exists() and layers.exists():
        return True
    said = [line for line in done.tail.splitlines() if "Error: " in line] or ["no word of why"]
    console.complain(f"  GIMP could not: {said[-1].partition('Error: ')[2] or said[-1]}")
    console.complain(
        "  In GIMP, Filters > Artistic > Neural Style Diagnostics says more. `nst` paints instead."
    )
    return False


def with_nst(now: Record, content: Path, style: Path, size: int, picture: Path, console: Console) -> None:
    """Paint without GIMP, with the engine's progress on the terminal.

    Raises:
        InstallError: it did not work.
    """
    console.say(f"  nst paints {content.name} in the style of {style.name} at {size} pixels")
    command = [now.python, "-I", "-m", "nst_core.cli", "stylize", str(content), str(style)]
    command += ["--size", str(size), "--output", str(picture), "--force"]
    console.note("$ " + " ".join(command))
    environment = clean_environment({"NST_MODELS": now.models})
    if subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode != 0:
        raise InstallError("The picture was not painted.", "`nst doctor` says what is wrong.")
