import socket
import struct
import time
from collections.abc import Iterator

import pytest

from streams.formats.pipe import Reply, receive, send

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_message_arrives_as_it_was_sent(ends: Ends) -> None:
    ours, theirs = ends
    send(ours, Reply(invalid="a reason"), memoryview(b"abc"), memoryview(b"de"))
    header, blob = receive(theirs, max_bytes=5)
    assert Reply.from_json(header) == Reply(invalid="a reason")
    assert bytes(blob) == b"abcde"


@pytest.mark.parametrize(("header_bytes", "blob_bytes"), [(2**32 - 1, 0), (2, 6), (2, 2**64 - 1)])
def test_a_message_that_claims_to_be_too_long_is_not_waited_for(ends: Ends, header_bytes: int, blob_bytes: int) -> None:
    ours, theirs = ends
    ours.sendall(struct.pack("<IQ", header_bytes, blob_bytes))
    with pytest.raises(ValueError, match="a message of"):
        receive(theirs, max_bytes=5)


def test_a_line_that_ends_is_an_end(ends: Ends) -> None:
    ours, theirs = ends
    ours.sendall(struct.pack("<IQ", 2, 100) + b"{}half")
    ours.close()
    with pytest.raises(EOFError):
        receive(theirs, max_bytes=100)


def test_nobody_waits_beyond_the_deadline(ends: Ends) -> None:
    ours, theirs = ends
    with pytest.raises(TimeoutError):
        receive(theirs, max_bytes=5, deadline=time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        send(ours, Reply(), memoryview(bytes(10_000_000)), deadline=time.monotonic() + 0.05)
