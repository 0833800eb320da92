"""Memory available to a process, in both versions of control groups and without any."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nst_core.system import free_memory
from nst_core.system.free_memory import available_memory


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Make control groups on a machine with 8 GB free."""
    monkeypatch.setattr(free_memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(free_memory, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(
        free_memory.psutil, "virtual_memory", lambda: SimpleNamespace(available=8_000_000_000)
    )

    def make(own, **files):
        (tmp_path / "own").write_text(own)
        for path, text in files.items():
            file = tmp_path / "groups" / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    return make


def test_without_control_groups_the_free_memory_is_available(groups):
    assert available_memory() == 8_000_000_000
    groups("0::/\n12:pids:/somewhere\nnonsense")
    assert available_memory() == 8_000_000_000


def test_container_limit_counts_minus_used_memory_except_caches(groups):
    stat = "anon 1\ninactive_file 300\n"
    groups(
        "0::/docker/1\n",
        **{
            "docker__1__memory.max": "2000\n",
            "docker__1__memory.current": "500",
            "docker__1__memory.stat": stat,
        },
    )
    assert available_memory() == 1800
    # An outer group may allow less; "max" is no limit.
    groups(
        "0::/docker/1\n",
        **{"docker__memory.max": "900", "docker__memory.current": "500", "docker__memory.stat": stat},
    )
    assert available_memory() == 700
    groups("0::/docker/1\n", **{"docker__memory.max": "max"})
    assert available_memory() == 1800
    groups("0::/docker/1\n", **{"docker__1__memory.current": "9000"})
    assert available_memory() == 0


def test_version_1_groups_are_found_under_the_path_of_the_host(groups):
    files = {"memory.limit_in_bytes": "5000", "memory.usage_in_bytes": "1000", "memory.stat": "cache 1\n"}
    groups("4:cpu,memory:/docker/on/the/host\n", **{f"memory__{name}": text for name, text in files.items()})
    assert available_memory() == 4000
