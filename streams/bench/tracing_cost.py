"""What tracing costs: the spans of a run made into a collector that throws them away, and into nothing, on one core."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from schemas.events import ImageEvent
from schemas.model import Record
from streams.intake import message_of
from streams.job import Desk, Job, done_event, parse
from streams.pipeline import LIVE, Pipeline
from streams.tracing import Tracer
from streams.tracing.hops import Hops, Phases
from streams.transport import Message, Partition
from streams.wiring.process import utc_now
from streams.wiring.tracing import discarding

ROUNDS = 9
STEPS = ("recall", "compute", "store", "settle")
AT_ONCE = 200
"""Images after which spans are sent: the collector's queue holds 2,048 of them, six an image."""


class TracingCost(Record):
    """Time on a core that tracing takes of an image at one stage, beyond the making of its event."""

    path_us: float
    """Where traces are collected: of the thread that answers."""
    sent_us: float
    """The same with the encoding of what is sent, which another thread does."""
    off_us: float
    """Where nobody collects."""


@dataclass(frozen=True)
class Taken:
    """Seconds on a core: of the thread, and with what was sent."""

    path_s: float
    sent_s: float


def measure_tracing_cost(pipeline: Pipeline, events: Sequence[ImageEvent]) -> TracingCost | None:
    """Answer events at each stage of a pipeline, traced and not; None where OpenTelemetry is not installed."""
    found = discarding()
    if found is None:
        return None
    tracer, flush = found
    desks = [Desk(step, LIVE, pipeline.hash) for step in pipeline.steps()]
    jobs = [(desk, parse(_message(event, desk), desk, now=utc_now())) for desk in desks for event in events]

    def taken(answer: Callable[[Desk, Job], object], flush: Callable[[], object]) -> list[Taken]:
        return [_taken(jobs, answer, flush) for _ in range(ROUNDS)]

    bare = taken(_bare, _nothing)
    on, off = taken(lambda desk, job: _answered(tracer, desk, job), flush), taken(_untraced, _nothing)
    tracer.close()

    def us(some: Sequence[float], less: Sequence[float]) -> float:
        return round(1e6 * (median(some) - median(less)) / len(jobs), 2)

    path, sent = [one.path_s for one in bare], [one.sent_s for one in bare]
    return TracingCost(
        path_us=us([one.path_s for one in on], path),
        sent_us=us([one.sent_s for one in on], sent),
        off_us=us([one.path_s for one in off], path),
    )


def _message(event: ImageEvent, desk: Desk) -> Message:
    sent = message_of(event, desk.step.consumes)
    return Message(Partition(sent.topic, 0), 0, 0, sent.key, sent.value, sent.headers)


def _taken(
    jobs: Sequence[tuple[Desk, Job]], answer: Callable[[Desk, Job], object], flush: Callable[[], object]
) -> Taken:
    path_s, begun_s = 0.0, time.process_time()
    for first in range(0, len(jobs), AT_ONCE):
        since_s = time.thread_time()
        for desk, job in jobs[first : first + AT_ONCE]:
            answer(desk, job)
        path_s += time.thread_time() - since_s
        flush()
    return Taken(path_s, time.process_time() - begun_s)


def _bare(desk: Desk, job: Job) -> None:
    done_event(job, job.event, desk, utc_now())


def _untraced(desk: Desk, job: Job) -> None:
    """Do what a worker does for each batch, here of one image, where there is no tracer."""
    phases = Phases(None)
    for step in STEPS:
        phases.end(step)
    done_event(job, job.event, desk, utc_now())


def _answered(tracer: Tracer, desk: Desk, job: Job) -> None:
    hops = Hops(tracer, desk, utc_now)
    phases = Phases(utc_now)
    job = replace(job, span=hops.begun(job))
    for step in STEPS:
        phases.end(step)
    done_event(job, job.event, desk, utc_now())
    hop = hops.answered(job, "done", phases=phases, batch=1)
    if hop is not None:
        hop.end(utc_now())


def _nothing() -> None:
    pass
