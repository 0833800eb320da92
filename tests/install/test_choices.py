"""The installer finds what is on a machine: Pythons, cards, GIMPs and package indexes. The plug-in agrees."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pwd
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from nst_install import (
    commands,
    engines,
    environment,
    gimps,
    index,
    lock,
    pip_settings,
    plug_in,
    pythons,
    sources,
    tools,
)
from nst_install.console import Console
from nst_install.errors import InstallError, from_os
from nst_install.options import InstallOptions
from nst_install.paths import find_paths, home_folder, python_in
from nst_install.processes import ProcessResult
from nst_install.record import InstallRecord, write_record

from tests.install.checkout import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "gimp_plugin" / "neural-style"))
from nst_gimp.process import locations

QUIET = Console(quiet=True)


def record(python: str = "python", models: str = "models", environment: str = "environment") -> InstallRecord:
    """Return a record of an installation of the engine cpu."""
    return InstallRecord(
        python=python, version="1", engine="cpu", models=models, environment=environment, pins="", code=""
    )


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("moved", [False, True])
def test_plug_in_finds_the_engine_that_the_installer_recorded(
    platform: str, moved: bool, tmp_path: Path
) -> None:
    env = {"HOME": str(tmp_path)}
    if moved:
        env.update(XDG_DATA_HOME=str(tmp_path / "moved"), LOCALAPPDATA=str(tmp_path / "local"))
    paths = find_paths(env, platform)
    assert locations.data_folders(platform, env)[0] == paths.data
    environment = paths.data / "venv-0"
    python = python_in(environment, platform)
    assert python == locations.python_in(environment, platform)
    python.parent.mkdir(parents=True)
    python.write_text("")
    python.chmod(0o755)
    write_record(paths, record(python=str(python), models="/some/models", environment=str(environment)))
    engine = locations.find_engine(platform, env)
    assert (engine.python, engine.models) == (str(python), "/some/models")


def find_profile_kinds(platform: str, home: Path, folders: dict[str, str]) -> dict[str, str]:
    env = {"HOME": str(home), "APPDATA": str(home / "Roaming"), "LOCALAPPDATA": str(home / "Local")}
    for folder in folders:
        (home / folder).mkdir(parents=True)
    profiles = gimps.find_profiles(environment=env, platform=platform)
    return {str(profile.folder.relative_to(home)): profile.kind for profile in profiles}


@pytest.mark.parametrize(
    ("platform", "folders"),
    [
        ("linux", {
            ".config/GIMP/3.0": "native",
            ".config/GIMP/3.2": "native",
            ".var/app/org.gimp.GIMP/config/GIMP/3.2": "flatpak",
            "snap/gimp/current/GIMP/3.0": "snap",
        }),
        ("darwin", {"Library/Application Support/GIMP/3.0": "native"}),
        ("win32", {
            "Roaming/GIMP/3.0": "native",
            "Local/Packages/GIMP.GIMP_abc/LocalCache/Roaming/GIMP/3.0": "store",
        }),
    ],
)  # fmt: skip
def test_every_kind_of_profile_is_found(platform: str, folders: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".config" / "GIMP" / "2.10").mkdir(parents=True)
    (tmp_path / ".config" / "GIMP" / "notes").mkdir()
    assert find_profile_kinds(platform, tmp_path, folders) == folders


def test_profile_in_gimp3_directory_is_found(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "GIMP3_DIRECTORY": str(tmp_path / "elsewhere")}
    assert [profile.folder for profile in gimps.find_profiles(environment=env, platform="linux")] == [
        tmp_path / "elsewhere"
    ]
    env["GIMP3_DIRECTORY"] = ".config/GIMP/3.0"  # relative to the home folder, as in GIMP
    (tmp_path / ".config/GIMP/3.0").mkdir(parents=True)
    (tmp_path / ".config/GIMP/3.2").mkdir()
    assert [profile.folder.name for profile in gimps.find_profiles(environment=env, platform="linux")] == [
        "3.0",
        "3.2",
    ]


def test_started_flatpak_may_use_the_native_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    flatpak = gimps.GimpProgram(("flatpak", "run"), "3.2", "flatpak")
    profiles = [gimps.GimpProfile(tmp_path / "GIMP" / "3.2", "native")]
    assert not gimps.has_profile(flatpak, profiles)
    gimps.flatpak_data().mkdir(parents=True)
    assert gimps.has_profile(flatpak, profiles)
    assert not gimps.has_profile(flatpak, [gimps.GimpProfile(tmp_path / "GIMP" / "3.0", "native")])


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("GNU Image Manipulation Program version 3.0.4", "3.0"),
        ("GNU Image Manipulation Program Version 3.2.0-RC2", "3.2"),
        ("GNU Image Manipulation Program バージョン 3.0.4", "3.0"),
        ("GNU Image Manipulation Program version 2.10.38", ""),
        ("using GTK+ version 3.24.49 (compiled against version 3.24.49)", ""),
    ],
)
def test_version_of_gimp_is_read_in_every_language(
    line: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "gimp-console"
    program.write_text(f"#!/bin/sh\necho 'some warning of 3.14.1 kinds' >&2\necho '{line}'\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    env = {"HOME": str(tmp_path), "GIMP_CONSOLE": str(program)}
    assert [gimp.version for gimp in gimps.find_programs(QUIET, env, "linux")] == (
        [version] if version else []
    )


def test_command_that_allows_the_flatpak_is_shown_until_it_is_allowed(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    words, command = gimps.sandbox_obstacle("flatpak", env) or ("", "")
    assert "Flatpak" in words
    assert command == "flatpak override --user --talk-name=org.freedesktop.Flatpak org.gimp.GIMP"
    rules = tmp_path / ".local" / "share" / "flatpak" / "overrides" / "org.gimp.GIMP"
    rules.parent.mkdir(parents=True)
    rules.write_text("[Context]\nshared=network\n\n[Session Bus Policy]\norg.freedesktop.Flatpak=talk\n")
    assert gimps.sandbox_obstacle("flatpak", env) is None
    assert gimps.sandbox_obstacle("native", env) is None
    assert "snap" in (gimps.sandbox_obstacle("snap", env) or ("",))[0]


def test_bridge_starts_the_engine_outside_a_flatpak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a Flatpak it runs the engine's Python; inside, it passes the command to flatpak-spawn."""
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = find_paths({"HOME": str(tmp_path)}, "linux")
    python = tmp_path / "it's a python"
    python.symlink_to(sys.executable)
    plug_in.build_bridge(paths, str(python), "/models", "1")
    inside = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / ".var/app/org.gimp.GIMP/data")}
    bridge = Path(locations.find_engine("linux", inside).python)
    assert subprocess.run([bridge, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout == "42\n"

    spawn = tmp_path / "bin" / "flatpak-spawn"
    spawn.parent.mkdir()
    spawn.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    spawn.chmod(0o755)
    flatpak_info = tmp_path / "flatpak-info"
    flatpak_info.write_text("")
    bridge.write_text(bridge.read_text().replace("/.flatpak-info", str(flatpak_info)))
    env = {"PATH": f"{spawn.parent}:/usr/bin:/bin", "NST_MODELS": "/a b", "NST_JOB_DIRECTORY": "/tmp/it's"}
    spawned = subprocess.run([bridge, "-I", "-m", "nst_core.worker"], capture_output=True, text=True, env=env)
    assert spawned.stdout.splitlines() == [
        "--host", "--watch-bus", "--env=NST_MODELS=/a b", "--env=NST_JOB_DIRECTORY=/tmp/it's",
        str(python), "-I", "-m", "nst_core.worker",
    ]  # fmt: skip
    plug_in.remove_bridge(paths, QUIET)
    assert not bridge.exists()
    assert not (tmp_path / ".var/app/org.gimp.GIMP/data/nst").exists()


@pytest.mark.parametrize(
    ("card", "system", "engine", "word"),
    [
        (None, "linux", "cpu", "no NVIDIA card"),
        (engines.NvidiaCard("NVIDIA H200", "580.65.06", 9.0), "linux", "cuda", "H200"),
        (engines.NvidiaCard("NVIDIA RTX 3060", "581.15", 8.6), "win32", "cuda", "3060"),
        (engines.NvidiaCard("NVIDIA RTX 3060", "535.183.01", 8.6), "linux", "cpu", "580 or newer"),
        (engines.NvidiaCard("NVIDIA GTX 1080", "580.65.06", 6.1), "linux", "cpu", "too old"),
    ],
)
def test_engine_suits_the_card(
    card: engines.NvidiaCard, system: str, engine: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines.platform, "machine", lambda: "x86_64")
    packages, reason = engines.choose("auto", card, system)
    assert packages.name == engine
    assert word in reason


def test_usable_card_is_read_from_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'NVIDIA GeForce RTX 4070, Laptop GPU, 580.95.05, 8.9'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert engines.find_card() == engines.NvidiaCard("NVIDIA GeForce RTX 4070, Laptop GPU", "580.95.05", 8.9)
    old = "NVIDIA GeForce GTX 1060, 580.95.05, 6.1"
    for lines, name in (
        ((old, "NVIDIA GeForce RTX 4070, 580.95.05, 8.9"), "NVIDIA GeForce RTX 4070"),
        ((old, "Something, [N/A], [N/A]"), "NVIDIA GeForce GTX 1060"),
    ):
        program.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
        card = engines.find_card()
        assert card is not None
        assert card.name == name
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert engines.find_card() is None


def test_device_determines_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.platform, "machine", lambda: "arm64")
    card = engines.NvidiaCard("NVIDIA H200", "580.65.06", 9.0)
    old = engines.NvidiaCard("NVIDIA GTX 1080", "580.65.06", 6.1)
    assert engines.engine_for_device("auto", "auto", None) == "auto"
    assert engines.engine_for_device("auto", "directml", None) == "directml"
    assert engines.engine_for_device("cpu", "auto", card) == "cpu"
    assert engines.engine_for_device("cpu", "torch-cpu", None) == "torch-cpu"
    assert engines.engine_for_device("cuda", "auto", card) == "cuda"
    assert engines.engine_for_device("mps", "auto", None, "darwin") == "torch-cpu"
    for device, engine, available, words in (
        ("cuda", "auto", None, "no NVIDIA card"),
        ("cuda", "auto", old, "too old"),
        ("cuda", "cpu", card, "cuda does"),
        ("mps", "auto", None, "Apple"),
    ):
        with pytest.raises(InstallError, match=words):
            engines.engine_for_device(device, engine, available, "linux")


def test_engine_for_another_system_is_refused() -> None:
    with pytest.raises(InstallError, match="does not work on this system"):
        engines.choose("directml", None, "linux")


def fake_python(folder: Path, **differences: object) -> str:
    """Make a program that answers the installer's probe like a suitable Python but for ``differences``."""
    facts = {"version": [3, 12], "base": sys.executable, "lacking": [], "bits": 64, "kind": "cpython"}
    facts |= {"platform": "linux-x86_64", "machine": "x86_64", "free_threaded": False, **differences}
    path = folder / "python-of-another-kind"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(facts)}\nEND\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ({"version": [3, 9]}, "is version 3.9"),
        ({"version": [3, 14]}, "is version 3.14"),
        ({"kind": "pypy"}, "standard CPython"),
        ({"free_threaded": True}, "standard CPython"),
        ({"bits": 32}, "32-bit"),
        ({"platform": "mingw_x86_64_ucrt_gnu"}, "belongs to GIMP or MSYS2"),
        ({"base": r"C:\Users\z\AppData\Local\Microsoft\WindowsApps\python.exe"}, "Microsoft Store"),
        ({"lacking": ["ssl"]}, "lacks the module ssl"),
        (
            {"platform": "macosx-10.13-universal2"},
            "Intel Mac, for which ONNX Runtime supports Python up to 3.10",
        ),
    ],
)
def test_unsuitable_python_is_refused(difference: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=words):
        pythons.probe(fake_python(tmp_path, **difference))
    assert pythons.probe(fake_python(tmp_path)).version == "3.12"


