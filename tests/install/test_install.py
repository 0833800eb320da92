"""What the installer does when all goes well: install, run again, update, verify, repair, uninstall."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.install.checkout import Checkout
from tests.install.package_index import serving


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
    before = set(checkout.home.rglob("*"))
    assert checkout.run("install").returncode == 0
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
    code, seen = checkout.run_on_terminal("uninstall", answers="\ny\n")
    assert code == 0, seen
    assert "Delete the networks too (vgg19; 0 MB)? [y/N]" in seen
    assert "Delete the styles you kept too (Starry; 0 MB)? [y/N]" in seen
    assert [path.name for path in checkout.data.iterdir()] == ["models"]
    code, seen = checkout.run_on_terminal("uninstall", answers="y\n")
    assert code == 0, seen
    assert not checkout.data.exists()


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
