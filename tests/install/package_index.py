"""A package index on this machine that can break off in the middle of a file, and be slow."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.install.checkout import Checkout


class Index(BaseHTTPRequestHandler):
    """A package index over a folder of wheels, which can break off in the middle of a file."""

    wheels: Path
    cuts = 0
    pause = 0.0

    def do_GET(self) -> None:
        name = self.path.strip("/").split("/")[-1]
        if name.endswith(".whl"):
            self.send_wheel((self.wheels / name).read_bytes())
            return
        links = "".join(f'<a href="/files/{each.name}">{each.name}</a>\n'
                        for each in self.wheels.glob(f"{name}-*.whl"))  # fmt: skip
        self.answer(200 if links else 404, links.encode(), "text/html")

    def send_wheel(self, content: bytes) -> None:
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        self.end_headers()
        server = type(self)
        time.sleep(server.pause)
        if server.cuts and "ballast" in self.path:
            server.cuts -= 1
            self.wfile.write(content[start : start + 20_000])
            self.wfile.flush()
            self.connection.close()
            return
        self.wfile.write(content[start:])

    def answer(self, code: int, content: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(checkout: Checkout, cuts: int = 0, pause: float = 0.0) -> Iterator[None]:
    """Serve the checkout's wheels over HTTP and let pip know of nothing else."""
    handler = type("Handler", (Index,), {"wheels": checkout.wheels, "cuts": cuts, "pause": pause})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    checkout.variables.update(PIP_INDEX_URL=f"http://127.0.0.1:{server.server_port}/simple")
    try:
        yield
    finally:
        server.shutdown()
        del checkout.variables["PIP_INDEX_URL"]
