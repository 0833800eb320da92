"""``install/quickstart``: from whatever is there to a picture."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest

from tests.install.checkout import REPOSITORY, Checkout

TOOLS = ["cat", "chmod", "curl", "cut", "dirname", "env", "mkdir", "mktemp"]
TOOLS += ["rm", "sed", "sh", "sha256sum", "uname", "unzip"]


def quickstart(checkout: Checkout, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the script as a user would."""
    return subprocess.run(
        [checkout.folder / "install" / "quickstart", *arguments],
        env={**checkout.environment(), **more},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        cwd=checkout.home,
    )


def times(folder: Path) -> dict[Path, int]:
    """Return when each file was changed last, logs left out."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if "logs" not in path.parts}


@pytest.fixture
def with_samples(checkout: Checkout) -> Checkout:
    """Return a miniature checkout that has the sample pictures, and a python3 that fits on its PATH."""
    shutil.copytree(REPOSITORY / "install" / "samples", checkout.folder / "install" / "samples")
    programs = checkout.folder / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    checkout.variables["PATH"] = f"{programs}:/usr/bin:/bin"
    return checkout


def test_one_command_paints_the_samples_and_the_second_is_quick(with_samples: Checkout) -> None:
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
    # The data folder itself held the lock for a while.
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert changed <= {with_samples.data}
    assert quickstart(with_samples, "--size", "64").returncode == 0
    assert "--size 64 --time-limit 0" in log.read_text()  # who names a size waits for it


def test_an_interrupt_while_nst_paints_is_for_nst(with_samples: Checkout) -> None:
    """It takes a second to end with the picture so far, and is let."""
    process = subprocess.Popen(
        [with_samples.folder / "install" / "quickstart", "--size", "64"],
        env={**with_samples.environment(), "NST_TEST_PAINTING": "slow"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (with_samples.home / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    seen, said = process.communicate(timeout=60)
    assert process.returncode == 0, seen + said
    assert Path(seen.strip().splitlines()[-1].strip()).read_text() == "painted"


def test_pictures_that_are_not_there_are_named_before_anything_is_installed(with_samples: Checkout) -> None:
    done = quickstart(with_samples, "no such picture.jpg", "style.jpg")
    assert done.returncode == 2
    assert "There is no picture" in done.stderr
    assert not with_samples.data.exists()
    assert quickstart(with_samples, "alone.jpg").returncode == 2


@pytest.fixture
def without_python(with_samples: Checkout) -> Checkout:
    """Take every Python off the PATH, and pin a uv that "installs" the Python of these tests."""
    programs = with_samples.folder / "programs"
    (programs / "python3").unlink()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            (programs / tool).symlink_to(found)
    with_samples.variables["PATH"] = str(programs)
    wheel = with_samples.wheels / "uv-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "uv-1.data/scripts/uv", f'#!/bin/sh\n[ "$2" = find ] && echo "{sys.executable}"\nexit 0\n'
        )
    table = with_samples.folder / "install" / "requirements" / "tools.json"
    tools = json.loads(table.read_text())
    said = {
        "file": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "url": "https://nowhere",
    }
    tools["uv"][f"linux-{os.uname().machine}"] = said
    table.write_text(json.dumps(tools, indent=1))
    with_samples.variables["NST_WHEELS"] = with_samples.wheels.as_uri()
    return with_samples


fetching = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("unzip")),
    reason="curl and unzip, which fetch a Python, are missing",
)


@fetching
def test_a_machine_without_python_gets_one(without_python: Checkout) -> None:
    done = quickstart(without_python)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fetching one" in done.stdout
    assert without_python.works()


def own_python(data: Path) -> None:
    """Put a Python where an earlier run would have."""
    place = data / "python" / "cpython-3.12.1-linux" / "bin"
    place.mkdir(parents=True)
    (place / "python3").symlink_to(sys.executable)


def test_the_python_that_was_brought_is_found_again(without_python: Checkout) -> None:
    """Nothing is fetched for a second run."""
    own_python(without_python.data)
    done = quickstart(without_python, NST_WHEELS="file:///nowhere")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fetching" not in done.stdout


def test_a_python_without_what_it_takes_is_passed_over(without_python: Checkout) -> None:
    own_python(without_python.data)
    poor = without_python.folder / "programs" / "python3"
    poor.write_text('#!/bin/sh\ncase "$2" in *ssl*) exit 1;; esac\necho started\n')
    poor.chmod(0o755)
    done = quickstart(without_python, "--help")
    assert done.stdout.startswith("usage:"), done.stderr


def test_variables_that_lead_elsewhere(without_python: Checkout) -> None:
    """A data folder counts by its whole path alone; a cd that looks around elsewhere is not heeded."""
    own_python(without_python.data)
    without_python.variables.update(XDG_DATA_HOME="here", CDPATH=str(without_python.folder))
    done = subprocess.run(
        ["sh", "install/quickstart", "--size", "64"],
        env={**without_python.environment(), "NST_WHEELS": "file:///nowhere"},
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, cwd=without_python.folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert without_python.works()


def test_pictures_with_long_names(with_samples: Checkout) -> None:
    long = with_samples.home / f"{'Ü' * 110}.jpg"
    shutil.copyfile(with_samples.folder / "install" / "samples" / "style.jpg", long)
    done = quickstart(with_samples, str(long), str(long))
    assert done.returncode == 0, done.stdout + done.stderr


@fetching
def test_a_uv_with_the_wrong_hash_is_not_run(without_python: Checkout) -> None:
    wheel = without_python.wheels / "uv-1-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes() + b"x")
    done = quickstart(without_python)
    assert done.returncode == 2
    assert "SHA-256" in done.stderr
    assert "Install Python 3.12" in done.stderr
    assert not without_python.data.exists()


def test_no_python_and_no_way_to_one(without_python: Checkout) -> None:
    (without_python.folder / "programs" / "curl").unlink(missing_ok=True)
    done = quickstart(without_python)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "No Python from 3.9 on was found, and curl, which could bring one, is missing too.",
        "Install Python 3.12 from your system's packages or from python.org, then run this again.",
    ]
