"""The feed: hash, store, describe, publish; never more in flight than the transport keeps."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Protocol

from schemas.events import ImageEvent
from streams.errors import InvalidImage
from streams.formats.reading import Description
from streams.formats.sidecar import completed
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from streams.intake import Intake, Provenance, message_of
from streams.pairing import check_fit, told_of_second
from streams.ports import ObjectStore
from streams.source import Skipped, SourceFile
from streams.transport import Publisher

EVENT_GROWTH = 10
"""An event grows about so many times from ``sem.images`` to ``sem.selected``; the window learns where it is more."""
FIRST_IMAGES = 8
"""As many are in flight before any has shown how much its event grows."""


class FileDescriber(Protocol):
    """Tells what is in an image file, whatever is in it."""

    def describe(self, data: bytes, *, bits: int | None = None) -> Description:
        """Return the pages of a file, those of 16 bits as of so many bits; raises `InvalidImage`."""


class Listener(Protocol):
    """Hears what becomes of the files."""

    def published(self, event: ImageEvent) -> None:
        """Hear of an image about to be published."""

    def failed(self, name: str, reason: str) -> None:
        """Hear of a file that is an image and cannot be processed."""

    def skipped(self, name: str, reason: str) -> None:
        """Hear of a file that is no image."""


class Window:
    """Bounds what is published and not yet settled, in images and bytes; the transport may forget anything beyond.

    Bytes count as what an event has grown to when it leaves. The window opens as images settle, from a few on.
    """

    def __init__(self, *, max_images: int = 64, max_bytes: int = 2 << 20) -> None:
        self._max_images = max_images
        self._max_bytes = max_bytes
        self._growth: float = EVENT_GROWTH
        self._open: dict[str, int] = {}
        self._left = 0
        self._changed = threading.Condition()
        self._closed = False

    def enter(self, acquisition_id: str, size_bytes: int) -> bool:
        """Wait for room and take it; False when the window was closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size_bytes))
            self._open[acquisition_id] = size_bytes
            return not self._closed

    def leave(self, acquisition_id: str, size_bytes: int) -> bool:
        """Give the room back; False when nothing of that id was open, so it is a repeat or somebody else's."""
        with self._changed:
            entered = self._open.pop(acquisition_id, None)
            if entered is None:
                return False
            self._left += 1
            self._growth = max(self._growth, size_bytes / entered)
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def open_images(self) -> int:
        """Images published and not settled."""
        with self._changed:
            return len(self._open)

    def _has_room(self, size_bytes: int) -> bool:
        used = self._growth * (size_bytes + sum(self._open.values()))
        images = min(self._max_images, FIRST_IMAGES + self._left)
        return not self._open or (len(self._open) < images and used <= self._max_bytes)


@dataclass(frozen=True)
class Feed:
    """Publishes files as images; one acquisition a page."""

    store: ObjectStore
    describer: FileDescriber
    publisher: Publisher
    window: Window
    topic: str
    provenance: Provenance
    now: Callable[[], datetime]

    def run(self, files: Iterable[SourceFile | Skipped], listener: Listener) -> None:
        """Publish every file; returns early when the window is closed."""
        for file in files:
            if isinstance(file, Skipped):
                listener.skipped(file.name, file.reason)
            elif not self._take(file, listener):
                return

    def _take(self, file: SourceFile, listener: Listener) -> bool:
        try:
            data = _image(file)
            if isinstance(data, NotAnImage):
                listener.skipped(file.name, data.reason)
                return True
            description = completed(self.describer.describe(data, bits=self.provenance.bits), file.sidecars())
            second = self._second(file.second, description) if file.second else b""
        except InvalidImage as error:
            listener.failed(file.name, str(error))
            return True
        except OSError as error:
            listener.failed(file.name, f"cannot be read: {error.strerror}")
            return True
        intake = self._intake
        reference = intake.stored(file.reference, "truth.tif") if file.reference else None
        stored = intake.stored(data, file.name)
        another = intake.stored(second, file.name) if second else None
        events = (
            intake.event(file.name, description, n, stored, reference=reference, second=another)
            for n in range(description.page_count)
        )
        return all(self._publish(event, listener) for event in events)

    def _second(self, file: SourceFile, first: Description) -> bytes:
        """Read a file of second frames; raises `InvalidImage` where its pages are not as large as the first frames."""
        with told_of_second(file.name):
            data = _image(file)
            if isinstance(data, NotAnImage):
                raise InvalidImage(data.reason)
            description = self.describer.describe(data, bits=self.provenance.bits)
        check_fit(file.name, description, first)
        return data

    @property
    def _intake(self) -> Intake:
        return Intake(self.store, self.topic, self.provenance, self.now)

    def _publish(self, event: ImageEvent, listener: Listener) -> bool:
        value = event.to_json()
        if not self.window.enter(event.acquisition.acquisition_id, len(value)):
            return False
        listener.published(event)
        self.publisher.publish([message_of(event, self.topic, value)])
        return True


def _image(file: SourceFile) -> bytes | NotAnImage:
    """Read a file if it is an image; raises `InvalidImage` and `OSError`."""
    kind = kind_of(PurePosixPath(file.name).name, file.read(HEAD_BYTES), siblings=file.siblings)
    return kind if isinstance(kind, NotAnImage) else file.read(-1)
