"""What a process answers over HTTP: its metrics, that it is alive, and whether it is ready."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import UsageError
from streams.telemetry.discovery import listed
from streams.telemetry.registry import Telemetry

PLAIN = "text/plain; charset=utf-8"

WhyNot = Callable[[], str | None]


@contextmanager
def served(
    telemetry: Telemetry, why_not_ready: WhyNot, *, port: int, address: str = "127.0.0.1", targets: Path | None = None
) -> Iterator[None]:
    """Answer ``GET /metrics``, ``/healthz`` and ``/readyz`` in background threads while the block runs.

    Meanwhile a file in the folder ``targets`` leads Prometheus here.

    Raises
    ------
    UsageError
        If the port cannot be listened on.
    """
    try:
        server = _Server((address, port), _handler(telemetry, why_not_ready))
    except OSError as error:
        raise UsageError(f"cannot serve metrics on {address}:{port}: {error.strerror}; choose another port") from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        with listed(targets, port):
            yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a caller that never hangs up must not keep the process

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the parent's types
        """Say nothing of callers who hang up before the answer; all else is a bug, and printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(telemetry: Telemetry, why_not_ready: WhyNot) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 30  # seconds for a caller to say what it wants

        def do_GET(self) -> None:
            status, kind, body = _answer(urlsplit(self.path).path, telemetry, why_not_ready)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep calls that come every few seconds out of the log."""

    return Handler


def _answer(path: str, telemetry: Telemetry, why_not_ready: WhyNot) -> tuple[int, str, bytes]:
    """Return status, content type and body."""
    if path == "/metrics":
        return 200, CONTENT_TYPE_LATEST, generate_latest(telemetry.registry)
    if path == "/healthz":
        return 200, PLAIN, b"alive\n"
    if path == "/readyz":
        reason = why_not_ready()
        return (200, PLAIN, b"ready\n") if reason is None else (503, PLAIN, f"{reason}\n".encode())
    return 404, PLAIN, b"there are /metrics, /healthz and /readyz\n"
