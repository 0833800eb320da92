"""The pins: complete, hashed, and to be had for every system and Python that is promised."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from nst_install import engines, pythons, sources, tools
from nst_install.console import Console
from nst_install.places import REQUIREMENTS, find_places

from tests.install.checkout import REPOSITORY
from tests.install.conftest import cache

LONG = bool(os.environ.get("NST_TEST_LONG"))

INTEL_MAC = "x86_64-apple-darwin"

SYSTEMS = {
    "cpu": ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "windows", "macos", INTEL_MAC),
    "torch-cpu": ("x86_64-manylinux_2_28", "windows", "macos"),
    "cuda": ("x86_64-manylinux_2_28", "windows"),
    "directml": ("windows",),
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13") if LONG else ("3.10", "3.13")


@pytest.fixture(scope="session")
def uv() -> str:
    """Return uv as the installer pins it, fetched as the installer fetches it, and kept."""
    name, _ = tools.pinned("uv", tools.machine_kind())
    kept = cache() / name.rsplit("-py3", 1)[0] / "uv"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tools.shutil, "which", lambda _name: None)
            places = find_places({"HOME": str(kept.parent)}, "linux")
            with tools.uv(places, sources.online(), Console(quiet=True)) as fetched:
                beside = kept.with_name(f"uv.{os.getpid()}")
                beside.write_bytes(Path(fetched).read_bytes())
                beside.chmod(0o755)
                beside.replace(kept)
    return str(kept)


@pytest.mark.parametrize(
    ("engine", "system"), [(engine, system) for engine, systems in SYSTEMS.items() for system in systems]
)
def test_every_pin_can_be_had(engine: str, system: str, uv: str, tmp_path: Path) -> None:
    """A dry run: the index has a wheel with a pinned hash for each, and together they satisfy each other."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    env.update(UV_CACHE_DIR=str(cache() / "uv-cache"), MACOSX_DEPLOYMENT_TARGET="14.0")
    for version in [pythons.own_version("darwin", "x86_64")] if system == INTEL_MAC else PYTHONS:
        command = [uv, "pip", "install", "--dry-run", "--no-config", "--system-certs",
                   "--require-hashes", "--quiet", "--target", str(tmp_path / version),
                   "--python-platform", system, "--python-version", version,
                   "-r", str(REQUIREMENTS / f"{engine}.txt"),
                   "-r", str(REQUIREMENTS / "build.txt")]  # fmt: skip
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, f"Python {version}: {done.stderr}"


def names(text: str) -> set[str]:
    """Return the distributions that lines of requirements name, in their one spelling."""
    found = re.findall(r"^\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]*)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def dependencies(table: str) -> set[str]:
    """Return what pyproject.toml lists under a key."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    block = re.search(rf"^{table} = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    assert block, table
    inside = re.sub(r"#.*", "", block[1])
    return names("\n".join(part for part in re.findall(r'"([^"]+)"', inside)))


@pytest.mark.parametrize("engine", list(engines.ENGINES))
def test_pins_name_all_that_the_engine_needs(engine: str) -> None:
    """A dependency that is added to pyproject.toml is missed here until install/pin.py is run."""
    text = (REQUIREMENTS / f"{engine}.txt").read_text("utf-8")
    needed = dependencies("dependencies") | dependencies(engine)
    build = engines.ENGINES[engine].torch_builds
    assert needed <= names(text) | {
        name for each in build.values() for name in names("\n".join(each.requirements))
    }


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    pins = [line for line in lines if not line.startswith(("#", "--"))]
    assert pins
    assert all(re.match(r"[\w.-]+==\S+ ", pin) and "--hash=sha256:" in pin for pin in pins)
