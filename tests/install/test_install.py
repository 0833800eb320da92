"""What the installer does when all goes well: install, run again, update, verify, repair, uninstall."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.install.checkout import Checkout
from tests.install.package_index import serving

OLDEST = ("python3.9", *map(str, (Path.home() / ".pyenv" / "versions").glob("3.9.*/bin/python3.9")))


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of change of every file, logs left out."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if "logs" not in path.parts and not path.is_dir()
    }


def test_a_new_user_gets_engine_network_and_filter(checkout: Checkout, profile: Path) -> None:
    done = checkout.run("install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.works()
    assert checkout.rubbish() == []
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
    """Tell whether a program runs; pyenv has names on the PATH that lead nowhere."""
    return subprocess.run([python, "--version"], capture_output=True).returncode == 0


def test_the_oldest_python_that_is_promised_will_do(checkout: Checkout, profile: Path) -> None:
    """It runs the installer; the engine gets another."""
    oldest = next((found for found in map(shutil.which, OLDEST) if found and starts(found)), "")
    if not oldest:
        pytest.skip("there is no Python 3.9 here")
    for arguments in (["install", "--python", sys.executable], ["status"], ["verify"], ["uninstall"]):
        command = checkout.command(*arguments, python=oldest)
        done = subprocess.run(
            command, env=checkout.environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert not checkout.record


def test_running_it_again_changes_nothing(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    before = tree(checkout.home)
    done = checkout.run("install")
    assert done.returncode == 0
    assert tree(checkout.home) == before
    assert "as it should be" in done.stdout


def test_new_pins_make_a_new_environment_and_new_code_does_not(checkout: Checkout, profile: Path) -> None:
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
    assert checkout.rubbish() == []

    checkout.pin("2.0")
    assert checkout.run("update").returncode == 0
    assert checkout.record["environment"] != first
    assert checkout.ballast() == "2.0"
    assert checkout.rubbish() == []
    assert checkout.run("verify").returncode == 0


def test_code_that_does_not_start_is_not_put_to_use(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    code = checkout.folder / "nst_core" / "cli" / "__main__.py"
    code.write_text("import nothing_of_that_name\n")
    done = checkout.run("update", "--no-gimp")
    assert done.returncode == 2
    assert "does not start" in done.stderr
    assert "nothing_of_that_name" in done.stderr
    assert checkout.works()
    assert checkout.rubbish() == []


@pytest.mark.parametrize(("wish", "left"), [("--delete-weights", []), ("--keep-weights", ["vgg19.onnx"])])
def test_uninstall_leaves_no_trace(checkout: Checkout, profile: Path, wish: str, left: list[str]) -> None:
    folder = checkout.home / ".local" / "bin"
    folder.mkdir(parents=True)
    checkout.variables["PATH"] = f"/usr/bin:/bin:{folder}"
    flatpak = checkout.home / ".var" / "app" / "org.gimp.GIMP" / "data"
    flatpak.mkdir(parents=True)
    before = set(checkout.home.rglob("*"))
    assert checkout.run("install").returncode == 0
    # A Flatpak that was started finds the way out of its box, wherever its profile is.
    said = json.loads((flatpak / "nst" / "engine.json").read_text())
    assert said["python"] == str(checkout.data / "bin" / "engine-python")
    assert (folder / "nst").resolve() == (checkout.data / "bin" / "nst").resolve()
    settings = profile / "plug-in-settings"
    settings.mkdir()
    (settings / "GimpProcedureConfigRun-plug-in-neural-style.last").write_text("")
    done = checkout.run("uninstall", wish)
    assert done.returncode == 0, done.stdout + done.stderr
    settings.rmdir()
    after = {path for path in checkout.home.rglob("*") if path.is_file()} - before
    assert sorted(path.name for path in after) == left
    if not left:
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
    code, seen = checkout.run_on_terminal("uninstall", answers="\ny\n")
    assert code == 0, seen
    assert "Delete the networks too (vgg19; 0 MB)? [y/N]" in seen
    assert "Delete the styles you kept too (Plain, Starry; 0 MB)? [y/N]" in seen
    assert [path.name for path in checkout.data.iterdir()] == ["models"]
    code, seen = checkout.run_on_terminal("uninstall", answers="y\n")
    assert code == 0, seen
    assert not checkout.data.exists()


@pytest.mark.parametrize("answers", ["\x03\n", "\x04"])
def test_who_breaks_off_at_the_question_keeps_what_was_not_asked_for(
    checkout: Checkout, profile: Path, answers: str
) -> None:
    """Ctrl-C changes nothing; Ctrl-D is no answer, and no answer keeps the networks."""
    assert checkout.run("install").returncode == 0
    code, seen = checkout.run_on_terminal("uninstall", answers=answers)
    broken_off = answers.startswith("\x03")
    assert code == (130 if broken_off else 0), seen
    assert "Traceback" not in seen
    assert bool(checkout.record) == broken_off
    assert (profile / "plug-ins" / "neural-style").exists() == broken_off
    assert (checkout.data / "models" / "vgg19.onnx").exists()


def test_what_is_not_the_installers_stays_and_is_named(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    (checkout.data / "notes.txt").write_text("mine")
    done = checkout.run("uninstall", "--delete-weights")
    assert done.returncode == 0
    assert "notes.txt in " in done.stdout
    assert [path.name for path in checkout.data.iterdir()] == ["notes.txt"]


def test_a_plug_in_that_is_a_link_to_a_checkout(checkout: Checkout, profile: Path) -> None:
    """A developer's: uninstalling takes the link and not what it leads to."""
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


