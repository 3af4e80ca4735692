"""A web server on loopback that serves one file, as well or as badly as a test wants."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is served and how."""

    content: bytes
    url: str = ""
    mark: str = '"one"'
    cuts: list[int] = field(default_factory=list)
    """After how many bytes of the answer the next connections break off."""
    ranges: bool = True
    stall: threading.Event | None = None
    """Once half of an answer is out, wait for this."""
    statuses: list[int] = field(default_factory=list)
    """What the next requests are refused with."""
    length: bool = True
    shift: int = 0
    """By how much an answer to a range begins elsewhere than it was asked to."""
    asked: list[str] = field(default_factory=list)
    """The Range of every request."""


class _Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        served = self.served
        served.asked.append(self.headers.get("Range", ""))
        if served.statuses:
            self.send_error(served.statuses.pop(0))
            return
        begin = self._begin()
        if begin >= len(served.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(served.content)}")
            self.end_headers()
            return
        body = served.content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(served.content) - 1}/{len(served.content)}")
        if served.mark:
            self.send_header("ETag", served.mark)
        if served.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self._send(body)

    def _begin(self) -> int:
        asked = self.headers.get("Range", "")
        if asked and self.served.ranges and self.headers.get("If-Range", self.served.mark) == self.served.mark:
            return max(1, int(asked.removeprefix("bytes=").rstrip("-")) + self.served.shift)
        return 0

    def _send(self, body: bytes) -> None:
        if self.served.cuts:
            self.wfile.write(body[: self.served.cuts.pop(0)])
            return
        half = len(body) // 2
        self.wfile.write(body[:half])
        if self.served.stall:
            self.served.stall.wait(30)
        self.wfile.write(body[half:])

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Served]:
    """Serve a file under any name below `url`."""
    served = Served(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    served.url = f"http://127.0.0.1:{server.server_port}/models"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        if served.stall:
            served.stall.set()
        server.shutdown()
        server.server_close()
        thread.join()
