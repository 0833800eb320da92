"""The installer when something goes wrong: the old installation still works, or nothing is installed."""

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

from tests.install.checkout import PATIENCE, Checkout, wait_for, without_root
from tests.install.package_index import serving

LONG = bool(os.environ.get("NST_TEST_LONG"))
KILLS = 20 if LONG else 4
EITHER = [False, True]


def nothing_is_installed(checkout: Checkout) -> bool:
    """Return whether nothing is installed and nothing unfinished is left."""
    return not checkout.record and checkout.leftovers() == []


def has_environment(checkout: Checkout) -> bool:
    """Return whether the installer has begun to make an environment."""
    return bool(list(checkout.data.glob("venv-*")))


def test_interrupted_download_is_resumed(checkout: Checkout) -> None:
    with serving(checkout, cuts=2):
        done = checkout.run("install", "--no-gimp")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.works()


@pytest.mark.parametrize("installed", EITHER if LONG else [True])
def test_connection_that_keeps_breaking_changes_nothing(checkout: Checkout, installed: bool) -> None:
    if installed:
        assert checkout.run("install", "--no-gimp").returncode == 0
        checkout.pin("2.0")
    with serving(checkout, cuts=1000):
        done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "was lost" in done.stderr
    if installed:
        assert checkout.works()
        assert checkout.ballast() == "1.0"
        assert checkout.leftovers() == []
    else:
        assert nothing_is_installed(checkout)
    again = checkout.run("install", "--no-gimp")
    assert again.returncode == 0, again.stderr
    assert checkout.works()


def test_no_internet_is_reported_in_two_lines(checkout: Checkout) -> None:
    checkout.variables.update(PIP_INDEX_URL="http://127.0.0.1:9/simple")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    assert nothing_is_installed(checkout)


def test_connection_lost_while_downloading_the_network(checkout: Checkout) -> None:
    done = checkout.run("install", "--no-gimp", NST_TEST_WEIGHTS="none")
    assert done.returncode == 2
    assert "was lost" in done.stderr
    assert nothing_is_installed(checkout)
    assert checkout.run("install", "--no-gimp").returncode == 0
    assert checkout.works()


def test_package_with_wrong_hash_is_refused(checkout: Checkout) -> None:
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
    assert checkout.leftovers() == []


@pytest.mark.long
def test_pip_with_wrong_hash_is_refused(checkout: Checkout) -> None:
    wheel = next(checkout.wheels.glob("pip-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"x")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "SHA-256" in done.stderr
    assert nothing_is_installed(checkout)


def in_namespace(script: str) -> list[str]:
    """Return the command line that runs a shell script in a namespace in which it may mount."""
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "sh", "-euc", script]


@pytest.mark.parametrize("installed", EITHER if LONG else [True])
def test_full_disk_leaves_the_old_installation(checkout: Checkout, installed: bool, tmp_path: Path) -> None:
    """The home is a disk of 60 MB; the package to install has 90 MB."""
    installer = shlex.join(checkout.command("install", "--no-gimp"))
    checkout.home = tmp_path / "disk" / "home"
    checkout.home.mkdir(parents=True)
    checkout.variables["PIP_CACHE_DIR"] = str(tmp_path / "pip-cache")
    pins = checkout.folder / "install" / "requirements" / "cpu.txt"
    small = pins.read_text()
    checkout.pin("2.0", megabytes=90)
    (tmp_path / "large").write_text(pins.read_text())
    (checkout.wheels / "ballast" / "index.html").write_text(
        "".join(f'<a href="../{wheel.name}">{wheel.name}</a>' for wheel in checkout.wheels.glob("ballast-*"))
    )
    pins.write_text(small)
    first = f"{installer} >&2" if installed else "true"
    script = f"""
        mount -t tmpfs -o size=60m none '{tmp_path}/disk'
        mkdir -p '{checkout.home}'
        {first}
        cat '{tmp_path}/large' >{shlex.quote(str(pins))}
        code=0; {installer} 2>'{tmp_path}/errors' || code=$?
        cp -a '{tmp_path}/disk/.' '{tmp_path}/after'
        exit $code
    """
    (tmp_path / "after").mkdir()
    done = subprocess.run(
        in_namespace(script), env=checkout.environment(), capture_output=True, text=True, timeout=PATIENCE
    )
    errors = (tmp_path / "errors").read_text()
    assert done.returncode == 2, done.stdout + done.stderr
    assert "full" in errors, errors
    data = tmp_path / "after" / "home" / ".local" / "share" / "nst"
    environments = [path.name for path in data.glob("venv-*")]
    assert len(environments) == (1 if installed else 0)
    assert (data / "engine.json").exists() == installed
    if installed:
        assert environments[0] in (data / "engine.json").read_text()


def test_second_installer_at_the_same_time_is_refused(checkout: Checkout) -> None:
    with serving(checkout, hold=True) as released:
        first = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
        wait_for(partial(has_environment, checkout), "the first installer")
        second = checkout.run("install", "--no-gimp")
        removal = checkout.run("uninstall", "--delete-weights")
        released.set()
        output = first.communicate(timeout=PATIENCE)
    assert second.returncode == removal.returncode == 2
    assert "Another installation is running" in second.stderr
    assert first.returncode == 0, output
    assert checkout.works()


@pytest.mark.parametrize("installed", EITHER if LONG else [True])
def test_kill_at_any_moment_leaves_a_working_engine(
    checkout: Checkout, profile: Path, installed: bool
) -> None:
    """SIGKILL at random moments: the recorded engine works, and the next run completes the installation."""
    started = time.monotonic()
    assert checkout.run("install").returncode == 0
    duration = time.monotonic() - started
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
        time.sleep(moments.uniform(0.0, duration))
        process.send_signal(signal.SIGKILL)
        process.wait()
        moment = f"seed {seed}, kill {kill}"
        if installed or checkout.record:
            assert checkout.works(), moment
            assert checkout.ballast() in [f"{number}.0" for number in range(1, version + 1)], moment
    done = checkout.run("install")
    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}"
    assert checkout.works()
    assert checkout.ballast() == f"{version}.0"
    assert checkout.leftovers() == []
    plug_ins = profile / "plug-ins"
    assert [path.name for path in plug_ins.iterdir()] == ["neural-style"]
    assert (plug_ins / "neural-style" / "nst_gimp" / "__init__.py").read_text() == f"# {version}\n"
    assert checkout.run("verify").returncode == 0