def test_what_a_file_manager_leaves_in_the_filters_folder_is_no_damage(
    checkout: Checkout, profile: Path
) -> None:
    assert checkout.run("install").returncode == 0
    (profile / "plug-ins" / "neural-style" / ".DS_Store").write_bytes(b"x")
    assert checkout.run("verify").returncode == 0
    assert "as it should be in" in checkout.run("install").stdout


def test_a_home_that_is_reached_by_another_way(checkout: Checkout) -> None:
    """What is on record under the one path is not rubbish under the other."""
    assert checkout.run("install", "--no-gimp").returncode == 0
    environment = checkout.record["environment"]
    other = checkout.folder / "another way home"
    other.symlink_to(checkout.home)
    done = checkout.run("install", "--no-gimp", HOME=str(other), PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 0, done.stderr
    assert checkout.record["environment"] == environment
    assert checkout.works()


def test_a_system_that_has_another_python_since(checkout: Checkout) -> None:
    """After an upgrade the environment's link leads to a Python that does not find the packages."""
    assert checkout.run("install", "--no-gimp").returncode == 0
    first = Path(checkout.record["environment"])
    said = first / "pyvenv.cfg"
    said.write_text(re.sub(r"(?m)^version = .*", "version = 3.4.1", said.read_text()))
    assert "was made for Python 3.4" in checkout.run("verify").stderr
    assert "was made for Python 3.4" in checkout.run("status").stdout
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 0, done.stderr
    assert "It is made anew" in done.stdout
    assert checkout.record["environment"] != str(first)
    assert checkout.works()
    (Path(checkout.record["environment"]) / "bin" / "python").unlink()
    assert "does not start" in checkout.run("verify").stderr
    assert checkout.run("repair", "--no-gimp").returncode == 0
    assert checkout.works()


def test_a_python_that_is_named_is_used_again(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp", "--python", sys.executable).returncode == 0
    before = tree(checkout.home)
    again = checkout.run("install", "--no-gimp", "--python", sys.executable)
    assert again.returncode == 0
    assert tree(checkout.home) == before


def test_an_engine_at_work_keeps_its_environment_until_the_next_run(checkout: Checkout) -> None:
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
    assert checkout.rubbish() == []


def test_a_network_of_a_name_that_nobody_knows_is_refused_at_once(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", "--model", "vgg91")
    assert done.returncode == 2
    assert "There is no network 'vgg91'." in done.stderr
    assert "Packages" not in done.stdout


def test_networks_of_the_users_own_do_not_stand_for_the_usual(checkout: Checkout) -> None:
    """`auto` is vgg19 or vgg16 to the engine, too."""
    models = checkout.data / "models"
    models.mkdir(parents=True)
    (models / "mine.onnx").write_bytes(b"weights" * 1000)
    assert checkout.run("install", "--no-gimp").returncode == 0
    assert checkout.works()
    (models / "mine.onnx").write_bytes(b"damaged")
    assert "Damaged." in checkout.run("verify").stderr
    assert checkout.run("repair", "--no-gimp").returncode == 0
    assert (models / "mine.onnx").read_bytes() == b"damaged"  # nobody could bring it back


def test_settings_of_pip_that_do_not_concern_the_engine(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "constraints").write_text("ballast==0.1\n")
    done = checkout.run(
        "install", "--no-gimp", PIP_CONSTRAINT=str(tmp_path / "constraints"), PIP_NO_BINARY=":all:"
    )
    assert done.returncode == 0, done.stderr
    assert checkout.works()


def test_a_bar_on_a_terminal_and_every_step_in_the_log(checkout: Checkout) -> None:
    checkout.pin("1.1", megabytes=8)
    with serving(checkout):
        code, seen = checkout.run_on_terminal("install", "--no-gimp")
    assert code == 0, seen
    assert re.search(r"ballast-1\.1 +#+ +\d+\.\d of 8\.\d MB", seen), seen
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


def test_damage_is_found_and_repaired(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    damage_package(checkout, profile)
    damage_code(checkout, profile)
    damage_network(checkout, profile)
    damage_plug_in(checkout, profile)
    found = checkout.run("verify")
    assert found.returncode == 2
    assert "noise is altered" in found.stderr
    assert "code is damaged" in found.stderr
    assert "Damaged." in found.stderr
    assert "nst_gimp/__init__.py is missing" in found.stderr
    repaired = checkout.run("repair")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    whole = checkout.run("verify")
    assert whole.returncode == 0, whole.stderr
    assert checkout.works()
    assert checkout.rubbish() == []


def test_vgg16_stands_in_where_vgg19_cannot_be_reached(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", NST_TEST_WEIGHTS="no-vgg19")
    assert done.returncode == 0, done.stderr
    assert "VGG-16 instead" in done.stdout
    assert (checkout.data / "models" / "vgg16.onnx").exists()
    asked = checkout.run("update", "--no-gimp", "--model", "vgg19")
    assert asked.returncode == 0
    assert checkout.works()


def test_a_bundle_installs_without_any_network(checkout: Checkout) -> None:
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
    said = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**said, "machine": "riscv64"}))
    elsewhere = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert elsewhere.returncode == 2
    assert "on riscv64, and this is linux on" in elsewhere.stderr
    shutil.rmtree(checkout.data)
    manifest.write_text(json.dumps({**said, "python": "3.7"}))
    without = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert without.returncode == 2
    assert "The bundle is for Python 3.7, which was not found here" in without.stderr
    manifest.write_text(json.dumps(said))
    other = checkout.run("install", "--no-gimp", "--offline", str(bundle), "--model", "vgg16")
    assert "The bundle has no network vgg16." in other.stderr
    wheel = next((bundle / "wheels").glob("ballast*"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    refused = checkout.run("install", "--no-gimp", "--offline", str(bundle))
    assert refused.returncode == 2
    assert "SHA-256" in refused.stderr


def test_what_lies_where_the_filter_goes_is_left_alone(checkout: Checkout, profile: Path) -> None:
    foreign = profile / "plug-ins" / "neural-style"
    foreign.mkdir()
    (foreign / "mine.py").write_text("mine")
    done = checkout.run("install")
    assert done.returncode == 2
    assert "was not put there by this installer" in done.stderr
    assert checkout.works()
    checkout.run("uninstall", "--delete-weights")
    assert (foreign / "mine.py").read_text() == "mine"


def test_status_speaks_json(checkout: Checkout, profile: Path) -> None:
    said = json.loads(checkout.run("status", "--json").stdout)
    assert said["installed"] is None
    assert said["profiles"] == [{"folder": str(profile), "kind": "native", "plug_in": "missing"}]


def test_a_console_without_umlauts(checkout: Checkout, profile: Path) -> None:
    """The folders' names have umlauts in them, and the console knows none."""
    done = checkout.run("status", PYTHONIOENCODING="ascii")
    assert done.stderr == ""
    assert "home of Zo?" in done.stdout


def test_sudo_is_refused(checkout: Checkout) -> None:
    if os.getuid() != 0:
        checkout.variables["SUDO_USER"] = "zoe"
        assert checkout.run("status").returncode == 2  # nothing is installed, and that is all that matters
        return
    done = checkout.run("install", SUDO_USER="zoe")
    assert done.returncode == 2
    assert "sudo" in done.stderr
    assert not checkout.data.exists()


def test_a_device_is_a_choice(checkout: Checkout) -> None:
    refused = checkout.run("install", "--no-gimp", "--device", "directml")
    assert refused.returncode == 2
    assert "not for this system" in refused.stderr
    assert not checkout.record
    assert checkout.run("install", "--no-gimp", "--device", "cpu").returncode == 0
    assert checkout.record["engine"] == "cpu"
