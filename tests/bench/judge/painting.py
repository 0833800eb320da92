"""Painting a pair with a variant of the program: by ``nst stylize`` in a process of its own.

A commit paints from a git worktree in a temporary folder, so that its files are used and nothing in the
checkout changes. A picture that was painted with the same originals, settings and source is not painted
again. Does not know what is measured.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nst_core.vgg.store import ModelStore
from tests.bench.judge.variants import WORKING_TREE, Pair, Variant

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Source:
    """A folder with ``nst_core``, and a hash of what is in it."""

    folder: Path
    sha: str


@dataclass(frozen=True)
class Painted:
    """A finished picture, and the seconds that the engine took for it."""

    path: Path
    seconds: float


def git(*arguments: str) -> str:
    """Return what git prints.

    Raises:
        ValueError: git refuses, with its own words.
    """
    finished = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise ValueError(f"git {arguments[0]}: {finished.stderr.strip()}")
    return finished.stdout.strip()


@contextmanager
def open_sources(commits: Iterable[str]) -> Iterator[dict[str, Source]]:
    """Check every commit out for as long as the block lasts; ``.`` is the working tree itself."""
    with ExitStack() as stack:
        yield {commit: stack.enter_context(open_source(commit)) for commit in dict.fromkeys(commits)}


@contextmanager
def open_source(commit: str) -> Iterator[Source]:
    """Check one commit out for as long as the block lasts."""
    if commit == WORKING_TREE:
        digest = hashlib.sha256()
        for path in sorted((ROOT / "nst_core").rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}".encode() + path.read_bytes())
        yield Source(ROOT, digest.hexdigest())
        return
    sha = git("rev-parse", f"{commit}:nst_core")
    with tempfile.TemporaryDirectory(prefix="nst-judge-") as folder:
        tree = Path(folder) / "tree"
        git("worktree", "add", "--detach", str(tree), commit)
        try:
            yield Source(tree, sha)
        finally:
            git("worktree", "remove", "--force", str(tree))


def paint(pair: Pair, variant: Variant, size: int, source: Source, folder: Path) -> Painted:
    """Return the pair's picture in ``folder``, painted now unless it is there.

    Raises:
        ValueError: ``nst stylize`` refuses or fails, with its own words.
    """
    options = [*variant.options, "--size", str(size)]
    digest = hashlib.sha256(json.dumps([options, source.sha, ModelStore().names()]).encode())
    for path in (pair.photo, pair.painting):
        digest.update(path.read_bytes())
    target = folder / f"{pair.photo.stem}--{pair.painting.stem}--{digest.hexdigest()[:12]}.png"
    record = target.with_suffix(".json")
    if not record.exists():
        command = [sys.executable, "-m", "nst_core.cli", "stylize", str(pair.photo), str(pair.painting)]
        finished = subprocess.run(
            [*command, *options, "-o", str(target), "--force", "--json", "--no-progress"],
            cwd=source.folder,
            env={**os.environ, "PYTHONPATH": str(source.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            words = finished.stderr.strip() or json.loads(finished.stdout.splitlines()[-1])["message"]
            raise ValueError(f"{pair.name} with {variant.name} was not painted: {words}")
        record.write_text(finished.stdout.splitlines()[-1] + "\n", "utf-8")
    return Painted(target, float(json.loads(record.read_text("utf-8"))["seconds"]))
