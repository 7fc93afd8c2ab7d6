"""The record of changes of an instrument's weights: a CloudEvent a line beside the pipeline file, never rewritten."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from schemas.model import Record
from streams.errors import UsageError

MODEL_EVENT_TYPE = "sem.model.v1"
SOURCE = "/models"


class Change(StrEnum):
    """What was done."""

    PROMOTED = "promoted"
    UNDONE = "undone"


class WeightsNamed(Record):
    """Weights as a pipeline file names them, and their content."""

    weights: str
    sha256: str


class CandidateChange(Record):
    """What a candidate of the instrument's images was made with, and is; nothing where it is as for any other."""

    stage: str
    candidate: str
    before: WeightsNamed | None
    after: WeightsNamed | None

    @property
    def undone(self) -> "CandidateChange":
        """The way back."""
        return self.but(before=self.after, after=self.before)


class ModelChange(Record):
    """A change of the weights of one instrument in one pipeline file."""

    change: Change
    instrument_id: str
    pipeline_before: str | None
    """Hash of the pipeline; nothing where it could not be read any more, its weights being gone."""
    pipeline_after: str
    candidates: tuple[CandidateChange, ...]
    undoes: str | None = None
    """Id of the event that this one undoes."""


class ModelEvent(Record):
    """A CloudEvent 1.0 in structured JSON."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    type: Literal["sem.model.v1"] = "sem.model.v1"
    source: str = SOURCE
    subject: str
    """The instrument."""
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: ModelChange


class Changes:
    """The record of one pipeline file, held by one process at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.events = list(_parsed(file.read()))

    def append(self, change: ModelChange, now: datetime) -> ModelEvent:
        """Write a change down, before it is made; it is on the disk when this returns."""
        identity = uuid5(NAMESPACE_URL, f"{SOURCE}/{len(self.events)}/{now.isoformat()}/{change.model_dump_json()}")
        event = ModelEvent(id=str(identity), subject=change.instrument_id, time=now, data=change)
        start = b"" if self._whole else b"\n"
        self._file.write(start + event.to_json() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.events.append(event)
        return event

    def standing(self, instrument: str) -> ModelEvent | None:
        """Return the last promotion of an instrument that was not undone."""
        undone = {event.data.undoes for event in self.events}
        stands = (e for e in reversed(self.events) if e.data.change is Change.PROMOTED and e.id not in undone)
        return next((event for event in stands if event.subject == instrument), None)

    @property
    def _whole(self) -> bool:
        """Whether the file ends with a line, and not within one: a process may have ended while it wrote."""
        end = self._file.seek(0, os.SEEK_END)
        if end == 0:
            return True
        self._file.seek(end - 1)
        return self._file.read(1) == b"\n"


def record_of(pipeline: Path) -> Path:
    """Where the record of a pipeline file lies."""
    return pipeline.with_suffix(".changes.jsonl")


@contextmanager
def changes_of(pipeline: Path) -> Iterator[Changes]:
    """Hold the record of a pipeline file; it is made where there is none.

    Raises
    ------
    UsageError
        If another process holds it, or it cannot be written.
    """
    path = record_of(pipeline)
    if not pipeline.is_file():
        raise UsageError(
            f"there is no pipeline file {pipeline}; name one of your own, such as a copy of the default one"
        )
    try:
        file = path.open("a+b")
    except OSError as error:
        raise UsageError(f"cannot write the record of changes {path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another semstream is changing {pipeline}; wait for it, and look at what it did"
            ) from error
        file.seek(0)
        yield Changes(file)


def read_changes(pipeline: Path) -> Sequence[ModelEvent]:
    """Return what the record of a pipeline file tells, the oldest first."""
    path = record_of(pipeline)
    return list(_parsed(path.read_bytes())) if path.is_file() else []


def _parsed(data: bytes) -> Iterator[ModelEvent]:
    """Yield the events of whole lines. A torn one tells of a change that was not made: it is written before."""
    for line in data.split(b"\n"):
        try:
            if line.strip():
                yield ModelEvent.from_json(line)
        except ValidationError:
            continue
