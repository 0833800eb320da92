"""Downloads from a local server: complete, interrupted, wrong, missing, refused."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg import download as download_module
from nst_core.vgg.download import download
from nst_core.vgg.fetched_files import FetchProgress
from nst_core.vgg.package_index import IndexSettings
from nst_core.vgg.sources import WeightSource
from tests.unit.vgg.file_server import FileServer, serve

CONTENT = np.random.default_rng(3).bytes(3_000_000)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        running.files["/weights.pth"] = CONTENT
        yield running


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "PAUSE", 0.0)
    monkeypatch.setattr(download_module, "read_settings", IndexSettings)  # pip takes half a second


def source(url: str, content: bytes = CONTENT) -> WeightSource:
    return WeightSource(
        file_name="weights.pth",
        location=f"{url}/weights.pth",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        reader="torch",
        normalisation="torchvision",
        title="test",
        licence="none",
    )


class ProgressLog(list[FetchProgress]):
    def __call__(self, progress: FetchProgress) -> None:
        self.append(progress)


def fail(weight_source: WeightSource, folder: Path) -> NstError:
    with pytest.raises(NstError) as caught:
        download(weight_source, folder, ProgressLog())
    return caught.value


def test_whole_file_is_downloaded(server, tmp_path):
    log = ProgressLog()
    path = download(source(server.url), tmp_path, log)
    assert path.read_bytes() == CONTENT
    received = [step.done for step in log if step.phase == "download"]
    assert received == sorted(received)
    assert log[-1] == FetchProgress("check", len(CONTENT), len(CONTENT))
    assert received[-1] == len(CONTENT)


def test_interrupted_connection_is_resumed(server, tmp_path):
    server.cuts = [1_000_000, 700_000]
    path = download(source(server.url), tmp_path, ProgressLog())
    assert path.read_bytes() == CONTENT
    assert [byte_range for _, byte_range in server.requests] == [None, "bytes=1000000-", "bytes=1700000-"]


def test_bytes_of_an_earlier_call_are_used(server, tmp_path):
    class StopError(Exception):
        pass

    def stop_after_a_while(progress: FetchProgress) -> None:
        if progress.done >= 1_500_000:
            raise StopError

    with pytest.raises(StopError):
        download(source(server.url), tmp_path, stop_after_a_while)
    received = (tmp_path / "weights.pth.part").stat().st_size
    assert 1_500_000 <= received < len(CONTENT)
    log = ProgressLog()
    assert download(source(server.url), tmp_path, log).read_bytes() == CONTENT
    assert server.requests[-1] == ("/weights.pth", f"bytes={received}-")
    assert log[0].done > received


def test_complete_file_is_not_downloaded_again(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    download(source(server.url), tmp_path, ProgressLog())
    assert server.requests == []


def test_server_that_cannot_resume_starts_over(server, tmp_path):
    server.ranges = False
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    assert download(source(server.url), tmp_path, ProgressLog()).read_bytes() == CONTENT


def test_wrong_beginning_is_downloaded_again(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    assert download(source(server.url), tmp_path, ProgressLog()).read_bytes() == CONTENT
    assert [byte_range for _, byte_range in server.requests] == ["bytes=1000-", None]


def test_wrong_file_is_deleted(server, tmp_path):
    server.files["/weights.pth"] = CONTENT[:-1] + b"?"
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.WRONG_HASH
    assert list(tmp_path.iterdir()) == []


def test_file_of_another_size_is_refused(server, tmp_path):
    server.files["/weights.pth"] = CONTENT + b"more"
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "3000004 bytes" in error.message
    assert list(tmp_path.iterdir()) == []


def test_wrong_range_is_not_appended(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:1000])
    server.wrong_range = True
    assert fail(source(server.url), tmp_path).code is ErrorCode.DOWNLOAD_FAILED
    assert (tmp_path / "weights.pth.part").read_bytes() == CONTENT[:1000]


def test_missing_file_is_reported_without_a_retry(server, tmp_path):
    server.files.clear()
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "404" in error.message
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_busy_server_is_retried(server, tmp_path):
    server.statuses = [503, 429]
    assert download(source(server.url), tmp_path, ProgressLog()).read_bytes() == CONTENT


def test_server_that_stays_busy_fails(server, tmp_path):
    server.statuses = [503] * 10
    assert "503" in fail(source(server.url), tmp_path).message
    assert len(server.requests) == download_module.ATTEMPTS


def test_refused_connection_is_reported_with_advice(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    error = fail(source(url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "there is no connection to 127.0.0.1" in error.message
    assert f"{url}/weights.pth" in error.hint
    assert "nst models import weights.pth --as weights.pth" in error.hint
    assert list(tmp_path.iterdir()) == []


def test_proxy_of_pip_is_used(server, tmp_path, monkeypatch):
    """A client requests whole URLs from a proxy, on any host."""
    server.files["http://weights.example/weights.pth"] = CONTENT
    settings = IndexSettings(proxy=server.url, trusted=("weights.example",))
    monkeypatch.setattr(download_module, "read_settings", lambda: settings)
    path = download(source("http://weights.example"), tmp_path, ProgressLog())
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["http://elsewhere.example/weights.pth", "http://elsewhere.example:80/x"])
def test_redirect_to_an_unverified_server_is_not_followed(server, tmp_path, target):
    server.redirects["/weights.pth"] = target
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "elsewhere.example is not verified" in error.message
    assert len(server.requests) == 1


def test_unverified_server_is_not_asked(tmp_path):
    assert "weights.example is not verified" in fail(source("http://weights.example"), tmp_path).message


def test_proxy_that_does_not_answer_is_named(tmp_path, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    for name in ("https_proxy", "no_proxy", "NO_PROXY", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://zoe:secret@{address}")
    error = fail(source("https://weights.example"), tmp_path)
    assert f"the proxy {address} (from HTTPS_PROXY) does not answer" in error.message
    assert "secret" not in str(error)


def test_machine_without_a_connection_is_told(tmp_path, monkeypatch):
    def resolve(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = fail(source("https://weights.example"), tmp_path)
    assert "there is no connection to weights.example" in error.message
    assert "nst models import" in error.hint


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "gopher://127.0.0.1:70"])
def test_unusable_proxy_is_reported(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = fail(source("http://weights.example"), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "proxy" in error.message
    assert "HTTPS_PROXY" in error.hint


def test_unwritable_folder_is_reported(server, tmp_path):
    error = fail(source(server.url), tmp_path / "missing")
    assert error.code is ErrorCode.UNWRITABLE_OUTPUT


def test_full_disk_is_reported(server, tmp_path, monkeypatch):
    import errno

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    open_partial_file = download_module.open_partial_file

    class FullDiskFile:
        def __init__(self, file):
            self.file = file
            self.write = full

        def __enter__(self):
            return self

        def __exit__(self, *_arguments):
            self.file.close()

    monkeypatch.setattr(
        download_module, "open_partial_file", lambda path, start: FullDiskFile(open_partial_file(path, start))
    )
    assert fail(source(server.url), tmp_path).code is ErrorCode.DISK_FULL
