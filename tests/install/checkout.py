"""A checkout in miniature: the real installer, with an engine, a network and a plug-in that take a second.

The packages are wheels made here, served by a package index made here, so that a test can cut or falsify
the downloads. Only the pins, the engine's code and the plug-in differ from the real checkout.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

ENGINE_CLI = '''
"""Stands for the engine's command line: fetches a network from NST_TEST_WEIGHTS, as slowly as told."""
import json, os, signal, sys, time
from pathlib import Path
import ballast

def main(arguments):
    if arguments == ["--version"]:
        print("nst, version 9.1")
        return 0
    if arguments[0] == "stylize":
        if os.environ.get("NST_TEST_PAINTING") == "slow":
            signal.signal(signal.SIGINT, lambda _number, _frame: None)
            Path(os.environ["HOME"], "begun").touch()
            signal.pause()
            time.sleep(1)
        Path(arguments[arguments.index("--output") + 1]).write_text("painted")
        return 0
    named = "--store" in arguments
    store = Path(arguments[arguments.index("--store") + 1] if named else os.environ["NST_MODELS"])
    name = arguments[2]
    if arguments[1] == "verify":
        whole = (store / (name + ".onnx")).read_bytes() == b"weights" * 1000
        if not whole:
            print(json.dumps({"event": "error", "code": "wrong-hash", "message": "Damaged.", "hint": ""}))
        return 0 if whole else 2
    behaviour = os.environ.get("NST_TEST_WEIGHTS", "good")
    if behaviour == "no-vgg19" and name == "vgg19" or behaviour == "none":
        error = {"code": "download-failed", "message": name + " broke off.", "hint": "Again."}
        print(json.dumps({"event": "error", **error}))
        return 2
    store.mkdir(parents=True, exist_ok=True)
    part = store / (name + ".part")
    with part.open("ab") as file:
        for _ in range(10):
            file.write(b"weights" * 100)
            file.flush()
            time.sleep(0.02)
    part.write_bytes(b"weights" * 1000)
    part.replace(store / (name + ".onnx"))
    print(json.dumps({"name": name}))
    return 0

