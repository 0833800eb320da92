"""The worker's command that downloads a network."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from nst_core.errors import ErrorCode, NstError
from nst_core.vgg import sources
from nst_core.vgg.sources import WeightSource
from nst_core.worker import fetch
from tests.unit.vgg.file_server import serve

CONTENT = bytes(3_000_000)


@pytest.fixture
def events(monkeypatch, tmp_path):
    """Fetch bytes that are no network from a local server; return the events sent and the error raised."""
    monkeypatch.setenv("NST_MODELS", str(tmp_path))
    sent: list[tuple[str, dict[str, Any]]] = []
    with serve() as server:
        server.files["/vgg19.pth"] = CONTENT
        source = WeightSource(
            file_name="test.pth",
            location=f"{server.url}/vgg19.pth",
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            bytes=len(CONTENT),
            reader="torch",
            normalisation="torchvision",
            title="a test",
            licence="none",
        )
        monkeypatch.setattr(sources, "SOURCES", {"vgg19": (source,)})
        with pytest.raises(NstError) as caught:
            fetch.fetch("vgg19", lambda event, **fields: sent.append((event, fields)))
    return sent, caught.value


def test_progress_of_a_download_is_sent(events):
    sent, _error = events
    assert {event for event, _fields in sent} == {"fetch"}
    assert list(dict.fromkeys(fields["phase"] for _event, fields in sent)) == ["download", "check", "convert"]
    downloaded = [fields["done"] for _event, fields in sent if fields["phase"] == "download"]
    assert downloaded == sorted(downloaded)
    assert downloaded[-1] == len(CONTENT)
    assert all(fields["total"] == len(CONTENT) for _event, fields in sent if fields["phase"] == "download")


def test_file_that_is_no_network_is_refused(events):
    _sent, error = events
    assert error.code is ErrorCode.BAD_MODEL


def test_unknown_network_is_refused():
    with pytest.raises(NstError) as caught:
        fetch.fetch("vgg20", lambda _event, **_fields: None)
    assert caught.value.code is ErrorCode.UNKNOWN_MODEL
