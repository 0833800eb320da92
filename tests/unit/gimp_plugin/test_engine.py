"""The plug-in's side of the engine's process, without GIMP: protocol, timeouts, errors, clean-up."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FAKE = ROOT / "tests" / "gimp" / "fake_engine.py"


@pytest.fixture
def plugin(monkeypatch, tmp_path: Path):
    """Return the plug-in's modules, with the fake engine instead of the real one."""
    monkeypatch.syspath_prepend(str(ROOT / "gimp_plugin" / "neural-style"))
    monkeypatch.setenv("NST_PYTHON", str(FAKE))
    monkeypatch.setenv("NST_FAKE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "mode").write_text("copy")
    from nst_gimp.process import engine, job_folder, locations
    from nst_gimp.text import messages

    class Plugin:
        pass

    modules = Plugin()
    modules.engine, modules.job_folder, modules.messages, modules.locations = (
        engine,
        job_folder,
        messages,
        locations,
    )
    yield modules
    for name in [name for name in sys.modules if name.startswith("nst_gimp")]:
        del sys.modules[name]


def run(plugin, tmp_path: Path, before_done=lambda engine: None):
    """Run one job and return (its events, the result)."""
    with (
        plugin.job_folder.JobFolder() as job_folder,
        plugin.engine.EngineProcess(job_folder.directory) as engine,
    ):
        Path(job_folder.path("content.f32")).write_bytes(bytes(4 * 4 * 3 * 4))
        Path(job_folder.path("style.f32")).write_bytes(bytes(2 * 2 * 3 * 4))
        content = plugin.job_folder.PixelFile(job_folder.path("content.f32"), 4, 4, 3)
        style = plugin.job_folder.PixelFile(job_folder.path("style.f32"), 2, 2, 3)
        engine.send(
            job_folder.build_request(
                content, {"styles": [style._asdict()]}, {"strength": 1.0}, plugin.job_folder.PREVIEW
            )
        )
        events = []
        while not events or events[-1]["event"] != "done":
            event = engine.next_event(30)
            assert event is not None
            events.append(event)
            if event["event"] == "preview":
                data = job_folder.read_preview(event)
                assert data is None or len(data) == event["width"] * event["height"] * 3
            before_done(engine)
        return events, Path(job_folder.check_result(content, events[-1])).read_bytes()


def test_whole_run(plugin, tmp_path: Path) -> None:
    events, result = run(plugin, tmp_path)
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["hello", "plan"]
    assert {"progress", "preview"} <= set(kinds)
    assert len(result) == 4 * 4 * 3 * 4
    assert not list(tmp_path.glob("nst-job-*"))
    log = tmp_path / "data" / "nst" / "logs" / "gimp-engine.log"
    assert str(FAKE) in log.read_text()


def test_stop_early_ends_a_long_run(plugin, tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("slow 60")
    started = time.monotonic()
    events, _result = run(plugin, tmp_path, lambda engine: engine.stop_early())
    assert time.monotonic() - started < 30
    assert events[-1]["stopped"] is True


def test_color_layout_is_set_during_a_run(plugin, tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("slow 2")
    events, _result = run(plugin, tmp_path, lambda engine: engine.set_color_layout(40.0))
    assert [event["color_layout"] for event in events if event["event"] == "preview"][-1] == 40.0
    assert events[-1]["settings"]["color_layout"] == 40.0


def test_hanging_engine_is_reported(plugin, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mode").write_text("hang")
    monkeypatch.setenv("NST_START_SECONDS", "1")
    with plugin.engine.EngineProcess() as engine:
        assert engine.next_event(0) is None
        with pytest.raises(plugin.messages.UserError, match=r"did not answer\. Try again.*gimp-engine\.log"):
            engine.next_event()
        process = engine.process
    assert process.poll() is not None


def test_engine_with_another_protocol_is_reported(plugin, tmp_path: Path) -> None:
    """As an engine of another version may have it."""
    (tmp_path / "mode").write_text("wrong-protocol")
    with plugin.engine.EngineProcess() as engine:
        with pytest.raises(plugin.messages.UserError, match="do not belong together") as caught:
            engine.next_event()
        process = engine.process
    assert caught.value.code == "protocol"
    assert "Run the installer again" in caught.value.hint
    assert process.poll() is not None


def test_close_kills_a_process_that_ignores_signals(plugin, tmp_path: Path) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\nwhile true; do sleep 1; done\n")
    deaf.chmod(0o755)
    os.environ["NST_PYTHON"] = str(deaf)
    engine = plugin.engine.EngineProcess()
    engine.close(0.5)
    assert engine.process.poll() == -9


def test_environment_is_scrubbed(plugin) -> None:
    gimp_environment = {
        "PATH": "/bin",
        "PYTHONPATH": "/x", "PYTHONHOME": "/x", "LD_LIBRARY_PATH": "/x", "GI_TYPELIB_PATH": "/x",
        "DYLD_LIBRARY_PATH": "/x", "XDG_CACHE_HOME": "/x", "HTTPS_PROXY": "p",
    }  # fmt: skip
    location = plugin.locations.EngineLocation("/python", "/models", "")
    env = plugin.locations.engine_environment(location, gimp_environment, "linux")
    assert env["HTTPS_PROXY"] == "p"
    assert env["NST_MODELS"] == "/models"
    assert not {"PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH", "DYLD_LIBRARY_PATH"} & set(
        env
    )
    assert "XDG_CACHE_HOME" in env
    assert "XDG_CACHE_HOME" not in plugin.locations.engine_environment(location, gimp_environment, "darwin")
    own = plugin.locations.engine_environment(location, dict(gimp_environment, NST_MODELS="/mine"), "linux")
    assert own["NST_MODELS"] == "/mine"


def test_engine_is_found_in_its_locations(plugin, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path / "h"), "XDG_DATA_HOME": str(tmp_path / "flatpak")}
    find = plugin.locations.find_engine
    with pytest.raises(plugin.messages.UserError, match="not installed"):
        find("linux", env)
    usual = tmp_path / "h" / ".local" / "share" / "nst"
    python = usual / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert find("linux", env) == (str(python), str(usual / "models"), str(usual / "venv"))
    own = tmp_path / "flatpak" / "nst"
    own.mkdir(parents=True)
    (own / "engine.json").write_text(json.dumps({"python": sys.executable, "version": "1"}))
    assert find("linux", env).python == sys.executable
    assert find("linux", dict(env, NST_PYTHON=str(python))).source == "NST_PYTHON"
    (own / "engine.json").write_text("[]")
    with pytest.raises(plugin.messages.UserError, match="damaged"):
        find("linux", env)
    windows = plugin.locations.data_folders("win32", {"LOCALAPPDATA": "/l", "HOME": "/h"})
    assert windows == [Path("/l/nst")]
    mac = plugin.locations.data_folders("darwin", {"HOME": "/h"})
    assert mac == [Path("/h/Library/Application Support/nst")]


def test_only_stale_job_folders_are_deleted(plugin, tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in ("nst-job-old", "nst-job-new", "something-old"))
    for folder in (old, new, other):
        folder.mkdir()
    (old / "content.f32").write_bytes(b"x")
    long_ago = time.time() - 2 * plugin.job_folder.STALE_SECONDS
    os.utime(old / "content.f32", (long_ago, long_ago))
    for folder in (old, other):
        os.utime(folder, (long_ago, long_ago))
    plugin.job_folder.delete_stale_folders(str(tmp_path))
    assert not old.exists()
    assert new.exists()
    assert other.exists()


def test_long_log_is_rotated(plugin) -> None:
    log = plugin.locations.log_path()
    log.write_bytes(b"x" * (plugin.locations.LOG_BYTES + 1))
    assert plugin.locations.log_path() == log
    assert log.stat().st_size == 0
    assert log.with_suffix(".log.1").stat().st_size > plugin.locations.LOG_BYTES


def test_log_is_rotated_while_it_grows(plugin) -> None:
    log = plugin.locations.log_path()
    with log.open("ab") as growing:
        growing.write(b"x" * (plugin.locations.LOG_BYTES + 1))
        growing.flush()
        plugin.locations.limit_log(log)
        growing.write(b"later")
    assert log.read_bytes() == b"later"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_log_is_private_and_follows_no_link(plugin, tmp_path: Path, monkeypatch) -> None:
    log = plugin.locations.log_path()
    for folder in (log.parent, log.parent.parent):
        assert folder.stat().st_mode & 0o077 == 0
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    victim.mkdir(mode=0o755)
    monkeypatch.setattr(plugin.locations, "data_folders", list)
    monkeypatch.setattr(plugin.locations.tempfile, "gettempdir", lambda: str(shared))
    fallback = plugin.locations.log_path()
    assert fallback.parent.parent == shared
    assert fallback.parent.stat().st_mode & 0o077 == 0
    fallback.unlink()
    fallback.symlink_to(victim / "file")
    assert plugin.locations.log_path() == Path(os.devnull)
    fallback.unlink()
    fallback.parent.rmdir()
    fallback.parent.symlink_to(victim)
    assert plugin.locations.log_path() == Path(os.devnull)
    assert list(victim.iterdir()) == []
