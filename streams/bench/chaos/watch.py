"""Watches the last topic as a consumer would, read committed, to know when results come again."""

import math
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Protocol

import orjson

from streams.transport import Message

POLL_S = 0.05


class Reader(Protocol):
    """Reads a topic from its beginning."""

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for messages."""

    def close(self) -> None:
        """Leave."""


class Watch:
    """When each acquisition's selection was seen first, in monotonic seconds."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: dict[str, float] = {}
        self._ended = threading.Event()
        self.failure: BaseException | None = None

    @property
    def selected(self) -> int:
        """Acquisitions selected so far."""
        return len(self._seen)

    def first_after(self, moment: float) -> float:
        """Return when the first selection after a moment was seen; infinity if none was."""
        return min((at for at in list(self._seen.values()) if at > moment), default=math.inf)

    def last_of(self, acquisitions: Collection[str]) -> float:
        """Return when the last of these was selected; infinity while one is not."""
        return max((self._seen.get(one, math.inf) for one in acquisitions), default=-math.inf)

    def wait_for(self, acquisitions: Collection[str], deadline: float) -> bool:
        """Wait until all of these are selected; False at the deadline."""
        while math.isinf(self.last_of(acquisitions)):
            if self.failure is not None:
                raise self.failure
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def run(self) -> None:
        """Watch until `end`."""
        try:
            while not self._ended.is_set():
                self._note(self._reader.poll(limit=500, timeout_s=POLL_S))
        except BaseException as error:  # raised again by wait_for()
            self.failure = error
        finally:
            self._reader.close()

    def end(self) -> None:
        """Watch no more."""
        self._ended.set()

    def _note(self, messages: list[Message]) -> None:
        now = time.monotonic()
        for message in messages:
            self._seen.setdefault(orjson.loads(message.value or b"")["acquisition"]["acquisition_id"], now)


@contextmanager
def watching(reader: Reader) -> Iterator[Watch]:
    """Run a watch."""
    watch = Watch(reader)
    thread = threading.Thread(target=watch.run, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.end()
        thread.join()
