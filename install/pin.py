#!/usr/bin/env python3
"""Rewrite the pins, requirements/*.txt and tools.json, from pyproject.toml and the package index.

    python install/pin.py            # needs uv on the PATH and Python 3.11 or newer
    python install/pin.py --keep     # keep the pinned versions; only add what is missing
    python install/pin.py --sizes    # print the download size of each engine (Linux, x86-64, Python 3.12)

The pins of every engine, and of every extra that engines can do without, are for Python 3.10 to 3.13 and
every system (with markers), those of `cuda` from Python 3.11 on; each file has its SHA-256. PyTorch is pinned
here if the package index has the right build. It has none for `torch-cpu` on Linux and `cuda` on Windows:
those wheels are pinned by exact version in nst_install/engines.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import tomllib

INSTALL = Path(__file__).resolve().parent
sys.path.insert(0, str(INSTALL))

from nst_install.engines import ENGINES, TORCH  # noqa: E402
from nst_install.paths import CHECKOUT, REQUIREMENTS  # noqa: E402
from nst_install.pythons import OLDEST  # noqa: E402

INDEX = "https://pypi.org/simple"

IndexFile = dict[str, Any]
"""A file in the index's JSON: filename, url, hashes, size, yanked."""

COMPILE = ("uv", "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-config",
           "--default-index", INDEX)  # fmt: skip
SOURCE_ONLY = ("pyvips",)
"""Pure-Python packages without a wheel; build.txt pins the tools that build them."""

TORCH_NEEDS = ("filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec", "setuptools")
"""Dependencies of every PyTorch build, for systems on which PyTorch itself is not among the pins."""

ENGINE_PINS = {
    # Engine -> extras of pyproject.toml, and requirements in addition to them.
    "cpu": (("cpu", "formats"), ()),
    "torch-cpu": (("cpu", "formats"), (f"torch=={TORCH} ; sys_platform != 'linux'", *TORCH_NEEDS)),
    "cuda": (
        ("formats",),
        (
            "onnxruntime-gpu>=1.19",
            f"torch=={TORCH} ; sys_platform == 'linux'",
            *TORCH_NEEDS,
        ),
    ),
    "directml": (("directml", "formats"), ()),
}

EXTRA_PINS = ("webgpu", "film")
"""Extras of pyproject.toml that an engine can do without: nst_install/extras.py."""

WHEEL_MACHINES = (
    *(r"manylinux\w*_x86_64", r"manylinux\w*_aarch64"),
    *(r"macosx\w*_(arm64|universal2)", r"macosx\w*_(x86_64|universal2)"),
    *("win_amd64", "win_arm64"),
)
"""Ends of the names of wheels, by kind of machine: patterns for :mod:`re`."""

UV_KINDS = {
    # Kind of machine, as named by nst_install.tools -> the end of the wheel's name.
    "linux-x86_64": "manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "linux-aarch64": "aarch64.whl",
    "musl-x86_64": "musllinux_1_1_x86_64.whl",
    "darwin-arm64": "macosx_11_0_arm64.whl",
    "darwin-x86_64": "macosx_10_12_x86_64.whl",
    "win32-amd64": "win_amd64.whl",
    "win32-arm64": "win_arm64.whl",
}


def compile_pins(name: str, sources: list[str], lines: tuple[str, ...], *, keep: bool) -> None:
    """Resolve requirements for all systems and Pythons and write one file of pins.

    ``sources`` are arguments of `uv pip compile`, ``lines`` further requirements; ``keep`` prefers the pinned
    versions.
    """
    head = (
        "# Written by install/pin.py; change pyproject.toml or pin.py and run it again.\n"
        "--only-binary :all:\n" + "".join(f"--no-binary {package}\n" for package in SOURCE_ONLY)
    )
    oldest = ".".join(map(str, ENGINES[name].oldest_python if name in ENGINES else OLDEST))
    with tempfile.TemporaryDirectory() as folder:
        extra = Path(folder) / "extra.in"
        extra.write_text("\n".join(lines) + "\n", "utf-8")
        target, pins = REQUIREMENTS / f"{name}.txt", Path(folder) / "pins.txt"
        if keep and target.exists():
            pins.write_bytes(target.read_bytes())  # uv prefers the versions in the file that it overwrites
        command = [*COMPILE, "--universal", "--python-version", oldest, "--generate-hashes",
                   *sources, str(extra), "--output-file", str(pins)]  # fmt: skip
        subprocess.run(
            command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True, env=default_environment()
        )
        text = pins.read_text("utf-8")
    target.write_text(head + text, "utf-8", newline="\n")
    print(f"{name}: {len(re.findall('^[a-z]', text, re.MULTILINE))} pins")


def default_environment() -> dict[str, str]:
    """Return the environment without this machine's own package indexes: the pins are for everybody."""
    return {key: value for key, value in os.environ.items() if not re.match(r"(PIP|UV)_.*(INDEX|LINKS)", key)}


def list_files(package: str) -> list[IndexFile]:
    """Return the files of a package on the index."""
    headers = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{INDEX}/{package}/", headers=headers)  # noqa: S310 -- https
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        return list(json.load(response)["files"])


