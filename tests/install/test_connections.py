"""Servers that cannot be verified, redirects, passwords, and what is told without a connection."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from nst_install import connections, environment, index, verification
from nst_install.console import Console
from nst_install.errors import InstallError
from nst_install.paths import find_paths

QUIET = Console(quiet=True)
VARIABLES = ("PIP_PROXY", "PIP_CERT", "PIP_TRUSTED_HOST", "UV_INSECURE_HOST", "NST_UNVERIFIED")
PROXIES = (*connections.PROXY_VARIABLES, "http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def clean_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of this machine's proxies and settings."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in (*VARIABLES, *PROXIES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a list of certificate authorities."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(verification, "AUTHORITIES", ())


def fetch(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", url)
    index.fetch("pip", "pip-1.whl", folder / "pip-1.whl", QUIET)


def test_nothing_is_downloaded_without_authorities(no_authorities, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(InstallError) as caught:
        fetch("https://zoe:secret@index.example/simple", tmp_path, monkeypatch)
    assert "index.example" in caught.value.message
    assert "secret" not in str(caught.value)
    assert "ca-certificates" in caught.value.hint
    assert "NST_UNVERIFIED=1" in caught.value.hint


def test_authorities_of_the_system_are_found_by_any_python(no_authorities, tmp_path, monkeypatch):
    assert verification.tls_context() is None
    import pip._vendor.certifi as certifi

    monkeypatch.setattr(verification, "AUTHORITIES", (str(tmp_path / "missing"), certifi.where()))
    context = verification.tls_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(("name", "value"), [("NST_UNVERIFIED", "1"), ("PIP_TRUSTED_HOST", "index.example")])
def test_user_may_ask_to_do_without(no_authorities, monkeypatch, name, value):
    """No password is sent then."""
    opened = []
    monkeypatch.setenv(name, value)

    def build_opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
        opened.extend(type(handler).__name__ for handler in handlers)
        raise ConnectionRefusedError

    monkeypatch.setattr(urllib.request, "build_opener", build_opener)
    with pytest.raises(ConnectionRefusedError):
        index._open("https://zoe:secret@index.example/simple")
    assert "HTTPSHandler" in opened
    assert "HTTPBasicAuthHandler" not in opened


def test_address_without_https_is_used_only_if_trusted(monkeypatch):
    with pytest.raises(InstallError, match="http:") as caught:
        verification.context_for("http://index.example/simple")
    assert "PIP_TRUSTED_HOST=index.example" in caught.value.hint
    monkeypatch.setenv("PIP_TRUSTED_HOST", "other.example index.example:8080")
    verification.context_for("http://index.example:8080/simple")
    with pytest.raises(InstallError):
        verification.context_for("http://index.example/simple")
    for local in (
        "http://127.0.0.1:9/simple",
        "http://localhost/simple",
        "http://[::1]/simple",
        "file:///simple",
    ):
        verification.context_for(local)


class Redirecting(BaseHTTPRequestHandler):
    """Redirects its pages to ``target``, and remembers the passwords that it gets."""

    target = ""
    logins: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        type(self).logins.append(self.headers.get("Authorization"))
        if self.target:
            self.send_response(302)
            self.send_header("Location", self.target)
        elif "Authorization" not in self.headers:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        else:
            self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[list[tuple[str, type[Redirecting]]]]:
    """Two servers: address and handler."""
    running = []
    for _ in range(2):
        handler = type("Handler", (Redirecting,), {"logins": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        running.append((server, handler))
    yield [(f"127.0.0.1:{server.server_port}", handler) for server, handler in running]
    for server, _ in running:
        server.shutdown()
        server.server_close()


def test_password_does_not_follow_a_redirect(servers, tmp_path, monkeypatch):
    (first, redirecting), (second, other) = servers
    redirecting.target = f"http://{second}/simple/pip/"
    with pytest.raises(InstallError, match="cannot be reached"):
        fetch(f"http://zoe:secret@{first}/simple", tmp_path, monkeypatch)
    assert other.logins == [None]


@pytest.mark.parametrize("target", ["http://elsewhere.example/simple/", "ftp://127.0.0.1/x"])
def test_redirect_to_an_unverified_server_is_not_followed(servers, tmp_path, monkeypatch, target):
    (first, redirecting), _ = servers
    redirecting.target = target
    with pytest.raises(InstallError, match="http"):
        fetch(f"http://{first}/simple", tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("url", "has_login"),
    [
        ("https://index.example/files/a", True),
        ("http://index.example/files/a", False),
        ("https://index.example:8443/files/a", False),
        ("https://index.example.evil.example/a", False),
    ],
)
def test_password_of_the_index_goes_to_the_same_server_only(url, has_login):
    assert ("secret" in index._with_login_of("https://zoe:secret@index.example/simple", url)) is has_login


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def test_proxy_that_does_not_answer_is_named(tmp_path, monkeypatch):
    port = closed_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://zoe:secret@127.0.0.1:{port}")
    with pytest.raises(InstallError) as caught:
        fetch("https://index.example/simple", tmp_path, monkeypatch)
    assert caught.value.message == f"The proxy 127.0.0.1:{port} (from HTTPS_PROXY) does not answer."
    assert "install.py bundle" in caught.value.hint


def test_machine_without_a_connection_is_told(tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(InstallError) as caught:
        fetch("https://index.example/simple", tmp_path, monkeypatch)
    assert caught.value.message == "There is no connection to index.example."
    assert "HTTPS_PROXY" in caught.value.hint
    assert "install.py bundle" in caught.value.hint


RETRYING = "WARNING: Retrying (Retry(total=0)) after connection broken by "
NO_MATCH = "\nERROR: No matching distribution found for click==8.1.7"


@pytest.mark.parametrize(
    ("proxy", "tail", "message"),
    [
        (
            "",
            "'NameResolutionError(\"HTTPSConnection(host='files.example', port=443): Failed to resolve\")'",
            "There is no connection to files.example.",
        ),
        (
            "127.0.0.1:9",
            "'NewConnectionError(\"HTTPSConnection(host='127.0.0.1', port=9): Failed to establish\")'",
            "The proxy 127.0.0.1:9 (from HTTPS_PROXY) does not answer.",
        ),
        (
            "http://proxy.example:3128/",
            "'ProxyError('Cannot connect', OSError('Tunnel connection failed: 407 Proxy Authentication'))'",
            "The proxy proxy.example:3128 (from HTTPS_PROXY) refuses: 407 Proxy Authentication.",
        ),
    ],
)
def test_pips_words_about_a_connection_are_explained(tmp_path, monkeypatch, proxy, tail, message):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    paths = find_paths({"HOME": str(tmp_path)})
    error = environment.explain_failure(RETRYING + tail + NO_MATCH, "It failed", paths, offline=False)
    assert error.message == message
    assert "install.py bundle" in error.hint
