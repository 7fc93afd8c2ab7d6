"""Decoding in a child process: a file that crashes, hangs or fills a decoder costs itself and nobody else.

Children are started anew, not forked (librdkafka's threads do not survive a fork), on first use, and are kept. They get
a small part of the environment, so no credential, and end when this process does, however it does.
"""

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import numpy as np

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.limits import DEFAULT_LIMITS, Limits
from streams.formats.pipe import Reply, Request
from streams.formats.process import ChildProcess, DecoderDied
from streams.formats.reading import Description, framed
from streams.formats.writing import check_fit

GIBIBYTE = 1024**3


class Decoder:
    """Reads image files in limited child processes; the calls are those of `reading` and `writing`.

    Threads may share it; ``children`` files are read at a time. Every call raises `InvalidImage` as the function of its
    name does, and also where the file kills its child, or takes more than its share of memory or time; `RuntimeError`
    means that the decoder itself cannot work.

    Parameters
    ----------
    children
        Processes at the most. Each starts with the first call that finds none idle.
    memory_bytes
        Memory of one child beyond its libraries: the file, its levels, and a copy while it is decoded.
    timeout_s
        Time for one file.
    """

    def __init__(
        self,
        *,
        children: int = 1,
        limits: Limits = DEFAULT_LIMITS,
        memory_bytes: int = 6 * GIBIBYTE,
        timeout_s: float = 30.0,
    ) -> None:
        self._limits = limits
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._children = children
        self._closed = False
        # Last in, first out: with little to do one child stays warm and the others are never started.
        self._idle: queue.LifoQueue[ChildProcess | None] = queue.LifoQueue()
        for _ in range(children):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def describe(self, data: bytes) -> Description:
        """Read a file to its end and say what it is."""
        self._limits.check_file(len(data))
        request = Request(call="describe", limits=self._limits, file_bytes=len(data))
        reply, _ = self._ask(request, data, max_bytes=0)
        if reply.description is None:
            raise InvalidImage("the decoder answered without a description")
        return reply.description

    def specimen(self, data: bytes, page: int, roi: Roi) -> Frame:
        """Decode the specimen of one page."""
        self._limits.check_file(len(data))
        request = Request(call="specimen", limits=self._limits, file_bytes=len(data), page=page, roi=roi)
        reply, levels = self._ask(request, data, max_bytes=4 * roi.width * roi.height)
        if reply.levels is None or len(levels) != roi.width * roi.height * np.dtype(reply.levels.dtype).itemsize:
            raise InvalidImage("the decoder answered without the pixels of the roi")
        stored = np.frombuffer(levels, reply.levels.dtype).reshape(roi.height, roi.width)
        return framed(stored, reply.levels.scale)

    def stitched(self, original: bytes, page: int, roi: Roi, selected: Frame) -> bytes:
        """Put a selected frame in the place of the specimen and write the page as a TIFF file."""
        check_fit(selected, roi)
        self._limits.check_file(len(original))
        request = Request(call="stitched", limits=self._limits, file_bytes=len(original), page=page, roi=roi)
        largest = 4 * self._limits.max_pixels + 2 * len(original)
        _, file = self._ask(request, original, selected.pixels.data.cast("B"), max_bytes=largest)
        return bytes(file)

    def close(self) -> None:
        """End the children, each after the file that it is reading."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self._children):
            if child := self._idle.get():
                child.end()
        for _ in range(self._children):
            self._idle.put(None)

    def _ask(self, request: Request, *blobs: bytes | memoryview, max_bytes: int) -> tuple[Reply, memoryview]:
        deadline_s = self._timeout_s
        try:
            with self._child() as child:
                reply, blob = child.ask(request, *blobs, max_bytes=max_bytes, deadline=time.monotonic() + deadline_s)
        except TimeoutError as error:
            raise InvalidImage(f"decoding takes longer than the {deadline_s:g} s that a file may take") from error
        except DecoderDied as error:
            raise InvalidImage(str(error)) from error
        if reply.fault is not None:
            raise RuntimeError(f"the decoder cannot work: {reply.fault}")
        if reply.invalid is not None:
            raise InvalidImage(reply.invalid)
        return reply, blob

    @contextmanager
    def _child(self) -> Iterator[ChildProcess]:
        """Lend an idle child, a new one where it is dead; one that fails its borrower is not lent again."""
        child = self._idle.get()
        try:
            child = self._alive(child)
            yield child
        except BaseException:
            if child:
                child.kill()
            child = None
            raise
        finally:
            self._idle.put(child)

    def _alive(self, child: ChildProcess | None) -> ChildProcess:
        if self._closed:
            raise RuntimeError("the decoder is closed")
        if child and child.alive:
            return child
        if child:
            child.kill()
        return ChildProcess(memory_bytes=self._memory_bytes, cpu_s=int(2 * self._timeout_s) + 1)
