"""Messages between the sandbox and its child: a JSON header and raw bytes. Nothing is unpickled on either side."""

import math
import socket
import struct
import time
from typing import Literal

from schemas.image import Roi
from schemas.model import Record
from streams.formats.limits import Limits
from streams.formats.page import Scale
from streams.formats.reading import Description

_LENGTHS = struct.Struct("<IQ")
_MAX_HEADER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 1024**2


class Request(Record):
    """What is asked of the child; the file's bytes follow, then the pixels of a selected frame if there is one."""

    call: Literal["describe", "specimen", "stitched"]
    limits: Limits
    file_bytes: int
    page: int = 0
    roi: Roi | None = None
    bits: int | None = None
    """Of the page's levels, if those have 16: as an option says, or as another reading found."""


class Levels(Record):
    """What the bytes after a reply are: stored levels, row by row, and how they are intensities."""

    dtype: Literal["uint8", "uint16", "float32"]
    scale: Scale


class Reply(Record):
    """What the child answers: why the file is invalid, what it is, or what the bytes are that follow."""

    invalid: str | None = None
    fault: str | None = None
    """What is wrong with the child; the file may be sound."""
    description: Description | None = None
    levels: Levels | None = None


def send(end: socket.socket, header: Record, *blobs: memoryview, deadline: float = math.inf) -> None:
    """Send one message; raises `OSError`, of which `TimeoutError` once ``time.monotonic()`` passes the deadline."""
    text = header.to_json()
    head = _LENGTHS.pack(len(text), sum(blob.nbytes for blob in blobs)) + text
    for part in (memoryview(head), *blobs):
        end.settimeout(_seconds_until(deadline))
        end.sendall(part)


def receive(end: socket.socket, *, max_bytes: int, deadline: float = math.inf) -> tuple[bytes, memoryview]:
    """Receive one message: its header and what follows.

    Raises
    ------
    EOFError
        If the other side is gone.
    OSError
        If the line fails; `TimeoutError` once ``time.monotonic()`` passes the deadline.
    ValueError
        If the message is longer than it may be.
    """
    header_bytes, blob_bytes = _LENGTHS.unpack(_exactly(end, _LENGTHS.size, deadline))
    if header_bytes > _MAX_HEADER_BYTES or blob_bytes > max_bytes:
        raise ValueError(f"a message of {header_bytes} + {blob_bytes} bytes")
    return bytes(_exactly(end, header_bytes, deadline)), _exactly(end, blob_bytes, deadline)


def _exactly(end: socket.socket, size: int, deadline: float) -> memoryview:
    view = memoryview(bytearray(size))
    filled = 0
    while filled < size:
        end.settimeout(_seconds_until(deadline))
        received = end.recv_into(view[filled:], min(_CHUNK_BYTES, size - filled))
        if not received:
            raise EOFError
        filled += received
    return view


def _seconds_until(deadline: float) -> float | None:
    """Give a socket's timeout: ``None`` waits for ever, and 0 would mean not to wait at all."""
    return None if deadline == math.inf else max(1e-3, deadline - time.monotonic())
