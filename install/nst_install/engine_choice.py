"""The choice of an engine: as requested, in the bundle, as installed, or for the machine.

For an NVIDIA card there are two: CUDA, the fastest and by far the largest, and WebGPU. The user is asked.
"""

from __future__ import annotations

import platform
import sys

from nst_install import engines, sources
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.options import InstallOptions
from nst_install.record import InstallRecord

OFFER = {
    "cuda": "PyTorch on CUDA, the fastest; 3.1 GB to download, and 14 GB of free disk space",
    "cpu": "ONNX Runtime on WebGPU, slower but small; 0.1 GB to download",
}
"""The engines for NVIDIA cards: gain and cost, as in install/README.md and ``PackageSet.megabytes``."""


def choose_packages(
    old: InstallRecord | None, options: InstallOptions, source: sources.PackageSource, console: Console
) -> tuple[engines.PackageSet, str]:
    """Return the packages and the reason: as requested, in the bundle, as installed, or for the machine."""
    card = engines.find_card() if options.device == "cuda" else None
    engine = engines.engine_for_device(options.device, options.engine, card)
    if source.bundle:
        check_bundle(source.bundle, engine)
        return engines.choose(source.bundle.engine, None)[0], "from the bundle"
    if engine == "auto" and old and old.engine in engines.ENGINES:
        return engines.ENGINES[old.engine], "as installed"
    packages, reason = engines.choose(engine, card or engines.find_card())
    if engine == "auto" and packages.name == "cuda" and not wants_cuda(reason, console):
        return engines.ENGINES["cpu"], "CUDA is not wanted"
    return packages, reason


def wants_cuda(reason: str, console: Console) -> bool:
    """Say what CUDA gains and costs, and ask; without a terminal to ask on, CUDA is wanted."""
    console.say(f"  {reason[:1].upper()}{reason[1:]}. Two engines can use it:")
    for name, words in OFFER.items():
        console.say(f"    {name:4}  {words}")
    console.say("  `install.py update --engine NAME` installs the other one later.")
    return console.ask("  Install cuda?", default=True)


def check_bundle(bundle: sources.Bundle, engine: str) -> None:
    """Check that a bundle is for this machine and for ``engine``, a name or "auto".

    Raises:
        InstallError: it is not.
    """
    if engine not in ("auto", bundle.engine):
        raise InstallError(
            f"The bundle is for the engine {bundle.engine}.",
            "Omit --engine and --device, or make another bundle.",
        )
    if (bundle.system, bundle.machine) != (sys.platform, platform.machine()):
        raise InstallError(
            f"The bundle is for {bundle.system} on {bundle.machine}, but this is "
            f"{sys.platform} on {platform.machine()}.",
            "Make a bundle on a machine like this one.",
        )
