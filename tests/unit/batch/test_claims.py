"""Claims: several runs on one folder share the work, and a run that was killed claims nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from nst_core.batch.claims import Claimed, Claims
from nst_core.images.part_files import sweep_parts

ROOT = str(Path(__file__).parents[3])

HOLD = """
import sys
from pathlib import Path
from nst_core.batch.claims import Claims
target = Path(sys.argv[1])
claims = Claims([target])
print(claims.claim(target).value, flush=True)
sys.stdin.read()
"""


def test_killed_run_gives_its_claim_up(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    command = [sys.executable, "-c", HOLD, str(target)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": ROOT}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == b"here"
        mine = Claims([target])
        assert mine.claim(target) is Claimed.ELSEWHERE
        process.kill()
        process.wait()
    assert len(list(tmp_path.iterdir())) == 1
    assert mine.claim(target) is Claimed.HERE
    mine.release(target)
    assert list(tmp_path.iterdir()) == []


def test_result_of_another_run_is_done(tmp_path: Path) -> None:
    """Also if results are overwritten: both runs began with the same old file."""
    new, old = tmp_path / "new.png", tmp_path / "old.png"
    old.write_bytes(b"old")
    first, second = Claims([new, old]), Claims([new, old])
    for target in (new, old):
        assert first.claim(target) is Claimed.HERE
        assert second.claim(target) is Claimed.ELSEWHERE
        target.write_bytes(b"painted")
        first.release(target)
        assert second.claim(target) is Claimed.DONE
    first.release_all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.png", "old.png"]


def test_claims_that_nobody_holds_are_swept(tmp_path: Path) -> None:
    held = Claims([tmp_path / "a.png"])
    held.claim(tmp_path / "a.png")
    (tmp_path / ".nst-0123456789abcdef.claim").write_bytes(b"")
    sweep_parts(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    held.release_all()
    assert list(tmp_path.iterdir()) == []


def test_folder_without_locks_is_painted_all_the_same(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "a.png"
    claims = Claims([target])
    assert claims.claim(target) is Claimed.HERE
    claims.release(target)