def test_intel_mac_gets_python_310(tmp_path: Path) -> None:
    assert pythons.own_version("darwin", "x86_64") == "3.10"
    assert pythons.own_version("darwin", "arm64") == pythons.own_version("linux", "x86_64") == "3.12"
    mac = {"platform": "macosx-10.13-universal2"}
    assert pythons.probe(fake_python(tmp_path, **mac, machine="arm64")).version == "3.12"
    assert pythons.probe(fake_python(tmp_path, **mac, version=[3, 10])).version == "3.10"


def test_cuda_gets_python_311_or_newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime for Python 3.10 needs another CUDA than PyTorch brings, and would use the processor."""
    for version in ("3.10", "3.11"):
        (tmp_path / version).mkdir()
    old = fake_python(tmp_path / "3.10", version=[3, 10])
    new = fake_python(tmp_path / "3.11", version=[3, 11])
    paths = find_paths({"HOME": str(tmp_path)}, "linux")
    monkeypatch.setattr(pythons, "candidates", lambda: iter([old, new]))
    for engine, version in (("cpu", "3.10"), ("cuda", "3.11")):
        oldest = engines.ENGINES[engine].oldest_python
        assert pythons.find_python("auto", paths, sources.online(), QUIET, oldest).version == version
    options = InstallOptions(python=old)
    with pytest.raises(
        InstallError, match=r"is version 3\.10, and this engine needs 3\.11 or newer"
    ) as caught:
        commands.new_environment(paths, engines.ENGINES["cuda"], options, sources.online(), QUIET)
    assert "--python own" in caught.value.hint


UV = """#!/bin/sh
if [ "$1 $2" = "python install" ]; then
  [ {works} = yes ] || exit 2
  mkdir -p "$UV_PYTHON_INSTALL_DIR"
  exit 0
