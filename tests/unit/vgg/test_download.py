"""Downloads from a server on this machine: whole, cut, wrong, missing, refused."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg import download as download_module
from nst_core.vgg.download import FetchProgress, download
from nst_core.vgg.package_index import IndexSettings
from nst_core.vgg.sources import Source
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
    monkeypatch.setattr(download_module, "read_settings", IndexSettings)  # pip takes half a second to say


def source(url: str, content: bytes = CONTENT) -> Source:
    return Source(
        file_name="weights.pth",
        place=f"{url}/weights.pth",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        reader="torch",
        normalisation="torchvision",
        title="test",
        licence="none",
    )


class Watch(list[FetchProgress]):
    def __call__(self, progress: FetchProgress) -> None:
        self.append(progress)


def fail(wanted: Source, folder: Path) -> NstError:
    with pytest.raises(NstError) as caught:
        download(wanted, folder, Watch())
    return caught.value


def test_a_whole_file(server, tmp_path):
    watch = Watch()
    path = download(source(server.url), tmp_path, watch)
    assert path.read_bytes() == CONTENT
    received = [step.done for step in watch if step.phase == "download"]
    assert received == sorted(received)
    assert watch[-1] == FetchProgress("check", len(CONTENT), len(CONTENT))
    assert received[-1] == len(CONTENT)


def test_a_cut_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.cuts = [1_000_000, 700_000]
    path = download(source(server.url), tmp_path, Watch())
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=1000000-", "bytes=1700000-"]


def test_what_an_earlier_call_left_is_used(server, tmp_path):
    class StopError(Exception):
        pass

    def stop_after_a_while(progress: FetchProgress) -> None:
        if progress.done >= 1_500_000:
            raise StopError

    with pytest.raises(StopError):
        download(source(server.url), tmp_path, stop_after_a_while)
    left = (tmp_path / "weights.pth.part").stat().st_size
    assert 1_500_000 <= left < len(CONTENT)
    watch = Watch()
    assert download(source(server.url), tmp_path, watch).read_bytes() == CONTENT
    assert server.requests[-1] == ("/weights.pth", f"bytes={left}-")
    assert watch[0].done > left


def test_a_file_that_is_already_whole_is_not_fetched(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT)
    download(source(server.url), tmp_path, Watch())
    assert server.requests == []


def test_a_server_that_cannot_resume_starts_over(server, tmp_path):
    server.ranges = False
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    assert download(source(server.url), tmp_path, Watch()).read_bytes() == CONTENT


def test_a_wrong_beginning_is_fetched_anew(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1000)
    assert download(source(server.url), tmp_path, Watch()).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == ["bytes=1000-", None]


def test_a_wrong_file_leaves_nothing(server, tmp_path):
    server.files["/weights.pth"] = CONTENT[:-1] + b"?"
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.WRONG_HASH
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_size_is_not_taken(server, tmp_path):
    server.files["/weights.pth"] = CONTENT + b"more"
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "3000004 bytes" in error.message
    assert list(tmp_path.iterdir()) == []


def test_another_range_than_asked_is_not_appended(server, tmp_path):
    (tmp_path / "weights.pth.part").write_bytes(CONTENT[:1000])
    server.wrong_range = True
    assert fail(source(server.url), tmp_path).code is ErrorCode.DOWNLOAD_FAILED
    assert (tmp_path / "weights.pth.part").read_bytes() == CONTENT[:1000]


def test_not_found_is_said_at_once(server, tmp_path):
    server.files.clear()
    error = fail(source(server.url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "404" in error.message
    assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.statuses = [503, 429]
    assert download(source(server.url), tmp_path, Watch()).read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(server, tmp_path):
    server.statuses = [503] * 10
    assert "503" in fail(source(server.url), tmp_path).message
    assert len(server.requests) == download_module.ATTEMPTS


def test_a_host_that_refuses(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    error = fail(source(url), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "127.0.0.1 cannot be reached" in error.message
    assert f"{url}/weights.pth" in error.hint
    assert "nst models import weights.pth --as weights.pth" in error.hint
    assert list(tmp_path.iterdir()) == []


def test_the_proxy_of_pip_is_used(server, tmp_path, monkeypatch):
    """A proxy is asked for whole URLs, wherever they are."""
    server.files["http://weights.example/weights.pth"] = CONTENT
    monkeypatch.setattr(download_module, "read_settings", lambda: IndexSettings(proxy=server.url))
    path = download(source("http://weights.example"), tmp_path, Watch())
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "gopher://127.0.0.1:70"])
def test_a_proxy_that_cannot_be_used_is_named(proxy, tmp_path, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = fail(source("http://weights.example"), tmp_path)
    assert error.code is ErrorCode.DOWNLOAD_FAILED
    assert "proxy" in error.message
    assert "HTTPS_PROXY" in error.hint


def test_a_folder_that_cannot_be_written(server, tmp_path):
    error = fail(source(server.url), tmp_path / "missing")
    assert error.code is ErrorCode.UNWRITABLE_OUTPUT


def test_a_full_disk_is_told_as_such(server, tmp_path, monkeypatch):
    import errno

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    real = download_module.open_part

    class Full:
        def __init__(self, file):
            self.file = file
            self.write = full

        def __enter__(self):
            return self

        def __exit__(self, *_arguments):
            self.file.close()

    monkeypatch.setattr(download_module, "open_part", lambda part, start: Full(real(part, start)))
    assert fail(source(server.url), tmp_path).code is ErrorCode.DISK_FULL
