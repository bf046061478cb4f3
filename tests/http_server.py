"""A web server on this machine for tests: it logs what it was asked and sent, and misbehaves where told to."""

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What lies at one address, and how the server gives it. A test may change both between requests."""

    body: bytes = b""
    etag: str | None = '"first"'
    modified: str | None = None
    ranges: bool = True  # False: always the whole
    obeys_if_range: bool = True  # False: the range of whatever version there is
    tells_length: bool = True  # False: the end of the connection is the end of the body
    errors: list[int] = field(default_factory=list)  # the statuses of the next answers, which have no body
    breaks: list[int] = field(default_factory=list)  # the next connections end after so many bytes of the body
    resets: bool = False  # they end with a reset
    hold: threading.Event | None = None  # half of the body comes before it is set, half after
    location: str | None = None  # redirects there


@dataclass
class Answer:
    """One line of the server's log."""

    path: str
    range: str | None
    if_range: str | None
    agent: str | None
    status: int = 0
    sent: int = 0  # bytes of the body


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Page] = {}
        self.log: list[Answer] = []

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, page: Page) -> str:
        """Its address."""
        self.pages[path] = page
        return self.address(path)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = Answer(self.path, self.headers["Range"], self.headers["If-Range"], self.headers["User-Agent"])
        self.server.log.append(asked)
        page = self.server.pages.get(self.path)
        if page is None or page.errors:
            asked.status = page.errors.pop(0) if page else 404
            self.send_error(asked.status)
        elif page.location is not None:
            asked.status = 302
            self.send_response(302)
            self.send_header("Location", page.location)
            self.end_headers()
        else:
            self.give(page, asked)

    def give(self, page: Page, asked: Answer) -> None:
        start = self.start(page)
        if start >= len(page.body) > 0:
            asked.status = 416
            self.send_error(416)
            return
        asked.status = 206 if start else 200
        self.send_response(asked.status)
        headers = {"ETag": page.etag, "Last-Modified": page.modified}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(page.body) - 1}/{len(page.body)}"
        if page.tells_length:
            headers["Content-Length"] = str(len(page.body) - start)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # a client may be killed
            self.send(page, page.body[start:], asked)

    def start(self, page: Page) -> int:
        """Where the answer begins: 0 for the whole."""
        span = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        same = self.headers["If-Range"] in (None, page.etag, page.modified)
        return int(span[1]) if span and page.ranges and (same or not page.obeys_if_range) else 0

    def send(self, page: Page, body: bytes, asked: Answer) -> None:
        if page.breaks:
            body = body[: page.breaks.pop(0)]
            if page.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        half = len(body) // 2 if page.hold else len(body)
        for piece in (body[:half], body[half:]):
            asked.sent += len(piece)  # before, as the client may look as soon as it has it
            self.wfile.write(piece)
            if page.hold:
                page.hold.wait()

    def log_message(self, format: str, *args: object) -> None:
        """The server's own log is enough."""


@contextmanager
def serve() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
