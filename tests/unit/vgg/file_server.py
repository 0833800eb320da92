"""A local web server that serves files and misbehaves on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class FileServer:
    """The files to serve and the faults to show.

    ``cuts`` are the numbers of bytes after which the next connections break, ``statuses`` the next answers.
    Without ``ranges`` the server cannot resume; with ``wrong_range`` it sends another part than requested.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    wrong_range: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    url: str = ""


def handler_for(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            byte_range = self.headers.get("Range")
            server.requests.append((self.path, byte_range))
            server.logins.append(self.headers.get("Authorization"))
            if self.path in server.redirects:
                self.answer(302, b"", {"Location": server.redirects[self.path]})
            elif server.statuses:
                self.answer(server.statuses.pop(0), b"")
            elif self.path not in server.files:
                self.answer(404, b"nothing here")
            else:
                self.serve(server.files[self.path], byte_range)

        def serve(self, content: bytes, byte_range: str | None) -> None:
            start = int(byte_range.removeprefix("bytes=").rstrip("-")) if byte_range and server.ranges else 0
            if start and start >= len(content):
                self.answer(416, b"")
                return
            headers = {"Content-Type": server.types.get(self.path, "application/octet-stream")}
            if start:
                answered_start = start + 1 if server.wrong_range else start
                headers["Content-Range"] = f"bytes {answered_start}-{len(content) - 1}/{len(content)}"
            self.answer(206 if start else 200, content[start:], headers)

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status in (200, 206) and server.cuts:
                self.wfile.write(body[: server.cuts.pop(0)])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
            else:
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

        def finish(self) -> None:
            if not self.connection._closed:
                super().finish()

    return Handler


class QuietServer(ThreadingHTTPServer):
    """A server that prints nothing about clients that disconnect, as they do in these tests."""

    def handle_error(self, *_arguments: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[FileServer]:
    """Run a server on a free port until the block ends."""
    server = FileServer()
    with QuietServer(("127.0.0.1", 0), handler_for(server)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        server.url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
