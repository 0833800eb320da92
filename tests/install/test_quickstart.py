"""``install/quickstart``: from nothing, or from an earlier installation, to a picture."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest

from tests.install.checkout import PATIENCE, REPOSITORY, Checkout, wait_for

TOOLS = ["cat", "chmod", "curl", "cut", "dirname", "env", "mkdir", "mktemp"]
TOOLS += ["rm", "sed", "sh", "sha256sum", "uname", "unzip"]


def quickstart(checkout: Checkout, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user would, with further environment variables."""
    return subprocess.run(
        [checkout.folder / "install" / "quickstart", *arguments],
        env={**checkout.environment(), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        cwd=checkout.home,
    )


def times(folder: Path) -> dict[Path, int]:
    """Return the time of the last change of each file except logs."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "logs" not in path.parts}


@pytest.fixture
def with_samples(checkout: Checkout) -> Checkout:
    """Return a miniature checkout with the sample pictures and a suitable python3 on its PATH."""
    shutil.copytree(REPOSITORY / "install" / "samples", checkout.folder / "install" / "samples")
    programs = checkout.folder / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    checkout.variables["PATH"] = f"{programs}:/usr/bin:/bin"
    return checkout


def test_quickstart_paints_once_and_then_changes_nothing(with_samples: Checkout) -> None:
    done = quickstart(with_samples)
    assert done.returncode == 0, done.stdout + done.stderr
    picture = Path(done.stdout.strip().splitlines()[-1].strip())
    assert picture.parent == with_samples.home / "nst-quickstart"
    assert picture.read_text() == "painted"
    log = with_samples.data / "logs" / "install.log"
    assert "--size 512 --time-limit 170" in log.read_text()
    before = times(with_samples.home)
    again = quickstart(with_samples)
    assert again.returncode == 0
    assert "painted in" not in again.stdout
    assert again.stdout.strip().splitlines()[-1].strip() == str(picture)
    after = times(with_samples.home)
    # The data folder itself contained the lock for a while.
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert changed <= {with_samples.data}
    assert quickstart(with_samples, "--size", "64").returncode == 0
    assert "--size 64 --time-limit 0" in log.read_text()  # no time limit with a given size


def test_interrupt_while_nst_paints_is_left_to_nst(with_samples: Checkout) -> None:
    """nst needs a second to save the picture so far, and gets it."""
    process = subprocess.Popen(
        [with_samples.folder / "install" / "quickstart", "--size", "64"],
        env={**with_samples.environment(), "NST_TEST_PAINTING": "slow"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_for((with_samples.home / "painting").exists, "nst to paint")
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output + errors
    assert Path(output.strip().splitlines()[-1].strip()).read_text() == "painted"


def test_missing_pictures_are_reported_before_anything_is_installed(with_samples: Checkout) -> None:
    done = quickstart(with_samples, "no such picture.jpg", "style.jpg")
    assert done.returncode == 2
    assert "There is no picture" in done.stderr
    assert not with_samples.data.exists()
    assert quickstart(with_samples, "alone.jpg").returncode == 2


@pytest.fixture
def without_python(with_samples: Checkout) -> Checkout:
    """Remove every Python from the PATH, and pin a uv that "installs" the Python of these tests."""
    programs = with_samples.folder / "programs"
    (programs / "python3").unlink()
    for tool in TOOLS:
        path = shutil.which(tool)
        if path:
            (programs / tool).symlink_to(path)
    with_samples.variables["PATH"] = str(programs)
    wheel = with_samples.wheels / "uv-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "uv-1.data/scripts/uv", f'#!/bin/sh\n[ "$2" = find ] && echo "{sys.executable}"\nexit 0\n'
        )
    table = with_samples.folder / "install" / "requirements" / "tools.json"
    tools = json.loads(table.read_text())
    pin = {
        "file": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "url": "https://nowhere",
    }
    tools["uv"][f"linux-{os.uname().machine}"] = pin
    table.write_text(json.dumps(tools, indent=1))
    with_samples.variables["NST_WHEELS"] = with_samples.wheels.as_uri()
    return with_samples


needs_download_tools = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("unzip")),
    reason="curl and unzip, which download a Python, are missing",
)


@needs_download_tools
def test_machine_without_python_gets_one(without_python: Checkout) -> None:
    done = quickstart(without_python)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "downloading one" in done.stdout
    assert without_python.works()


def add_own_python(data: Path) -> None:
    """Put a Python into the folder in which an earlier run would have installed it."""
    folder = data / "python" / "cpython-3.12.1-linux" / "bin"
    folder.mkdir(parents=True)
    (folder / "python3").symlink_to(sys.executable)


def test_second_run_uses_the_python_that_was_downloaded(without_python: Checkout) -> None:
    add_own_python(without_python.data)
    done = quickstart(without_python, NST_WHEELS="file:///nowhere")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "downloading" not in done.stdout


def test_python_that_lacks_modules_is_not_used(without_python: Checkout) -> None:
    add_own_python(without_python.data)
    incomplete = without_python.folder / "programs" / "python3"
    incomplete.write_text('#!/bin/sh\ncase "$2" in *ssl*) exit 1;; esac\necho started\n')
    incomplete.chmod(0o755)
    done = quickstart(without_python, "--help")
    assert done.stdout.startswith("usage:"), done.stderr


@pytest.mark.long
def test_relative_data_folder_and_cdpath_are_ignored(without_python: Checkout) -> None:
    add_own_python(without_python.data)
    without_python.variables.update(XDG_DATA_HOME="here", CDPATH=str(without_python.folder))
    done = subprocess.run(
        ["sh", "install/quickstart", "--size", "64"],
        env={**without_python.environment(), "NST_WHEELS": "file:///nowhere"},
        capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, cwd=without_python.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert without_python.works()


def test_pictures_with_long_names_are_painted(with_samples: Checkout) -> None:
    picture = with_samples.home / f"{'Ü' * 110}.jpg"
    shutil.copyfile(with_samples.folder / "install" / "samples" / "style.jpg", picture)
    done = quickstart(with_samples, str(picture), str(picture))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_download_tools
def test_uv_with_wrong_hash_is_not_run(without_python: Checkout) -> None:
    wheel = without_python.wheels / "uv-1-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")
    done = quickstart(without_python)
    assert done.returncode == 2
    assert "SHA-256" in done.stderr
    assert "Install Python 3.12" in done.stderr
    assert not without_python.data.exists()


def test_machine_without_python_and_curl_is_told_what_to_install(without_python: Checkout) -> None:
    (without_python.folder / "programs" / "curl").unlink(missing_ok=True)
    done = quickstart(without_python)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "No Python 3.9 or newer was found, and curl, which is needed to download one, is missing too.",
        "Install Python 3.12 from your system's packages or from python.org, then run this again.",
    ]
