"""Decoding in a child process: a file that crashes, hangs or fills a decoder costs itself and nobody else.

Children are started anew, not forked (librdkafka's threads do not survive a fork), on first use, and are kept. They get
a small part of the environment, so no credential, and end when this process does, however it does.
"""

import threading
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
PATIENCE_S = 0.05
"""So long a call waits for a busy child before it starts another: that takes 0.4 s of a core, most files 1 ms."""


class Decoder:
    """Reads image files in limited child processes; the calls are those of `reading` and `writing`.

    Threads may share it; ``children`` files are read at a time. Every call raises `InvalidImage` as the function of its
    name does, and also where the file twice kills its child, or takes more than its share of memory or time: once may
    be the machine's doing. `RuntimeError` means that the decoder itself cannot work.

    Parameters
    ----------
    children
        Processes at the most. One starts with the first call, or with `warm`; each other when none gets idle in time.
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
        self._changed = threading.Condition()
        self._idle: list[ChildProcess] = []
        self._running = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def describe(self, data: bytes, *, bits: int | None = None) -> Description:
        """Read a file to its end and say what it is, with the bits that its detector has if somebody says so."""
        self._limits.check_file(len(data))
        request = Request(call="describe", limits=self._limits, file_bytes=len(data), bits=bits)
        reply, _ = self._ask(request, data, max_bytes=0)
        if reply.description is None:
            raise InvalidImage("the decoder answered without a description")
        return reply.description

    def specimen(self, data: bytes, page: int, roi: Roi, bits: int | None = None) -> Frame:
        """Decode the specimen of one page, 16-bit levels by the bits where they are given and fit."""
        self._limits.check_file(len(data))
        request = Request(call="specimen", limits=self._limits, file_bytes=len(data), page=page, roi=roi, bits=bits)
        reply, levels = self._ask(request, data, max_bytes=4 * roi.width * roi.height)
        if reply.levels is None or len(levels) != roi.width * roi.height * np.dtype(reply.levels.dtype).itemsize:
            raise InvalidImage("the decoder answered without the pixels of the roi")
        stored = np.frombuffer(levels, reply.levels.dtype).reshape(roi.height, roi.width)
        return framed(stored, reply.levels.scale)

    def stitched(self, original: bytes, page: int, roi: Roi, selected: Frame, bits: int | None = None) -> bytes:
        """Put a selected frame in the place of the specimen and write the page as a TIFF file."""
        check_fit(selected, roi)
        self._limits.check_file(len(original))
        size = len(original)
        request = Request(call="stitched", limits=self._limits, file_bytes=size, page=page, roi=roi, bits=bits)
        largest = 4 * self._limits.max_pixels + 2 * size
        _, file = self._ask(request, original, selected.pixels.data.cast("B"), max_bytes=largest)
        return bytes(file)

    def warm(self) -> None:
        """Begin to start a child, so that the first file need not wait for it."""
        with self._changed:
            if not self._running:
                self._idle.append(self._begun())
                self._running += 1

    def close(self) -> None:
        """End the children, each after the file that it is reading."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._idle) == self._running)
            while self._idle:
                self._idle.pop().end()
                self._running -= 1

    def _ask(self, request: Request, *blobs: bytes | memoryview, max_bytes: int) -> tuple[Reply, memoryview]:
        try:
            reply, blob = self._asked(request, *blobs, max_bytes=max_bytes)
        except (TimeoutError, DecoderDied):  # may be the machine's doing, as a freeze or a kill from outside
            try:
                reply, blob = self._asked(request, *blobs, max_bytes=max_bytes)
            except TimeoutError as error:
                limit = f"{self._timeout_s:g} s"
                raise InvalidImage(f"decoding takes longer than the {limit} that a file may take") from error
            except DecoderDied as error:
                raise InvalidImage(str(error)) from error
        if reply.fault is not None:
            raise RuntimeError(f"the decoder cannot work: {reply.fault}")
        if reply.invalid is not None:
            raise InvalidImage(reply.invalid)
        return reply, blob

    def _asked(self, request: Request, *blobs: bytes | memoryview, max_bytes: int) -> tuple[Reply, memoryview]:
        with self._child() as child:
            return child.ask(request, *blobs, max_bytes=max_bytes, deadline=time.monotonic() + self._timeout_s)

    @contextmanager
    def _child(self) -> Iterator[ChildProcess]:
        """Lend an idle child, or a new one; one that fails its borrower is not lent again."""
        child = self._claimed()
        try:
            if child and not child.alive:
                child.kill()
                child = None
            child = child or self._begun()
            child.wait_until_started()
            yield child
        except BaseException:
            if child:
                child.kill()
            self._give_back(None)
            raise
        self._give_back(child)

    def _claimed(self) -> ChildProcess | None:
        """Wait for a child; ``None`` is the permission to start one, which counts as running."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._idle or not self._running, PATIENCE_S)
            self._changed.wait_for(lambda: self._closed or self._idle or self._running < self._children)
            if self._closed:
                raise RuntimeError("the decoder is closed")
            if self._idle:
                return self._idle.pop()
            self._running += 1
            return None

    def _give_back(self, child: ChildProcess | None) -> None:
        with self._changed:
            if child:
                self._idle.append(child)
            else:
                self._running -= 1
            self._changed.notify_all()

    def _begun(self) -> ChildProcess:
        return ChildProcess(memory_bytes=self._memory_bytes, cpu_s=int(2 * self._timeout_s) + 1)
