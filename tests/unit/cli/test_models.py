"""``nst models``: the output for people and programs; the store has tests of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nst_core.vgg.store import ModelStore
from tests.unit.cli.conftest import Nst, assert_refused


@pytest.fixture
def store(workdir: Path, models: ModelStore) -> Path:
    """A store with VGG-16 that a test may change."""
    folder = workdir / "store"
    folder.mkdir()
    shutil.copy(models.root / "vgg16.onnx", folder)
    return folder


def test_list_shows_installed_and_available_networks(nst: Nst, store: Path, models: ModelStore) -> None:
    (store / "broken.onnx").write_bytes(b"no network")
    text = nst("models", "list", "--store", store).out
    sha256 = models.resolve("vgg16").sha256
    assert f"vgg16  59 MB  {sha256[:12]}" in text
    assert "broken  cannot be used" in text
    assert "vgg19  not installed; `nst models fetch vgg19` downloads 575 MB" in text
    listed = nst("models", "list", "--store", store, "--json").json
    assert (listed["folder"], listed["available"]) == (str(store), ["vgg19"])
    broken, intact = listed["models"]
    assert (intact["name"], intact["sha256"], intact["problem"]) == ("vgg16", sha256, "")
    assert broken["problem"]


def test_verify_finds_damaged_weights(nst: Nst, store: Path) -> None:
    assert "vgg16: OK" in nst("models", "verify", "--store", store).out
    path = store / "vgg16.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # one bit of one weight
    path.write_bytes(bytes(data))
    assert_refused(nst("models", "verify", "vgg16", "--store", store), "have changed since it was installed")
    assert nst("models", "verify", "--store", store, "--json").events[-1]["code"] == "wrong-hash"
    assert_refused(nst("models", "verify", "vgg61", "--store", store), "Did you mean 'vgg1")
    assert_refused(nst("models", "verify", "--store", store / "empty"), "There are no networks")


def test_network_is_imported_and_removed(nst: Nst, store: Path, workdir: Path) -> None:
    shutil.copy(store / "vgg16.onnx", workdir / "mine.onnx")
    arguments = ("models", "import", "mine.onnx", "--as", "mine", "--store", store)
    assert nst(*arguments, "--json").json["architecture"] == "vgg16"
    assert_refused(nst(*arguments), "There is already a network mine.")
    assert nst(*arguments, "--force").code == 0
    assert nst("models", "remove", "mine", "--store", store).out == "Removed mine.\n"
    assert ModelStore(store).names() == ("vgg16",)
    assert_refused(nst("models", "remove", "mine", "--store", store), "There is no network 'mine'")


def test_imported_network_paints(nst: Nst, store: Path, workdir: Path) -> None:
    shutil.move(store / "vgg16.onnx", store / "own.onnx")
    arguments = ("-o", "out.png", "--iterations", 1, "--coarsest", 0, "--store", store)
    assert_refused(nst("stylize", "photo.png", "painting.png", *arguments), "No network is installed")
    assert nst("stylize", "photo.png", "painting.png", *arguments, "--model", "own").code == 0


def test_bad_file_or_name_is_refused(nst: Nst, store: Path, workdir: Path) -> None:
    (workdir / "mine.pth").write_bytes(b"not weights")
    before = sorted(path.name for path in store.iterdir() if not path.name.startswith(".lock"))
    for name, words in (
        ("missing.pth", "missing.pth"),
        ("mine.pth", "mine.pth"),
        ("photo.png", "does not end in one of"),
    ):
        assert_refused(nst("models", "import", name, "--as", "own", "--store", store), words)
    assert_refused(nst("models", "import", "mine.pth", "--as", "a/b", "--store", store), "cannot be the name")
    assert_refused(nst("models", "fetch", "vgg17", "--store", store), "Did you mean 'vgg1")
    assert sorted(path.name for path in store.iterdir() if not path.name.startswith(".lock")) == before


def test_fetch_keeps_an_intact_network(nst: Nst, store: Path) -> None:
    before = (store / "vgg16.onnx").stat().st_mtime_ns
    fetched = nst("models", "fetch", "vgg16", "--store", store, "--json")
    assert json.loads(fetched.out)["name"] == "vgg16"
    assert (store / "vgg16.onnx").stat().st_mtime_ns == before