fi
[ -d "$UV_PYTHON_INSTALL_DIR" ] || exit 2
echo {python}
"""


@pytest.mark.parametrize("works", [True, False])
def test_uv_installs_a_python_if_none_is_suitable(
    works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv is downloaded as a wheel from the package index and checked by its hash."""
    fake = UV.format(works="yes" if works else "no", python=sys.executable)
    wheels = tmp_path / "index" / "uv"
    wheels.mkdir(parents=True)
    with zipfile.ZipFile(wheels / "uv-1-py3-none-any.whl", "w") as archive:
        archive.writestr("uv-1.data/scripts/uv", fake)
    (wheels / "index.html").write_text('<a href="uv-1-py3-none-any.whl#sha256=1">uv</a>')
    sha256 = hashlib.sha256((wheels / "uv-1-py3-none-any.whl").read_bytes()).hexdigest()
    monkeypatch.setenv("PATH", "/nothing")
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    monkeypatch.setattr(tools, "pinned_wheel", lambda _tool, _kind: ("uv-1-py3-none-any.whl", sha256))
    monkeypatch.setattr(pythons, "candidates", lambda: iter(["/no/python"]))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(tools.shutil, "which", lambda _name: None)
    paths = find_paths({"HOME": str(tmp_path)}, "linux")
    if works:
        python = pythons.find_python("auto", paths, sources.online(), QUIET)
        assert python.version == f"{sys.version_info[0]}.{sys.version_info[1]}"
        assert list(paths.cache.iterdir()) == []
    else:
        with pytest.raises(InstallError, match="No suitable Python was found") as caught:
            pythons.find_python("auto", paths, sources.online(), QUIET)
        assert "Install Python 3.12" in caught.value.hint
    monkeypatch.setattr(tools, "pinned_wheel", lambda _tool, _kind: ("uv-1-py3-none-any.whl", "0" * 64))
    with pytest.raises(InstallError, match="SHA-256"):
        pythons.install_own(paths, sources.online(), QUIET)


