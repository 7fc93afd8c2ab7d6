"""One file into the store: at rest, an image to its last page, put, and verified."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from schemas.image import ObjectRef
from streams.agent.journal import Stamp
from streams.agent.scan import Sighting, stamp_of
from streams.errors import InvalidImage, TransientError
from streams.feed import FileDescriber
from streams.formats.limits import DEFAULT_LIMITS
from streams.formats.reading import Description
from streams.formats.sidecar import SUFFIXES, completed
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from streams.intake import Intake
from streams.source import sidecars_of

ZEROS_AT_THE_END = 64
"""So many zero bytes at its end and a file counts as unwritten: of 23 files of six makers none ends in more than one.
Instruments and copying programs reserve a file's space first, and a reader finds no fault with black rows."""


@dataclass(frozen=True)
class Uploaded:
    """The file's bytes are in the store, verified. Nothing else is said of a content that stood there ``before``."""

    file: Sighting
    sha256: str
    before: str | None
    ref: ObjectRef | None = None
    description: Description | None = None


@dataclass(frozen=True)
class NoImage:
    """The file is none."""

    file: Sighting
    reason: str


@dataclass(frozen=True)
class Restless:
    """The file changed since it was seen; ``stamp`` is what it has now."""

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

    def __call__(self, file: Sighting, known_sha256: str | None) -> Verdict:
        """Upload a file unless its content is known; raises `TransientError` while the store does not answer."""
        try:
            data = self._read(file)
            if not isinstance(data, bytes):
                return data
            if known_sha256 and hashlib.sha256(data).hexdigest() == known_sha256:
                return Uploaded(file, known_sha256, known_sha256)
            self._check_end(data)
            description = completed(self.describer.describe(data), sidecars_of(file.path, _sidecar_names(file.path)))
        except InvalidImage as error:
            return Unreadable(file, str(error))
        except FileNotFoundError:
            return Unreadable(file, "it vanished", vanished=True)
        except OSError as error:
            return Unreadable(file, f"cannot be read: {error.strerror}")
        return self._put(file, data, description, known_sha256)

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

    def _put(self, file: Sighting, data: bytes, description: Description, before: str | None) -> Uploaded:
        ref = self.intake.stored(data, file.name)
        try:
            self.confirm(ref)
        except InvalidImage as error:
            raise TransientError(f"the store does not hold what was put there: {error}") from error
        return Uploaded(file, ref.sha256, before, ref, description)


def _sidecar_names(path: Path) -> list[str]:
    return sorted({path.stem + suffix for known in SUFFIXES for suffix in (known, known.upper())})
