"""The pins: complete, hashed, and available for every supported system and Python."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from nst_install import engines, extras, pythons, sources, tools
from nst_install.console import Console
from nst_install.paths import REQUIREMENTS, find_paths

from tests.install.checkout import PATIENCE, REPOSITORY
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
    """Return the uv that the installer pins, downloaded by the installer's own code and kept."""
    name, _ = tools.pinned_wheel("uv", tools.machine_kind())
    target = cache() / name.rsplit("-py3", 1)[0] / "uv"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tools.shutil, "which", lambda _name: None)
            paths = find_paths({"HOME": str(target.parent)}, "linux")
            with tools.uv(paths, sources.online(), Console(quiet=True)) as downloaded:
                temporary = target.with_name(f"uv.{os.getpid()}")
                temporary.write_bytes(Path(downloaded).read_bytes())
                temporary.chmod(0o755)
                temporary.replace(target)
    return str(target)


@pytest.mark.parametrize(
    ("engine", "system"), [(engine, system) for engine, systems in SYSTEMS.items() for system in systems]
)
def test_every_pin_is_available(engine: str, system: str, uv: str, tmp_path: Path) -> None:
    """A dry run: the index has a wheel with a pinned hash for each pin, and the pins satisfy each other."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    env.update(UV_CACHE_DIR=str(cache() / "uv-cache"), MACOSX_DEPLOYMENT_TARGET="14.0")
    oldest = engines.ENGINES[engine].oldest_python
    versions = [version for version in PYTHONS if tuple(map(int, version.split("."))) >= oldest]
    for version in [pythons.own_version("darwin", "x86_64")] if system == INTEL_MAC else versions:
        command = [uv, "pip", "install", "--dry-run", "--no-config", "--system-certs",
                   "--require-hashes", "--quiet", "--target", str(tmp_path / version),
                   "--python-platform", system, "--python-version", version,
                   "-r", str(REQUIREMENTS / f"{engine}.txt"),
                   "-r", str(REQUIREMENTS / "build.txt")]  # fmt: skip
        for extra in (*engines.ENGINES[engine].extras, *engines.CHOSEN_EXTRAS):
            command += ["-r", str(REQUIREMENTS / f"{extra}.txt")]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, f"Python {version}: {done.stderr}"


def names(text: str) -> set[str]:
    """Return the names of the distributions in lines of requirements, normalised."""
    spellings = re.findall(r"^\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]*)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in spellings}


def dependencies(table: str) -> set[str]:
    """Return the distributions that pyproject.toml lists under a key."""
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    block = re.search(rf"^{table} = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    assert block, table
    lines = re.sub(r"#.*", "", block[1])
    return names("\n".join(re.findall(r'"([^"]+)"', lines)))


@pytest.mark.parametrize("engine", list(engines.ENGINES))
def test_pins_include_all_dependencies_of_the_engine(engine: str) -> None:
    """Fails after a dependency is added to pyproject.toml, until install/pin.py is run."""
    text = (REQUIREMENTS / f"{engine}.txt").read_text("utf-8")
    needed = dependencies("dependencies") | dependencies(engine) | dependencies("formats")
    builds = engines.ENGINES[engine].torch_builds
    assert needed <= names(text) | {
        name for build in builds.values() for name in names("\n".join(build.requirements))
    }


@pytest.mark.parametrize("name", list(extras.EXTRAS))
def test_pins_include_the_extra(name: str) -> None:
    assert dependencies(name) == names(extras.EXTRAS[name].pins.read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    pins = [line for line in lines if not line.startswith(("#", "--"))]
    assert pins
    assert all(re.match(r"[\w.-]+==\S+ ", pin) and "--hash=sha256:" in pin for pin in pins)