def test_pip_unpacks_in_the_environments_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's folder for temporary files may be small, or in memory."""
    folders = []

    def run(_command: list[str], _console: Console, _on_line: object, extra: dict[str, str]) -> ProcessResult:
        folders.append(Path(extra["TMPDIR"]))
        assert folders[-1].is_dir()
        return ProcessResult(0, "")

    monkeypatch.setattr(environment, "run", run)
    pip = environment.Pip(find_paths({"HOME": str(tmp_path)}), tmp_path, sources.online(), QUIET)
    pip.install(["something"])
    assert [path.parent for path in folders] == [tmp_path]
    assert not folders[0].exists()


def test_index_is_the_one_configured_for_pip(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "one.conf")}
    (tmp_path / "one.conf").write_text("[global]\nindex-url = https://mirror.example/simple\n")
    assert pip_settings.index_url(home) == "https://mirror.example/simple"
    other = {**home, "PIP_INDEX_URL": "https://other.example/"}
    assert pip_settings.index_url(other) == "https://other.example/"
    assert pip_settings.index_url({**home, "PIP_CONFIG_FILE": os.devnull}) == pip_settings.DEFAULT


def test_file_in_use_on_windows_is_reported_as_such() -> None:
    error = OSError(errno.EACCES, "The process cannot access the file")
    error.winerror = 32
    assert "Close GIMP" in from_os("the plug-in", error).hint
    assert "Close GIMP" not in from_os("the plug-in", OSError(errno.EACCES, "Permission denied")).hint


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("corp=https://mirror.example/simple", "https://mirror.example/simple"),
        ("https://mirror.example/simple?a=b", "https://mirror.example/simple?a=b"),
        ("  ", pip_settings.DEFAULT),
    ],
)
def test_index_is_read_in_uvs_notation(setting: str, url: str, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull, "UV_DEFAULT_INDEX": setting}
    assert pip_settings.index_url(env) == url


