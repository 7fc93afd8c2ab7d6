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
    """What the line of a candidate's weights named in the table of the instrument, and names; nothing without a line.

    Records of old have before a first promotion the weights of any instrument where the table had other options.
    """

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

    def __init__(self, path: Path) -> None:
        self._path = path
        self.events = list(_events_in(path))

    def append(self, change: ModelChange, now: datetime) -> ModelEvent:
        """Write a change down, before it is made; it is on the disk when this returns.

        Raises
        ------
        UsageError
            If it cannot be written.
        """
        identity = uuid5(NAMESPACE_URL, f"{SOURCE}/{len(self.events)}/{now.isoformat()}/{change.model_dump_json()}")
        event = ModelEvent(id=str(identity), subject=change.instrument_id, time=now, data=change)
        try:
            with self._path.open("a+b") as file:
                file.write((b"" if _whole(file) else b"\n") + event.to_json() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(f"cannot write the record of changes {self._path}: {error.strerror}") from error
        self.events.append(event)
        return event

    def last(self, instrument: str) -> ModelEvent | None:
        """Return the last change of an instrument."""
        return next((event for event in reversed(self.events) if event.subject == instrument), None)

    def told(self, instrument: str, stage: str, candidate: str) -> WeightsNamed | None:
        """Return what the last change of a candidate of an instrument's images left it with."""
        mine = (event.data.candidates for event in reversed(self.events) if event.subject == instrument)
        changes = (one for candidates in mine for one in candidates)
        return next((one.after for one in changes if (one.stage, one.candidate) == (stage, candidate)), None)

    def standing(self, instrument: str) -> ModelEvent | None:
        """Return the last promotion of an instrument that was not undone."""
        undone = {event.data.undoes for event in self.events}
        stands = (e for e in reversed(self.events) if e.data.change is Change.PROMOTED and e.id not in undone)
        return next((event for event in stands if event.subject == instrument), None)


def _whole(file: BinaryIO) -> bool:
    """Whether a file ends with a line, and not within one: a process may have ended while it wrote."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return True
    file.seek(end - 1)
    return file.read(1) == b"\n"


def record_of(pipeline: Path) -> Path:
    """Where the record of a pipeline file lies."""
    return pipeline.with_suffix(".changes.jsonl")


@contextmanager
def changes_of(pipeline: Path) -> Iterator[Changes]:
    """Hold a pipeline file and its record, which is made when something is written.

    What is locked is the pipeline file. A change puts another one in its place, so a process that waited at the old one
    holds nothing.

    Raises
    ------
    UsageError
        If another process holds it, or it cannot be locked.
    """
    if not pipeline.is_file():
        raise UsageError(
            f"there is no pipeline file {pipeline}; name one of your own, such as a copy of the default one"
        )
    try:
        file = pipeline.open("r+b" if os.access(pipeline, os.W_OK) else "rb")
    except OSError as error:
        raise UsageError(f"cannot read {pipeline}: {error.strerror}") from error
    with file:
        _lock(file, pipeline)
        yield Changes(record_of(pipeline))


def _lock(file: BinaryIO, pipeline: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), pipeline.stat()):
            return
    except BlockingIOError:
        pass
    except OSError as error:
        raise UsageError(f"cannot lock {pipeline}: {error.strerror}; nothing was changed") from error
    raise UsageError(f"another semstream is changing {pipeline}; wait for it, and look at what it did")


def read_changes(pipeline: Path) -> Sequence[ModelEvent]:
    """Return what the record of a pipeline file tells, the oldest first."""
    return list(_events_in(record_of(pipeline)))


def _events_in(path: Path) -> Iterator[ModelEvent]:
    """Yield the events of whole lines. A torn one tells of a change that was not made: it is written before."""
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        try:
            if line.strip():
                yield ModelEvent.from_json(line)
        except ValidationError:
            continue
