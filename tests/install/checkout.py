"""A miniature checkout: the real installer, with an engine, a network and a plug-in that take a second.

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

ENGINE_CLI = '''
"""Stands in for the engine's command line. NST_TEST_WEIGHTS sets how it downloads a network."""
import json, os, signal, sys, time
from pathlib import Path
import ballast

def main(arguments):
    if arguments == ["--version"]:
        print("nst, version 9.1")
        return 0
    if arguments[0] == "stylize":
        if os.environ.get("NST_TEST_PAINTING") == "slow":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # kept for sigwait
            Path(os.environ["HOME"], "painting").touch()
            signal.sigwait({signal.SIGINT})
            time.sleep(1)
        Path(arguments[arguments.index("--output") + 1]).write_text("painted")
        return 0
    has_store = "--store" in arguments
    store = Path(arguments[arguments.index("--store") + 1] if has_store else os.environ["NST_MODELS"])
    name = arguments[2]
    if arguments[1] == "verify":
        intact = (store / (name + ".onnx")).read_bytes() == b"weights" * 1000
        if not intact:
            print(json.dumps({"event": "error", "code": "wrong-hash", "message": "Damaged.", "hint": ""}))
        return 0 if intact else 2
    behaviour = os.environ.get("NST_TEST_WEIGHTS", "good")
    if behaviour == "no-vgg19" and name == "vgg19" or behaviour == "none":
        error = {"code": "download-failed", "message": name + " was lost.", "hint": "Again."}
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