class BrokenIndex(BaseHTTPRequestHandler):
    """An index that resets connections, sends nonsense, or wants a password for pages and files."""

    fault = ""

    def do_GET(self) -> None:
        if self.fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        if self.fault == "complete" and "Range" in self.headers:
            self.send_error(416)
            return
        if self.fault == "password" and "Authorization" not in self.headers:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            return
        file = self.path.endswith(".whl")
        text = {"list": "[1]", "keys": '{"files": [{"name": "pip"}]}'}.get(self.fault)
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if text else "text/html")
        self.end_headers()
        self.wfile.write((text or ("wheel" if file else '<a href="/files/pip-1.whl">pip</a>')).encode())

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def broken_index() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BrokenIndex)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize(
    ("fault", "words"),
    [("reset", "cannot be reached"), ("list", "is not a page"), ("keys", "is not a page")],
)
def test_broken_index_is_reported(
    fault: str, words: str, broken_index: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenIndex, "fault", fault)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{broken_index.server_port}/simple")
    with pytest.raises(InstallError, match=words):
        index.fetch("pip", "pip-1.whl", tmp_path / "pip-1.whl", QUIET)


def test_password_of_the_index_is_sent_for_its_files(
    broken_index: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BrokenIndex, "fault", "password")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://zoe:secret@127.0.0.1:{broken_index.server_port}/simple")
    index.fetch("pip", "pip-1.whl", tmp_path / "pip-1.whl", QUIET)
    assert (tmp_path / "pip-1.whl").read_text() == "wheel"


def test_download_that_was_complete_already_starts_over(
    broken_index: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers refuse to continue a file at its end."""
    monkeypatch.setattr(BrokenIndex, "fault", "complete")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{broken_index.server_port}/simple")
    target = tmp_path / "pip-1.whl"
    target.write_text("xxxxx")
    index.fetch("pip", "pip-1.whl", target, QUIET)
    assert target.read_text() == "wheel"


def test_old_uv_of_the_system_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "uv"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "no index").as_uri())
    paths = find_paths({"HOME": str(tmp_path)}, "linux")
    for version in ("0.7.0", "1.0.1"):
        program.write_text(f"#!/bin/sh\necho uv {version}\n")
        program.chmod(0o755)
        with tools.uv(paths, sources.online(), QUIET) as path:
            assert path == str(program)
    program.write_text("#!/bin/sh\necho uv 0.6.7\n")
    with pytest.raises(InstallError, match="package index"), tools.uv(paths, sources.online(), QUIET):
        pass


def test_home_is_the_systems_if_the_variable_is_no_absolute_path() -> None:
    system = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for env in ({}, {"HOME": ""}, {"HOME": "here"}):
        assert home_folder(env) == system
    assert find_paths({"HOME": "here", "XDG_DATA_HOME": "also/here"}, "linux").data.is_absolute()


def test_unknown_user_without_home_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 123456)
    with pytest.raises(InstallError, match="HOME is not set"):
        find_paths({}, "linux")


def test_disk_without_locks_is_not_reported_as_another_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(_descriptor: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock, "_lock", no_locks)
    with pytest.raises(InstallError, match="No locks available"), lock.locked(tmp_path / "lock"):
        pass


def test_folder_of_networks_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_MODELS", raising=False)
    paths = find_paths({"HOME": str(tmp_path)}, "linux")
    old = record(models=str(tmp_path / "mine"))
    assert commands.models_folder(paths, old, InstallOptions()) == tmp_path / "mine"
    assert commands.models_folder(paths, None, InstallOptions()) == paths.models
    monkeypatch.setenv("NST_MODELS", str(tmp_path / "env"))
    assert commands.models_folder(paths, old, InstallOptions()) == tmp_path / "env"