def newest_version(package: str) -> tuple[str, list[IndexFile]]:
    """Return the newest version that is not a pre-release, and its wheels."""
    by_version: dict[tuple[int, ...], list[IndexFile]] = {}
    for file in list_files(package):
        match = re.match(rf"{package}-(\d+(?:\.\d+)*)-.*\.whl$", file["filename"])
        if match and not file.get("yanked"):
            by_version.setdefault(tuple(map(int, match[1].split("."))), []).append(file)
    version = max(by_version)
    return ".".join(map(str, version)), by_version[version]


def pin_tools() -> None:
    """Write tools.json: pip and uv, pinned by file."""
    table: dict[str, dict[str, Any]] = {}
    version, wheels = newest_version("pip")
    table["pip"] = {"version": version, "any": pin_of(wheels[0])}
    version, wheels = newest_version("uv")
    table["uv"] = {"version": version}
    for kind, end in UV_KINDS.items():
        matches = [wheel for wheel in wheels if wheel["filename"].endswith(end)]
        if kind == "linux-aarch64":
            matches = [wheel for wheel in matches if "manylinux" in wheel["filename"]]
        if matches:
            table["uv"][kind] = pin_of(matches[0])
    (REQUIREMENTS / "tools.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8", newline="\n")
    print(f"pip {table['pip']['version']}, uv {version}")


def pin_of(wheel: IndexFile) -> dict[str, str]:
    """Return the entry of a wheel in tools.json."""
    return {"file": wheel["filename"], "sha256": wheel["hashes"]["sha256"], "url": wheel["url"]}


def extra_requirements(name: str) -> tuple[str, ...]:
    """Return the requirements of an extra of pyproject.toml, without those of the project itself."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    return tuple(project["optional-dependencies"][name])


def print_sizes() -> None:
    """Print the download size of each engine's pins, and the smallest and largest size of each extra."""
    for name in ENGINES:
        with tempfile.TemporaryDirectory() as folder:
            report = subprocess.run(
                [*COMPILE, "--python-platform", "windows" if name == "directml" else "linux",
                 "--python-version", "3.12", "--no-deps", str(REQUIREMENTS / f"{name}.txt")],
                cwd=folder, stdout=subprocess.PIPE, check=True, text=True, env=default_environment(),
            )  # fmt: skip
        total = 0
        for pin in re.findall(r"^([\w-]+)==([\w.]+)", report.stdout, re.MULTILINE):
            total += size_of_wheel(*pin, windows=name == "directml")
        print(f"{name}: {total / 1e6:.0f} MB")
    for name in EXTRA_PINS:
        sizes = pinned_sizes(REQUIREMENTS / f"{name}.txt")
        print(f"{name}: {min(sizes) / 1e6:.0f} to {max(sizes) / 1e6:.0f} MB more, depending on the system")


def pinned_sizes(pins: Path) -> list[int]:
    """Return the bytes of an extra's wheels for each kind of machine that has all of them.

    If a package has several wheels for a machine, the largest counts.
    """
    text = pins.read_text("utf-8")
    hashes = set(re.findall(r"sha256:(\w+)", text))
    packages = {
        package: [file for file in list_files(package) if file["hashes"]["sha256"] in hashes]
        for package in set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    }
    sums = []
    for machine in WHEEL_MACHINES:
        pattern = re.compile(rf"-(py3|cp3\d+)-(none|abi3|cp3\d+)-\S*{machine}\.whl$")
        sizes = [
            [file["size"] for file in files if pattern.search(file["filename"])]
            for files in packages.values()
        ]
        if all(sizes):
            sums.append(sum(map(max, sizes)))
    return sums


def size_of_wheel(package: str, version: str, *, windows: bool) -> int:
    """Return the bytes of the wheel for Python 3.12 on x86-64 Linux, or ``windows``; 0 if there is none."""
    platform = r"win_amd64" if windows else r"(many)?linux\w*x86_64"
    tags = rf"-(py3|py2\.py3|cp312|cp3\d+-abi3)-?\w*-(any|[\w.]*{platform}[\w.]*)\.whl$"
    stem = package.replace("-", "_").lower() + f"-{version}-"
    files = [file for file in list_files(package) if file["filename"].lower().startswith(stem)]
    sizes = [file["size"] for file in files if re.search(tags, file["filename"])]
    return min(sizes) if sizes else 0


if __name__ == "__main__":
    if "--sizes" in sys.argv:
        print_sizes()
    else:
        keep = "--keep" in sys.argv
        REQUIREMENTS.mkdir(exist_ok=True)
        for engine, (extras, lines) in ENGINE_PINS.items():
            options = [f"--extra={extra}" for extra in extras]
            compile_pins(engine, ["pyproject.toml", *options], lines, keep=keep)
        for extra in EXTRA_PINS:
            compile_pins(extra, ["--no-deps"], extra_requirements(extra), keep=keep)
        compile_pins("build", [], ("setuptools", "cffi"), keep=keep)
        if not keep:
            pin_tools()