sys.exit(main([argument for argument in sys.argv[1:] if argument != "--json"]))
'''

PATIENCE = 600.0
"""Seconds to wait for something that takes one; generous, for machines that are busy."""

PLUG_IN = "#!/usr/bin/env python3\n# Stands in for the plug-in.\n"


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until ``condition`` is true.

    Raises:
        AssertionError: it does not become true; names ``what`` was waited for.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.02)


def make_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, bytes], needs: str = ""
) -> tuple[str, str]:
    """Make a wheel, which may need another package, in ``folder``; return its file name and SHA-256."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    contents = {
        **files,
        f"{info}/METADATA": (metadata + (f"Requires-Dist: {needs}\n" if needs else "")).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, content in contents.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        record += f"{path},sha256={digest},{len(content)}\n"
    target = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, content in {**contents, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(path, content)
    return target.name, hashlib.sha256(target.read_bytes()).hexdigest()


@dataclass
class Checkout:
    """The miniature in ``folder``, the package index's files in ``wheels``, and a user's ``home``."""

    folder: Path
    wheels: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """The user's data folder."""
        return self.home / ".local" / "share" / "nst"

    @property
    def record(self) -> dict[str, Any]:
        """The fields of the installer's record; empty if nothing is installed."""
        path = self.data / "engine.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else {}

    def pin(self, version: str, megabytes: float = 0.2) -> None:
        """Make the package that the engine needs, ``ballast``, with this version and size, and pin it."""
        noise = hashlib.shake_256(version.encode()).digest(int(megabytes * 1e6))
        name, sha256 = make_wheel(
            self.wheels, "ballast", version, {"ballast/__init__.py": b"", "ballast/noise": noise}
        )
        pins = f"--only-binary :all:\nballast=={version} --hash=sha256:{sha256}\n"
        (self.folder / "install" / "requirements" / "cpu.txt").write_text(pins)
        page = self.wheels / "ballast" / "index.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f'<a href="../{name}">{name}</a>')

    def pin_extra(self, version: str, *, in_index: bool = True) -> Path:
        """Pin the package of the extra ``webgpu``, which the index may lack; return its wheel."""
        files = {"onnxruntime_ep_webgpu/__init__.py": b"", "onnxruntime_ep_webgpu/library": b"x" * 100}
        name, sha256 = make_wheel(self.wheels, "onnxruntime_ep_webgpu", version, files)
        pins = f"onnxruntime-ep-webgpu=={version} --hash=sha256:{sha256}\n"
        (self.folder / "install" / "requirements" / "webgpu.txt").write_text(pins)
        self._list_in_index("onnxruntime-ep-webgpu", name if in_index else "")
        return self.wheels / name

    def pin_films(self, *, in_index: bool = True) -> None:
        """Pin the packages of the extra ``film``, of which the index may lack one.

        PyAV has a script, as the real one. OpenCV needs another version of the engine's own package.
        """
        script = b"[console_scripts]\npyav = av:main\n"
        files = {"av/__init__.py": b"", "av-18.1.0.dist-info/entry_points.txt": script}
        av, av_sha256 = make_wheel(self.wheels, "av", "18.1.0", files)
        files = {"cv2/__init__.py": b"", "cv2/library": b"x" * 100}
        opencv, opencv_sha256 = make_wheel(
            self.wheels, "opencv_python_headless", "5.0.0.93", files, needs="ballast>=7"
        )
        (self.folder / "install" / "requirements" / "film.txt").write_text(
            f"av==17.1.0 ; python_full_version < '3.6' --hash=sha256:{av_sha256}\n"
            f"av==18.1.0 ; python_full_version >= '3.6' --hash=sha256:{av_sha256}\n"
            f"opencv-python-headless==5.0.0.93 --hash=sha256:{opencv_sha256}\n"
        )
        self._list_in_index("av", av)
        self._list_in_index("opencv-python-headless", opencv if in_index else "")

    def _list_in_index(self, package: str, name: str) -> None:
        """Let the index's page of a package list the wheel ``name``, or none."""
        page = self.wheels / package / "index.html"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f'<a href="../{name}">{name}</a>' if name else "")

    def environment(self) -> dict[str, str]:
        """Return all environment variables of the user."""
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
        """Return the installer's command line."""
        return [python, str(self.folder / "install" / "install.py"), *arguments]

    def run(
        self, *arguments: str, prefix: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the installer to its end, with further environment variables."""
        return subprocess.run(
            [*prefix, *self.command(*arguments)],
            env={**self.environment(), **variables},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )

    def run_on_terminal(self, *arguments: str, answers: Sequence[str] = ()) -> tuple[int, str]:
        """Run the installer on a terminal; return the exit code and the output.

        Each of ``answers`` is typed when its question has been asked; Ctrl-C among them interrupts.
        """
        master, slave = pty.openpty()

        def make_terminal_interrupt() -> None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            self.command(*arguments), env=self.environment(), stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=make_terminal_interrupt,
        )  # fmt: skip
        os.close(slave)
        output, typed = b"", 0
        while True:
            try:
                block = os.read(master, 65536)
            except OSError:  # on Linux: the other end is closed
                break
            if not block:
                break
            output += block
            if typed < min(output.count(b"[y/N] "), len(answers)):
                os.write(master, answers[typed].encode())
                typed += 1
        os.close(master)
        return process.wait(timeout=PATIENCE), output.decode()

    def works(self) -> bool:
        """Return whether the installed engine starts and has its network."""
        record = self.record
        if not record or (Path(record["models"]) / "vgg19.onnx").read_bytes() != b"weights" * 1000:
            return False
        version = subprocess.run(
            [record["python"], "-I", "-m", "nst_core.cli", "--version"], capture_output=True, text=True
        )
        return version.stdout.strip() == "nst, version 9.1"

    def ballast(self) -> str:
        """Return the version of the package ``ballast`` in the installed environment."""
        code = "import importlib.metadata as m; print(m.version('ballast'))"
        return subprocess.run(
            [self.record["python"], "-I", "-c", code], capture_output=True, text=True
        ).stdout.strip()

    def leftovers(self) -> list[str]:
        """Return the names in the data folder that belong neither to the installation nor to the user."""
        record = self.record
        if not self.data.exists():
            return []
        keep = {"engine.json", "bin", "logs", "models", "styles", Path(record.get("environment", "-")).name}
        names = [path.name for path in self.data.iterdir()]
        codes = [name for name in names if name.startswith("code-")]
        return sorted(set(names) - keep - set(codes if record and len(codes) == 1 else ()))


def make_checkout(folder: Path, home: Path, pip_wheel: Path) -> Checkout:
    """Make a miniature checkout in ``folder``; ``pip_wheel`` is the pinned pip."""
    shutil.copytree(
        REPOSITORY / "install", folder / "install", ignore=shutil.ignore_patterns("__pycache__", "samples")
    )
    engines = folder / "install" / "nst_install" / "engines.py"
    text = engines.read_text("utf-8")
    assert "megabytes=900" in text
    engines.write_text(text.replace("megabytes=900", "megabytes=1"), "utf-8")
    (folder / "LICENSE").write_text("")
    wheels = folder / "wheels"
    wheels.mkdir()
    (wheels / "pip").mkdir()
    shutil.copyfile(pip_wheel, wheels / pip_wheel.name)
    (wheels / "pip" / "index.html").write_text(f'<a href="../{pip_wheel.name}">pip</a>')
    for name in ("build.txt", "webgpu.txt", "film.txt"):
        (folder / "install" / "requirements" / name).write_text("")
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


def without_root() -> tuple[str, ...]:
    """Return the start of a command line that makes the command obey file permissions even for root."""
    if os.getuid() != 0:
        return ()
    capabilities = "-dac_override,-dac_read_search"
    return ("setpriv", f"--inh-caps={capabilities}", f"--bounding-set={capabilities}", "--")
