"""Claims of the batch script: one program paints a picture, and no claim outlives its program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nst_core.batch.claims import Claimed, Claims

BATCH = Path(__file__).resolve().parents[3] / "gimp_plugin" / "batch"

HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
from claims import claim
with claim(sys.argv[2]) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def claims(monkeypatch):
    monkeypatch.syspath_prepend(str(BATCH))
    import claims

    return claims


def test_claim_of_another_program_holds_until_it_ends(claims, tmp_path: Path) -> None:
    result = str(tmp_path / ("x" * 251 + ".png"))
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, BATCH, result], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with claims.claim(result) as ours:
            assert not ours
        with claims.claim(str(tmp_path / "y.png")) as ours:
            assert ours
    finally:
        other.kill()
        other.communicate()
    with claims.claim(result) as ours:
        assert ours
    assert not list(tmp_path.iterdir()), "the other program could not remove its lock; the next claim does"


def test_nst_and_gimp_share_a_folder(claims, tmp_path: Path) -> None:
    result = tmp_path / "a.png"
    with claims.claim(str(result)) as ours:
        assert ours
        assert Claims([result]).claim(result) is Claimed.ELSEWHERE
    engine = Claims([result])
    assert engine.claim(result) is Claimed.HERE
    with claims.claim(str(result)) as ours:
        assert not ours
    engine.release_all()
    with claims.claim(str(result)) as ours:
        assert ours


def test_folder_without_locks_is_painted_all_the_same(claims, tmp_path: Path) -> None:
    with claims.claim(str(tmp_path / "missing folder" / "a.png")) as ours:
        assert ours