def test_interrupt_by_the_user_leaves_nothing(checkout: Checkout) -> None:
    with serving(checkout, hold=True):
        # A background job of a shell ignores SIGINT, and so do its children; the installer must not.
        accept_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=accept_interrupts)  # fmt: skip
        wait_for(partial(has_environment, checkout), "the installer")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert nothing_is_installed(checkout)


@pytest.mark.long
def test_closed_terminal_does_not_stop_nohup(checkout: Checkout) -> None:
    ignore_hangup = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    with serving(checkout, hold=True) as released:
        process = subprocess.Popen(checkout.command("install", "--no-gimp"), env=checkout.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=ignore_hangup)  # fmt: skip
        wait_for(partial(has_environment, checkout), "the installer")
        process.send_signal(signal.SIGHUP)
        released.set()
        assert process.wait(PATIENCE) == 0
    assert checkout.works()


def test_read_only_profile_does_not_affect_the_others(checkout: Checkout, profile: Path) -> None:
    assert checkout.run("install").returncode == 0
    other = profile.with_name("3.2")
    (other / "plug-ins").mkdir(parents=True)
    source = checkout.folder / "gimp_plugin" / "neural-style" / "nst_gimp" / "__init__.py"
    source.write_text("# newer\n")
    (profile / "plug-ins").chmod(0o555)
    try:
        done = checkout.run("install", prefix=without_root())
    finally:
        (profile / "plug-ins").chmod(0o755)
    assert done.returncode == 2
    assert f"{profile}/plug-ins/neural-style cannot be written: Permission denied." in done.stderr
    assert (profile / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").read_text() == ""
    assert [path.name for path in (profile / "plug-ins").iterdir()] == ["neural-style"]
    assert (other / "plug-ins" / "neural-style" / "nst_gimp" / "__init__.py").read_text() == "# newer\n"
    assert checkout.works()


def test_read_only_data_folder_is_reported(checkout: Checkout) -> None:
    checkout.home.chmod(0o555)
    try:
        done = checkout.run("install", "--no-gimp", prefix=without_root())
    finally:
        checkout.home.chmod(0o755)
    assert done.returncode == 2
    assert "cannot be written: Permission denied." in done.stderr
    assert list(checkout.home.iterdir()) == []


def test_file_in_place_of_the_data_folder_is_reported(checkout: Checkout) -> None:
    (checkout.home / ".local").write_text("")
    done = checkout.run("install", "--no-gimp")
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
