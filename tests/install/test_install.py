"""The installer's commands: install, run again, update, verify, repair, bundle, status, uninstall."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.install.checkout import PATIENCE, Checkout
from tests.install.package_index import serving

PYTHONS_39 = ("python3.9", *map(str, (Path.home() / ".pyenv" / "versions").glob("3.9.*/bin/python3.9")))


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of the last change of every file except logs."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if "logs" not in path.parts and not path.is_dir()
    }


def test_install_provides_engine_network_and_filter(checkout: Checkout, profile: Path) -> None:
    done = checkout.run("install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.works()
    assert checkout.leftovers() == []
    script = profile / "plug-ins" / "neural-style" / "neural-style.py"
    assert os.access(script, os.X_OK)
    nst = subprocess.run([checkout.data / "bin" / "nst", "--version"], capture_output=True, text=True)
    assert nst.stdout.strip() == "nst, version 9.1"
    assert not (checkout.home / ".cache" / "nst" / "pip").exists()
    verified = checkout.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    status = checkout.run("status")
    assert "cpu" in status.stdout
    assert f"plug-in current in {profile}" in status.stdout


def starts(python: str) -> bool:
    """Return whether a program runs; pyenv puts names on the PATH that do not."""
    return subprocess.run([python, "--version"], capture_output=True).returncode == 0


def test_python_39_runs_the_installer(checkout: Checkout, profile: Path) -> None:
    """The engine needs a newer Python and gets another one."""
    python = next((path for path in map(shutil.which, PYTHONS_39) if path and starts(path)), "")
    if not python:
        pytest.skip("there is no Python 3.9 here")
    for arguments in (["install", "--python", sys.executable], ["status"], ["verify"], ["uninstall"]):
        command = checkout.command(*arguments, python=python)
        done = subprocess.run(
            command, env=checkout.environment(), capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert not checkout.record


def test_second_install_changes_nothing(checkout: Checkout, profile: Path) -> None:
    """For a program that shows the progress, everything is printed as lines of JSON."""
    first = checkout.run("--events", "install")
    assert first.returncode == 0
    events = [json.loads(line) for line in first.stdout.splitlines()]
    assert {"say", "bar"} == {event["event"] for event in events}
    assert all(0 <= event["done"] <= event["total"] for event in events if event["event"] == "bar")
    assert checkout.record["installer"] == checkout.command()
    before = tree(checkout.home)
    done = checkout.run("install")
    assert done.returncode == 0
    assert tree(checkout.home) == before
    assert "up to date" in done.stdout


@pytest.mark.long
def test_only_new_pins_make_a_new_environment(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    first = checkout.record["environment"]
    code = checkout.folder / "nst_core" / "cli" / "__main__.py"
    code.write_text(code.read_text() + "# newer\n")
    plug_in = checkout.folder / "gimp_plugin" / "neural-style" / "nst_gimp" / "__init__.py"
    plug_in.write_text("# newer\n")
    assert "not this checkout's" in checkout.run("status").stdout
    assert checkout.run("update").returncode == 0
    assert checkout.record["environment"] == first
    assert checkout.works()
    assert (profile / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").read_text() == "# newer\n"
    assert checkout.leftovers() == []

    checkout.pin("2.0")
    assert checkout.run("update").returncode == 0
    assert checkout.record["environment"] != first
    assert checkout.ballast() == "2.0"
    assert checkout.leftovers() == []
    assert checkout.run("verify").returncode == 0


def test_code_that_does_not_start_is_not_used(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    code = checkout.folder / "nst_core" / "cli" / "__main__.py"
    code.write_text("import nothing_of_that_name\n")
    done = checkout.run("update", "--no-gimp")
    assert done.returncode == 2
    assert "does not start" in done.stderr
    assert "nothing_of_that_name" in done.stderr
    assert checkout.works()
    assert checkout.leftovers() == []


@pytest.mark.parametrize(
    ("option", "kept"),
    [
        pytest.param("--delete-weights", [], marks=pytest.mark.long),
        ("--keep-weights", ["vgg19.onnx"]),
    ],
)
def test_uninstall_leaves_no_trace(checkout: Checkout, profile: Path, option: str, kept: list[str]) -> None:
    folder = checkout.home / ".local" / "bin"
    folder.mkdir(parents=True)
    checkout.variables["PATH"] = f"/usr/bin:/bin:{folder}"
    flatpak = checkout.home / ".var" / "app" / "org.gimp.GIMP" / "data"
    flatpak.mkdir(parents=True)
    before = set(checkout.home.rglob("*"))
    assert checkout.run("install").returncode == 0
    # A GIMP from Flatpak that was started finds the engine, wherever its profile is.
    record = json.loads((flatpak / "nst" / "engine.json").read_text())
    assert record["python"] == str(checkout.data / "bin" / "engine-python")
    assert (folder / "nst").resolve() == (checkout.data / "bin" / "nst").resolve()
    settings = profile / "plug-in-settings"
    settings.mkdir()
    (settings / "GimpProcedureConfigRun-plug-in-neural-style.last").write_text("")
    done = checkout.run("uninstall", option)
    assert done.returncode == 0, done.stdout + done.stderr
    settings.rmdir()
    after = {path for path in checkout.home.rglob("*") if path.is_file()} - before
    assert sorted(path.name for path in after) == kept
    if not kept:
        assert set(checkout.home.rglob("*")) - before <= {
            checkout.home / ".cache",
            checkout.home / ".local" / "share",
        }
    assert "Nothing is installed" in checkout.run("verify").stderr


def test_uninstall_asks_before_it_deletes_networks_and_styles(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    styles = checkout.data / "styles"
    styles.mkdir()
    (styles / "Starry.jpg").write_bytes(b"x")
    (styles / "Starry.json").write_text("{}")
    (styles / "Plain.png").write_bytes(b"x")
    code, output = checkout.run_on_terminal("uninstall", answers=["\n", "y\n"])
    assert code == 0, output
    assert re.search(r"Delete the networks too \(vgg19; \d+ (bytes|kB)\)\? \[y/N\]", output)
    assert re.search(r"Delete the styles you kept too \(Plain, Starry; \d+ (bytes|kB)\)\? \[y/N\]", output)
    assert [path.name for path in checkout.data.iterdir()] == ["models"]
    code, output = checkout.run_on_terminal("uninstall", answers=["y\n"])
    assert code == 0, output
    assert not checkout.data.exists()


@pytest.mark.parametrize("answer", ["\x03\n", pytest.param("\x04", marks=pytest.mark.long)])
def test_interrupt_or_end_of_input_at_the_question_keeps_the_networks(
    checkout: Checkout, profile: Path, answer: str
) -> None:
    """Ctrl-C changes nothing. Ctrl-D is no answer, which keeps the networks and removes the rest."""
    assert checkout.run("install").returncode == 0
    code, output = checkout.run_on_terminal("uninstall", answers=[answer])
    interrupted = answer.startswith("\x03")
    assert code == (130 if interrupted else 0), output
    assert "Traceback" not in output
    assert bool(checkout.record) == interrupted
    assert (profile / "plug-ins" / "neural-style").exists() == interrupted
    assert (checkout.data / "models" / "vgg19.onnx").exists()


@pytest.mark.long
def test_uninstall_keeps_and_names_foreign_files(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    (checkout.data / "notes.txt").write_text("mine")
    done = checkout.run("uninstall", "--delete-weights")
    assert done.returncode == 0
    assert "notes.txt in " in done.stdout
    assert [path.name for path in checkout.data.iterdir()] == ["notes.txt"]


@pytest.mark.long
def test_linked_plug_in_is_removed_or_replaced_but_not_its_target(checkout: Checkout, profile: Path) -> None:
    """A developer may link the plug-in folder to a checkout."""
    source = checkout.folder / "gimp_plugin" / "neural-style"
    link = profile / "plug-ins" / "neural-style"
    link.symlink_to(source)
    assert checkout.run("install", "--no-gimp").returncode == 0
    done = checkout.run("uninstall", "--delete-weights")
    assert done.returncode == 0, done.stderr
    assert not link.is_symlink()
    assert (source / "neural-style.py").exists()
    link.symlink_to(source)
    assert checkout.run("install").returncode == 0
    assert not link.is_symlink()
    assert (source / "neural-style.py").exists()


@pytest.mark.long
def test_file_of_a_file_manager_in_the_filters_folder_is_ignored(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    (profile / "plug-ins" / "neural-style" / ".DS_Store").write_bytes(b"x")
    assert checkout.run("verify").returncode == 0
    assert "up to date in" in checkout.run("install").stdout


@pytest.mark.long
def test_home_under_another_path_keeps_its_environment(checkout: Checkout) -> None:
    """The record names the environment by the first path; the second path is a link."""
    assert checkout.run("install", "--no-gimp").returncode == 0
    environment = checkout.record["environment"]
    other = checkout.folder / "another path of the home"
    other.symlink_to(checkout.home)
    done = checkout.run("install", "--no-gimp", HOME=str(other), PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 0, done.stderr
    assert checkout.record["environment"] == environment
    assert checkout.works()


def test_environment_is_rebuilt_after_the_python_was_replaced(checkout: Checkout) -> None:
    """After a system upgrade, the environment links to a Python that does not find the packages."""
    assert checkout.run("install", "--no-gimp").returncode == 0
    first = Path(checkout.record["environment"])
    config = first / "pyvenv.cfg"
    config.write_text(re.sub(r"(?m)^version = .*", "version = 3.4.1", config.read_text()))
    assert "was made for Python 3.4" in checkout.run("verify").stderr
    assert "was made for Python 3.4" in checkout.run("status").stdout
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 0, done.stderr
    assert "It will be rebuilt" in done.stdout
    assert checkout.record["environment"] != str(first)
    assert checkout.works()
    (Path(checkout.record["environment"]) / "bin" / "python").unlink()
    assert "does not start" in checkout.run("verify").stderr
    assert checkout.run("repair", "--no-gimp").returncode == 0
    assert checkout.works()


@pytest.mark.long
def test_second_install_with_the_same_python_changes_nothing(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp", "--python", sys.executable).returncode == 0
    before = tree(checkout.home)
    again = checkout.run("install", "--no-gimp", "--python", sys.executable)
    assert again.returncode == 0
    assert tree(checkout.home) == before


def test_environment_of_a_running_engine_is_kept_until_the_next_run(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    first = Path(checkout.record["environment"])
    painting = subprocess.Popen([first / "bin" / "python", "-I", "-c", "input()"], stdin=subprocess.PIPE)
    try:
        checkout.pin("2.0")
        assert checkout.run("update", "--no-gimp").returncode == 0
        assert checkout.ballast() == "2.0"
        assert (first / "bin" / "python").exists()
    finally:
        painting.communicate(b"\n")
    assert checkout.run("install", "--no-gimp").returncode == 0
    assert checkout.leftovers() == []


def test_unknown_network_is_refused_at_once(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", "--model", "vgg91")
    assert done.returncode == 2
    assert "There is no network 'vgg91'." in done.stderr
    assert "Packages" not in done.stdout


@pytest.mark.long
def test_users_own_network_does_not_replace_the_default(checkout: Checkout) -> None:
    """For the engine too, `auto` means vgg19 or vgg16."""
    models = checkout.data / "models"
    models.mkdir(parents=True)
    (models / "mine.onnx").write_bytes(b"weights" * 1000)
    assert checkout.run("install", "--no-gimp").returncode == 0
    assert checkout.works()
    (models / "mine.onnx").write_bytes(b"damaged")
    assert "Damaged." in checkout.run("verify").stderr
    assert checkout.run("repair", "--no-gimp").returncode == 0
    assert (models / "mine.onnx").read_bytes() == b"damaged"  # it cannot be downloaded


@pytest.mark.long
def test_users_pip_constraints_are_ignored(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "constraints").write_text("ballast==0.1\n")
    done = checkout.run(
        "install", "--no-gimp", PIP_CONSTRAINT=str(tmp_path / "constraints"), PIP_NO_BINARY=":all:"
    )
    assert done.returncode == 0, done.stderr
    assert checkout.works()


@pytest.mark.long
def test_terminal_shows_a_bar_and_the_log_every_step(checkout: Checkout) -> None:
    checkout.pin("1.1", megabytes=8)
    with serving(checkout):
        code, output = checkout.run_on_terminal("install", "--no-gimp")
    assert code == 0, output
    assert re.search(r"ballast-1\.1 +#+ +\d+\.\d of 8\.\d MB", output), output
    log = (checkout.data / "logs" / "install.log").read_text("utf-8")
    assert "install --no-gimp" in log
    assert "pip install" in log
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d Done in", log, re.MULTILINE)


def damage_package(checkout: Checkout, profile: Path) -> None:
    next(Path(checkout.record["environment"]).rglob("ballast/noise")).write_bytes(b"x")


def damage_code(checkout: Checkout, profile: Path) -> None:
    next(checkout.data.glob("code-*/nst_core/cli/__init__.py")).write_text("# altered\n")


def damage_network(checkout: Checkout, profile: Path) -> None:
    (checkout.data / "models" / "vgg19.onnx").write_bytes(b"x")


def damage_plug_in(checkout: Checkout, profile: Path) -> None:
    (profile / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").unlink()


def test_verify_finds_damage_and_repair_fixes_it(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    damage_package(checkout, profile)
    damage_code(checkout, profile)
    damage_network(checkout, profile)
    damage_plug_in(checkout, profile)
    damaged = checkout.run("verify")
    assert damaged.returncode == 2
    assert "noise was modified" in damaged.stderr
    assert "code is damaged" in damaged.stderr
    assert "Damaged." in damaged.stderr
    assert "nst_gimp/__init__.py is missing" in damaged.stderr
    repaired = checkout.run("repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    verified = checkout.run("verify")
    assert verified.returncode == 0, verified.stderr
    assert checkout.works()
    assert checkout.leftovers() == []


def test_vgg16_is_installed_if_vgg19_cannot_be_downloaded(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", NST_TEST_WEIGHTS="no-vgg19")
    assert done.returncode == 0, done.stderr
    assert "VGG-16 instead" in done.stdout
    assert (checkout.data / "models" / "vgg16.onnx").exists()
    update = checkout.run("update", "--no-gimp", "--model", "vgg19")
    assert update.returncode == 0
    assert checkout.works()


def test_bundle_installs_offline(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    bundle = checkout.home / "bundle of things"
    made = checkout.run("bundle", str(bundle))
    assert made.returncode == 0, made.stdout + made.stderr
    shutil.rmtree(checkout.data)
    checkout.variables.update(PIP_INDEX_URL="http://127.0.0.1:1/", NST_TEST_WEIGHTS="none")
    checkout.folder = bundle
    done = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.works()
    manifest = bundle / "bundle.json"
    fields = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**fields, "machine": "riscv64"}))
    elsewhere = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert elsewhere.returncode == 2
    assert "on riscv64, but this is linux on" in elsewhere.stderr
    shutil.rmtree(checkout.data)
    manifest.write_text(json.dumps({**fields, "python": "3.7"}))
    without = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert without.returncode == 2
    assert "The bundle needs Python 3.7, which is not part of it" in without.stderr
    manifest.write_text(json.dumps(fields))
    other = checkout.run("install", "--no-gimp", "--offline", str(bundle), "--model", "vgg16")
    assert "The bundle has no network vgg16." in other.stderr
    wheel = next((bundle / "wheels").glob("ballast*"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    refused = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert refused.returncode == 2
    assert "SHA-256" in refused.stderr


def test_foreign_plug_in_of_the_same_name_is_kept(checkout: Checkout, profile: Path) -> None:
    foreign = profile / "plug-ins" / "neural-style"
    foreign.mkdir()
    (foreign / "mine.py").write_text("mine")
    done = checkout.run("install")
    assert done.returncode == 2
    assert "was not installed by this installer" in done.stderr
    assert checkout.works()
    checkout.run("uninstall", "--delete-weights")
    assert (foreign / "mine.py").read_text() == "mine"


def test_status_prints_json(checkout: Checkout, profile: Path) -> None:
    status = json.loads(checkout.run("status", "--json").stdout)
    assert status["installed"] is None
    assert status["profiles"] == [{"folder": str(profile), "kind": "native", "plug_in": "missing"}]


def test_ascii_console_shows_folders_with_umlauts(checkout: Checkout, profile: Path) -> None:
    """Letters that the console lacks are replaced."""
    done = checkout.run("status", PYTHONIOENCODING="ascii")
    assert done.stderr == ""
    assert "home of Zo?" in done.stdout


def test_sudo_is_refused(checkout: Checkout) -> None:
    if os.getuid() != 0:
        checkout.variables["SUDO_USER"] = "zoe"
        assert checkout.run("status").returncode == 2  # because nothing is installed
        return
    done = checkout.run("install", SUDO_USER="zoe")
    assert done.returncode == 2
    assert "sudo" in done.stderr
    assert not checkout.data.exists()


def test_device_chooses_the_engine(checkout: Checkout) -> None:
    refused = checkout.run("install", "--no-gimp", "--device", "directml")
    assert refused.returncode == 2
    assert "does not work on this system" in refused.stderr
    assert not checkout.record
    assert checkout.run("install", "--no-gimp", "--device", "cpu").returncode == 0
    assert checkout.record["engine"] == "cpu"
