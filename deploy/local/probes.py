"""Questions to a server that show that it works, not only that its port is open."""

import socket
import ssl
import struct

from deploy.local.server import HOST

PATIENCE_S = 2.0
CANNOT_CONNECT_NOW = b"57P03"


def exchange(port: int, question: bytes, *, tls: bool = False) -> bytes:
    """Send ``question`` and give the first bytes of the answer; nothing when no one answers."""
    try:
        plain = socket.create_connection((HOST, port), timeout=PATIENCE_S)
        with plain, _encrypted(plain) if tls else plain as connection:
            connection.sendall(question)
            return connection.recv(4096)
    except OSError:
        return b""


def _encrypted(plain: socket.socket) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # whether the certificate is right is the clients' question
    return context.wrap_socket(plain)


def http_ok(port: int, path: str, *, tls: bool = False) -> bool:
    """Whether a GET of ``path`` is answered by 200."""
    question = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
    return exchange(port, question.encode(), tls=tls).startswith((b"HTTP/1.1 200", b"HTTP/1.0 200"))


def kafka_api_versions(port: int, *, tls: bool = False) -> bool:
    """Whether a broker answers ApiVersions (key 18, version 0), which it does before any authentication."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    answer = exchange(port, struct.pack(">i", len(request)) + request, tls=tls)
    return answer[4:10] == struct.pack(">ih", 1, 0)


def postgres_takes_clients(port: int, user: str) -> bool:
    """Whether PostgreSQL answers the start of a connection (protocol 3.0) by anything but "cannot connect now"."""
    start = struct.pack(">i", 3 << 16) + f"user\0{user}\0\0".encode()
    answer = exchange(port, struct.pack(">i", len(start) + 4) + start)
    return answer != b"" and CANNOT_CONNECT_NOW not in answer
