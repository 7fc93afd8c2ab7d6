"""One file into the store: at rest, an image to its last page, put, and verified."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from schemas.image import ObjectRef
from streams.agent.journal import Stamp, content_of
from streams.agent.scan import Sighting, stamp_of
from streams.errors import InvalidImage, TransientError
from streams.feed import FileDescriber
from streams.formats.limits import DEFAULT_LIMITS
from streams.formats.reading import Description
from streams.formats.sidecar import SUFFIXES, completed
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from streams.intake import Intake
from streams.pairing import check_fit, told_of_second
from streams.source import sidecars_of

ZEROS_AT_THE_END = 64
"""So many zero bytes at its end and a file counts as unwritten: of 23 files of six makers none ends in more than one.
Instruments and copying programs reserve a file's space first, and a reader finds no fault with black rows."""


@dataclass(frozen=True)
class Uploaded:
    """The bytes of the file and of its second frame are in the store, verified.

    ``content`` names both. Nothing else is said of one that stood there ``before``.
    """

    file: Sighting
    content: str
    before: str | None
    ref: ObjectRef | None = None
    description: Description | None = None
    second: ObjectRef | None = None


@dataclass(frozen=True)
class NoImage:
    """The file is none."""

    file: Sighting
    reason: str


@dataclass(frozen=True)
class Restless:
    """The file changed since it was seen; ``stamp`` is what it has now. ``file`` has that of a second frame already."""

    file: Sighting
    stamp: Stamp


@dataclass(frozen=True)
class Unreadable:
    """The file cannot be read now, or what is in it is no whole image: perhaps later."""

    file: Sighting
    reason: str
    vanished: bool = False


Verdict = Uploaded | NoImage | Restless | Unreadable


@dataclass(frozen=True)
class Uploader:
    """Uploads files.

    ``confirm`` asks the store whether an object is whole, without trust in the write; it raises `InvalidImage` or
    `TransientError` where it is not. ``zeros_ok`` takes files that end in zeros for written.
    """

    intake: Intake
    describer: FileDescriber
    confirm: Callable[[ObjectRef], object]
    zeros_ok: bool = False

    def __call__(self, file: Sighting, known: str | None) -> Verdict:
        """Upload a file unless its content is known; raises `TransientError` while the store does not answer."""
        try:
            frames = self._frames(file)
            if not isinstance(frames, tuple):
                return frames
            if known and _is_known(*frames, known):
                return Uploaded(file, known, known)
            description = self._described(file, *frames)
        except InvalidImage as error:
            return Unreadable(file, str(error))
        except FileNotFoundError:
            return Unreadable(file, "it vanished", vanished=True)
        except OSError as error:
            return Unreadable(file, f"cannot be read: {error.strerror}")
        return self._put(file, *frames, description, known)

    def _frames(self, file: Sighting) -> tuple[bytes, bytes | None] | NoImage | Restless:
        """Read the file and its second frame; raises `InvalidImage`, and for the file `OSError`."""
        data, second = self._read(file), file.second
        if not isinstance(data, bytes):
            return data
        if second is None:
            return data, None
        with told_of_second(second.name):
            other = self._read(second)
            if isinstance(other, NoImage):
                raise InvalidImage(other.reason)
        if isinstance(other, Restless):
            return Restless(replace(file, second=replace(second, stamp=other.stamp)), file.stamp)
        return data, other

    def _read(self, file: Sighting) -> bytes | NoImage | Restless:
        """Read the bytes of an image that does not change meanwhile; raises `InvalidImage` and `OSError`."""
        # Neither follow a link nor wait for the writer of a pipe that took the file's place.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            now = os.fstat(descriptor)
            if not stat.S_ISREG(now.st_mode):
                return NoImage(file, "no regular file")
            if stamp_of(now) != file.stamp:
                return Restless(file, stamp_of(now))
            kind = kind_of(PurePosixPath(file.name).name, stream.read(HEAD_BYTES), siblings=file.siblings)
            if isinstance(kind, NotAnImage):
                return NoImage(file, kind.reason)
            DEFAULT_LIMITS.check_file(now.st_size)
            stream.seek(0)
            data = stream.read()
            after = stamp_of(os.fstat(descriptor))
        return data if after == file.stamp and len(data) == file.stamp.size_bytes else Restless(file, after)

    def _check_end(self, data: bytes) -> None:
        if not self.zeros_ok and not any(data[-ZEROS_AT_THE_END:]):
            raise InvalidImage(
                f"its last {ZEROS_AT_THE_END} bytes are zeros, so it was not written to its end; "
                "if it really ends in black, publish it with --zeros-ok"
            )

    def _described(self, file: Sighting, data: bytes, second: bytes | None) -> Description:
        """Read both frames to their last pages; raises `InvalidImage`."""
        self._check_end(data)
        found = self.describer.describe(data, bits=self.intake.provenance.bits)
        description = completed(found, sidecars_of(file.path, _sidecar_names(file.path)))
        if file.second and second is not None:
            with told_of_second(file.second.name):
                self._check_end(second)
                other = self.describer.describe(second, bits=self.intake.provenance.bits)
            check_fit(file.second.name, other, description)
        return description

    def _put(
        self, file: Sighting, data: bytes, second: bytes | None, description: Description, before: str | None
    ) -> Uploaded:
        ref = self._stored(data, file)
        other = self._stored(second, file) if second is not None else None
        content = content_of(ref.sha256, other.sha256 if other else None)
        return Uploaded(file, content, before, ref, description, other)

    def _stored(self, data: bytes, file: Sighting) -> ObjectRef:
        """Put bytes into the store, and verify that it holds them."""
        ref = self.intake.stored(data, file.name)
        try:
            self.confirm(ref)
        except InvalidImage as error:
            raise TransientError(f"the store does not hold what was put there: {error}") from error
        return ref


def _is_known(data: bytes, second: bytes | None, known: str) -> bool:
    """Whether this was uploaded last; what was uploaded with a second frame stays known when that has gone."""
    first = hashlib.sha256(data).hexdigest()
    if second is None:
        return known == first or known.startswith(content_of(first, ""))
    return known == content_of(first, hashlib.sha256(second).hexdigest())


def _sidecar_names(path: Path) -> list[str]:
    return sorted({path.stem + suffix for known in SUFFIXES for suffix in (known, known.upper())})
