"""What the installer does when something goes wrong: the old installation works, or there is none."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shlex
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.install.checkout import Checkout, without_root
from tests.install.package_index import serving

KILLS = 20 if os.environ.get("NST_TEST_LONG") else 5


def nothing(checkout: Checkout) -> bool:
    """Tell whether nothing is installed and nothing half-installed lies about."""
    return not checkout.record and checkout.rubbish() == []


def test_a_download_that_is_cut_is_taken_up_again(checkout: Checkout) -> None:
    with serving(checkout, cuts=2):
        done = checkout.run("install", "--no-gimp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.works()


@pytest.mark.parametrize("installed", [False, True])
def test_a_network_that_stays_cut(checkout: Checkout, installed: bool) -> None:
    if installed:
        assert checkout.run("install", "--no-gimp").returncode == 0
        checkout.pin("2.0")
    with serving(checkout, cuts=1000):
        done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "broke off" in done.stderr
    if installed:
        assert checkout.works()
        assert checkout.ballast() == "1.0"
        assert checkout.rubbish() == []
    else:
        assert nothing(checkout)
    again = checkout.run("install", "--no-gimp")
    assert again.returncode == 0, again.stderr
    assert checkout.works()


def test_no_network_at_all(checkout: Checkout) -> None:
    checkout.variables.update(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    assert nothing(checkout)


def test_a_network_that_is_cut_at_the_weights(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", NST_TEST_WEIGHTS="none")
    assert done.returncode == 2
    assert "broke off" in done.stderr
    assert nothing(checkout)
    assert checkout.run("install", "--no-gimp").returncode == 0
    assert checkout.works()


def test_a_package_with_the_wrong_hash(checkout: Checkout) -> None:
    assert checkout.run("install", "--no-gimp").returncode == 0
    checkout.pin("2.0")
    pins = checkout.folder / "install" / "requirements" / "cpu.txt"
    wrong = hashlib.sha256(b"another").hexdigest()
    pins.write_text(re.sub(r"sha256:\w+", f"sha256:{wrong}", pins.read_text()))
    done = checkout.run("update", "--no-gimp")
    assert done.returncode == 2
    assert "SHA-256" in done.stderr
    assert "ballast" in done.stderr
    assert checkout.works()
    assert checkout.ballast() == "1.0"
    assert checkout.rubbish() == []


def test_a_pip_with_the_wrong_hash(checkout: Checkout) -> None:
    wheel = next(checkout.wheels.glob("pip-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "SHA-256" in done.stderr
    assert nothing(checkout)


def in_namespace(script: str) -> list[str]:
    """Return the command line that runs a shell script where it may mount."""
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "sh", "-euc", script]


@pytest.mark.parametrize("installed", [False, True])
def test_a_full_disk(checkout: Checkout, installed: bool, tmp_path: Path) -> None:
    """The home is a disk of 60 MB; what is to be installed has 90."""
    installer = shlex.join(checkout.command("install", "--no-gimp"))
    checkout.home = tmp_path / "disk" / "home"
    checkout.home.mkdir(parents=True)
    checkout.variables["PIP_CACHE_DIR"] = str(tmp_path / "pip-cache")
    pins = checkout.folder / "install" / "requirements" / "cpu.txt"
    small = pins.read_text()
    checkout.pin("2.0", megabytes=90)
    (tmp_path / "large").write_text(pins.read_text())
    (checkout.wheels / "ballast" / "index.html").write_text(
        "".join(f'<a href="../{each.name}">{each.name}</a>' for each in checkout.wheels.glob("ballast-*"))
    )
    pins.write_text(small)
    first = f"{installer} >&2" if installed else "true"
    script = f"""
        mount -t tmpfs -o size=60m none '{tmp_path}/disk'
        mkdir -p '{checkout.home}'
        {first}
        cat '{tmp_path}/large' >{shlex.quote(str(pins))}
        code=0; {installer} 2>'{tmp_path}/said' || code=$?
        cp -a '{tmp_path}/disk/.' '{tmp_path}/after'
        exit $code
    """
    (tmp_path / "after").mkdir()
    done = subprocess.run(
        in_namespace(script), env=checkout.environment(), capture_output=True, text=True, timeout=120
    )
    said = (tmp_path / "said").read_text()
    assert done.returncode == 2, done.stdout + done.stderr
    assert "full" in said, said
    left = tmp_path / "after" / "home" / ".local" / "share" / "nst"
    environments = [path.name for path in left.glob("venv-*")]
    assert len(environments) == (1 if installed else 0)
    assert (left / "engine.json").exists() == installed
    if installed:
        assert environments[0] in (left / "engine.json").read_text()


def test_a_second_installer_at_once(checkout: Checkout) -> None:
    with serving(checkout, pause=3.0):
        first = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        deadline = time.monotonic() + 30
        while not list(checkout.data.glob("venv-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        second = checkout.run("install", "--no-gimp")
        removal = checkout.run("uninstall", "--delete-weights")
        output = first.communicate(timeout=120)
    assert second.returncode == removal.returncode == 2
    assert "Another installation is going on" in second.stderr
    assert first.returncode == 0, output
    assert checkout.works()


@pytest.mark.parametrize("installed", [False, True])
def test_killed_at_any_moment(checkout: Checkout, profile: Path, installed: bool) -> None:
    """SIGKILL at random moments: what is on record works, and the next run makes it whole."""
    started = time.monotonic()
    assert checkout.run("install").returncode == 0
    whole = time.monotonic() - started
    if not installed:
        assert checkout.run("uninstall", "--delete-weights").returncode == 0
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    version = 1
    for kill in range(KILLS):
        version += 1
        checkout.pin(f"{version}.0")
        plug_in = checkout.folder / "gimp_plugin" / "neural-style" / "nst_gimp" / "__init__.py"
        plug_in.write_text(f"# {version}\n")
        process = subprocess.Popen(checkout.command("install"), env=checkout.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(moments.uniform(0.0, whole))
        process.send_signal(signal.SIGKILL)
        process.wait()
        what = f"seed {seed}, kill {kill}"
        if installed or checkout.record:
            assert checkout.works(), what
            assert checkout.ballast() in [f"{each}.0" for each in range(1, version + 1)], what
    done = checkout.run("install")
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    assert checkout.works()
    assert checkout.ballast() == f"{version}.0"
    assert checkout.rubbish() == []
    placed = profile / "plug-ins"
    assert [path.name for path in placed.iterdir()] == ["neural-style"]
    assert (placed / "neural-style" / "nst_gimp" / "__init__.py").read_text() == f"# {version}\n"
    assert checkout.run("verify").returncode == 0


def test_interrupted_by_hand(checkout: Checkout) -> None:
    with serving(checkout, pause=5.0):
        # A shell's background job ignores SIGINT, and its children with it: not so the one under test.
        heed_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=heed_interrupts)  # fmt: skip
        deadline = time.monotonic() + 30
        while not list(checkout.data.glob("venv-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Broken off" in said
    assert nothing(checkout)


def test_a_terminal_that_is_closed_does_not_matter_to_nohup(checkout: Checkout) -> None:
    as_nohup_does = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    with serving(checkout, pause=2.0):
        process = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=as_nohup_does)  # fmt: skip
        deadline = time.monotonic() + 30
        while not list(checkout.data.glob("venv-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == 0
    assert checkout.works()


def test_a_profile_that_cannot_be_written(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    other = profile.with_name("3.2")
    (other / "plug-ins").mkdir(parents=True)
    source = checkout.folder / "gimp_plugin" / "neural-style" / "nst_gimp" / "__init__.py"
    source.write_text("# newer\n")
    (profile / "plug-ins").chmod(0o555)
    try:
        done = checkout.run("install", before=without_root(checkout.home))
    finally:
        (profile / "plug-ins").chmod(0o755)
    assert done.returncode == 2
    assert f"{profile}/plug-ins/neural-style cannot be written: Permission denied." in done.stderr
    assert (profile / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").read_text() == ""
    assert [path.name for path in (profile / "plug-ins").iterdir()] == ["neural-style"]
    assert (other / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").read_text() == "# newer\n"
    assert checkout.works()


def test_a_data_folder_that_cannot_be_written(checkout: Checkout) -> None:
    checkout.home.chmod(0o555)
    try:
        done = checkout.run("install", "--no-gimp", before=without_root(checkout.home))
    finally:
        checkout.home.chmod(0o755)
    assert done.returncode == 2
    assert "cannot be written: Permission denied." in done.stderr
    assert list(checkout.home.iterdir()) == []


def test_a_file_where_the_data_folder_should_be(checkout: Checkout) -> None:
    (checkout.home / ".local").write_text("")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