sys.exit(main([each for each in sys.argv[1:] if each != "--json"]))
'''

PLUG_IN = "#!/usr/bin/env python3\n# Stands for the plug-in.\n"


def make_wheel(folder: Path, name: str, version: str, files: Mapping[str, bytes]) -> tuple[str, str]:
    """Make a wheel; return its file name and SHA-256."""
    info = f"{name}-{version}.dist-info"
    whole = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in whole.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in {**whole, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(path, content)
    return target.name, hashlib.sha256(target.read_bytes()).hexdigest()


@dataclass
class Checkout:
    """The miniature in ``folder``, an index's files in ``wheels``, and a user whose home is ``home``."""

    folder: Path
    wheels: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where the user's data is."""
        return self.home / ".local" / "share" / "nst"

    @property
    def record(self) -> dict:
        """What is on record as installed; empty for nothing."""
        path = self.data / "engine.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    def pin(self, version: str, megabytes: float = 0.2) -> None:
        """Make the package that the engine needs, ``ballast``, in a version and size, and pin it."""
        noise = hashlib.shake_256(version.encode()).digest(int(megabytes * 1e6))
        name, sha256 = make_wheel(
            self.wheels, "ballast", version, {"ballast/__init__.py": b"", "ballast/noise": noise}
        )
        pins = f"--only-binary :all:\nballast=={version} --hash=sha256:{sha256}\n"
        (self.folder / "install" / "requirements" / "cpu.txt").write_text(pins)
        page = self.wheels / "ballast" / "index.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f'<a href="../{name}">{name}</a>')

    def environment(self) -> dict[str, str]:
        """Return the user's whole environment."""
        return {
            "HOME": str(self.home),
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "PIP_INDEX_URL": self.wheels.as_uri(),
            "PIP_RETRIES": "1",
            "PIP_TIMEOUT": "5",
            **self.variables,
        }

    def command(self, *arguments: str, python: str = sys.executable) -> list[str]:
        """Return the command line of the installer."""
        return [python, str(self.folder / "install" / "install.py"), *arguments]

    def run(
        self, *arguments: str, before: tuple[str, ...] = (), **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the installer to its end."""
        return subprocess.run(
            [*before, *self.command(*arguments)],
            env={**self.environment(), **more},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )

    def run_on_terminal(self, *arguments: str, answers: str = "") -> tuple[int, str]:
        """Run the installer on a terminal; return the exit code and what is seen.

        ``answers`` are typed at the first question; Ctrl-C among them is heard as such.
        """
        ours, theirs = pty.openpty()

        def heed_the_terminal() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            self.command(*arguments), env=self.environment(), stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, preexec_fn=heed_the_terminal,
        )  # fmt: skip
        os.close(theirs)
        seen = b""
        while True:
            try:
                block = os.read(ours, 65536)
            except OSError:  # Linux's way of saying that nobody holds the other end
                break
            if not block:
                break
            seen += block
            if answers and b"[y/N] " in seen:
                for character in answers:
                    time.sleep(0.3)  # as a hand would: what comes before the reading of it is heard later
                    os.write(ours, character.encode())
                answers = ""
        os.close(ours)
        return process.wait(timeout=120), seen.decode()

    def works(self) -> bool:
        """Tell whether what is on record starts, and has its network."""
        said = self.record
        if not said or (Path(said["models"]) / "vgg19.onnx").read_bytes() != b"weights" * 1000:
            return False
        done = subprocess.run(
            [said["python"], "-I", "-m", "nst_core.cli", "--version"], capture_output=True, text=True
        )
        return done.stdout.strip() == "nst, version 9.1"

    def ballast(self) -> str:
        """Return the version of the package in the environment on record."""
        code = "import importlib.metadata as m; print(m.version('ballast'))"
        return subprocess.run(
            [self.record["python"], "-I", "-c", code], capture_output=True, text=True
        ).stdout.strip()

    def rubbish(self) -> list[str]:
        """Name what lies in the data folder and belongs to nothing: logs and networks do belong there."""
        said = self.record
        if not self.data.exists():
            return []
        keep = {"engine.json", "bin", "logs", "models", "styles", Path(said.get("environment", "-")).name}
        names = [path.name for path in self.data.iterdir()]
        codes = [name for name in names if name.startswith("code-")]
        return sorted(set(names) - keep - set(codes if said and len(codes) == 1 else ()))


def make_checkout(folder: Path, home: Path, pip_wheel: Path) -> Checkout:
    """Make a miniature in ``folder``; ``pip_wheel`` is the pinned pip."""
    shutil.copytree(
        REPOSITORY / "install", folder / "install", ignore=shutil.ignore_patterns("__pycache__", "samples")
    )
    engines = folder / "install" / "nst_install" / "engines.py"
    text = engines.read_text("utf-8")
    assert 'on the processor", 900' in text
    engines.write_text(text.replace('on the processor", 900', 'on the processor", 1'), "utf-8")
    (folder / "LICENSE").write_text("")
    wheels = folder / "wheels"
    wheels.mkdir()
    (wheels / "pip").mkdir()
    shutil.copyfile(pip_wheel, wheels / pip_wheel.name)
    (wheels / "pip" / "index.html").write_text(f'<a href="../{pip_wheel.name}">pip</a>')
    (folder / "install" / "requirements" / "build.txt").write_text("")
    code = folder / "nst_core" / "cli"
    code.mkdir(parents=True)
    (code.parent / "__init__.py").write_text("")
    (code / "__init__.py").write_text("")
    (code / "__main__.py").write_text(ENGINE_CLI)
    plug_in = folder / "gimp_plugin" / "neural-style"
    (plug_in / "nst_gimp").mkdir(parents=True)
    (plug_in / "neural-style.py").write_text(PLUG_IN)
    (plug_in / "nst_gimp" / "__init__.py").write_text("")
    home.mkdir(parents=True)
    checkout = Checkout(folder, wheels, home)
    checkout.pin("1.0")
    return checkout


def without_root(folder: Path) -> tuple[str, ...]:
    """Return the words before a command that make it bow to file permissions, root or not."""
    assert folder
    if os.getuid() != 0:
        return ()
    capabilities = "-dac_override,-dac_read_search"
    return ("setpriv", f"--inh-caps={capabilities}", f"--bounding-set={capabilities}", "--")
