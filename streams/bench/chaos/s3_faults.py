"""A proxy before an S3 server that answers as a sick one would, on command.

::

    with FaultyS3("http://127.0.0.1:29000") as proxy:
        proxy.inject(Answer(503), Truncated())      # the next two requests
        proxy.policy = lambda request: Reset() if random.random() < 0.1 else None
"""

import http.client
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Answer:
    """An error answer; ``late``: after the store has done what it was asked."""

    status: int
    code: str = "InternalError"
    late: bool = False
    location: str = ""


@dataclass(frozen=True)
class Truncated:
    """The connection ends in the middle of the body."""


@dataclass(frozen=True)
class Shortened:
    """Half of the body, announced as the whole."""


@dataclass(frozen=True)
class Altered:
    """The body with one bit flipped, by the network: at a place that differs each time; or on the disk: the same."""

    on_disk: bool = False


@dataclass(frozen=True)
class Delayed:
    """The right answer, so many seconds late."""

    seconds: float


@dataclass(frozen=True)
class Reset:
    """The connection is reset; ``late``: after the store has done what it was asked."""

    late: bool = False


Fault = Answer | Truncated | Shortened | Altered | Delayed | Reset


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str


@dataclass(frozen=True)
class Reply:
    """What a server answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    length: str
    """As announced: the answer to a HEAD announces a body and has none."""


class FaultyS3:
    """A proxy in threads of this process, on a port of its own."""

    def __init__(self, upstream_url: str) -> None:
        self._upstream = urlsplit(upstream_url).netloc
        self._queue: deque[Fault] = deque()
        self._lock = threading.Lock()
        self.policy: Callable[[Request], Fault | None] = lambda request: None
        self.requests: list[tuple[Request, Fault | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def inject(self, *faults: Fault) -> None:
        """Give the next requests these faults, one each."""
        self._queue.extend(faults)

    def faults_left(self) -> int:
        """How many injected faults no request has met yet."""
        return len(self._queue)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault_for(self, request: Request) -> Fault | None:
        """Choose what happens to a request, and note it."""
        with self._lock:
            fault = self._queue.popleft() if self._queue else self.policy(request)
            self.requests.append((request, fault))
            return fault

    def flip(self, body: bytes, fault: Altered) -> bytes:
        """Return the body with one bit flipped."""
        at = len(self.requests) % len(body) if body and not fault.on_disk else 0
        return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] if body else body

    def forward(self, request: Request, headers: list[tuple[str, str]], body: bytes) -> Reply:
        """Ask the real store; the ``Host`` header stays as it was signed."""
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in {"connection", "expect"}:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        return Reply(answer.status, kept, data, answer.getheader("Content-Length") or str(len(data)))


def _handler(proxy: FaultyS3) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path)
            fault = proxy.fault_for(request)
            if isinstance(fault, Reset) and not fault.late:
                return self._reset()
            if isinstance(fault, Answer) and not fault.late:
                return self._send(_error(fault))
            if isinstance(fault, Delayed):
                time.sleep(fault.seconds)
            reply = proxy.forward(request, list(self.headers.items()), body)
            if isinstance(fault, Reset):
                return self._reset()
            return self._send(_spoilt(reply, fault, proxy), cut=isinstance(fault, Truncated))

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - named by the library

        def _send(self, reply: Reply, *, cut: bool = False) -> None:
            self.send_response_only(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", reply.length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
            self.wfile.flush()
            self.close_connection = cut

        def _reset(self) -> None:
            # Lingering for no time makes closing send a reset instead of a farewell.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError, http.client.HTTPException):  # the client or the store went away
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _error(fault: Answer) -> Reply:
    body = f"<?xml version='1.0'?><Error><Code>{fault.code}</Code><Message>on command</Message></Error>".encode()
    headers = [("Content-Type", "application/xml"), *([("Location", fault.location)] if fault.location else [])]
    return Reply(fault.status, headers, body, str(len(body)))


def _spoilt(reply: Reply, fault: Fault | None, proxy: FaultyS3) -> Reply:
    if isinstance(fault, Answer):
        return _error(fault)
    if isinstance(fault, Altered):
        return Reply(reply.status, reply.headers, proxy.flip(reply.body, fault), reply.length)
    if isinstance(fault, Shortened):
        half = reply.body[: len(reply.body) // 2]
        return Reply(reply.status, reply.headers, half, str(len(half)))
    return reply
