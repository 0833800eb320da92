"""A package index on this machine that can break off in the middle of a file, and hold files back."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.install.checkout import PATIENCE, Checkout


class IndexHandler(BaseHTTPRequestHandler):
    """Serves a folder of wheels. Files wait for ``released``; the first ``cuts`` downloads break off."""

    wheels: Path
    cuts = 0
    released: threading.Event

    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[-1]
        if name.endswith(".whl"):
            self.send_wheel((self.wheels / name).read_bytes())
            return
        links = "".join(f'<a href="/files/{wheel.name}">{wheel.name}</a>\n'
                        for wheel in self.wheels.glob(f"{name}-*.whl"))  # fmt: skip
        self.send(200 if links else 404, links.encode(), "text/html")

    def send_wheel(self, content: bytes) -> None:
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        self.end_headers()
        handler = type(self)
        handler.released.wait(PATIENCE)
        if handler.cuts and "ballast" in self.path:
            handler.cuts -= 1
            self.wfile.write(content[start : start + 20_000])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(content[start:])

    def send(self, code: int, content: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(checkout: Checkout, *, cuts: int = 0, hold: bool = False) -> Iterator[threading.Event]:
    """Serve the checkout's wheels over HTTP as pip's only index.

    Yields an event: with ``hold``, files are sent only once it is set.
    """
    released = threading.Event()
    if not hold:
        released.set()
    handler = type(
        "Handler", (IndexHandler,), {"wheels": checkout.wheels, "cuts": cuts, "released": released}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checkout.variables.update(PIP_INDEX_URL=f"http://127.0.0.1:{server.server_port}/simple")
    try:
        yield released
    finally:
        released.set()
        server.shutdown()
        del checkout.variables["PIP_INDEX_URL"]
