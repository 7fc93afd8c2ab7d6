"""Everything outside the process that a worker reaches."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from streams.frames import Frames
from streams.ports import DedupCache, JobLedger, ObjectStore
from streams.slots import Slots
from streams.suspects import Precautions
from streams.telemetry import Telemetry
from streams.tracing import Tracer


@dataclass(frozen=True)
class Surroundings:
    """Everything outside the process that a worker reaches, and the clock.

    ``slots`` are the places where a stage may compute at one time, shared by the workers of a process.
    ``tracer`` is told of every answer, where anybody collects traces.
    ``notice`` is told what was computed: the acquisition and the parts.
    """

    store: ObjectStore
    cache: DedupCache
    ledger: JobLedger
    frames: Frames
    slots: Slots
    telemetry: Telemetry
    now: Callable[[], datetime]
    precautions: Precautions | None = None
    tracer: Tracer | None = None
    notice: Callable[[str, Iterable[str]], None] = field(default=lambda acquisition_id, parts: None)
