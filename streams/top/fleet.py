"""A fleet as a person looks at it: its stages in their lanes, and its processes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from streams.pipeline import LIVE
from streams.telemetry import Activity, Thread
from streams.top.look import Answers, Labels, Look
from streams.top.questions import (
    BEHIND,
    BEHIND_S,
    BUILDS,
    CACHES,
    CHANGE_RATE,
    CHANGES,
    CHILDREN_CORES,
    CORES,
    GPU_BUSY,
    GPU_SIZE,
    GPU_USED,
    HELD,
    IMAGE_RATE,
    LETTER_RATE,
    LETTERS,
    PART_RATE,
    QUESTIONS,
    RESIDENT,
    RETRY_RATE,
    STAGE,
    TIME,
    TRIED_AGAIN,
    Question,
)

USUAL = ("filter", "denoise", "metrics", "selector")
"""The order in which the default pipeline goes; nothing that is exported tells it. Other stages follow by name."""


@dataclass(frozen=True)
class Counted:
    """How often something happened since the processes began that are there now, and whether it did just now."""

    total: float
    grows: bool


@dataclass(frozen=True)
class StageAtWork:
    """A stage in a lane; None is what is not known (yet)."""

    lane: str
    stage: str
    done_per_s: float | None
    rejected_per_s: float | None
    lag_messages: float | None
    lag_s: float | None
    partitions: float | None
    busy: float | None
    """Share of the time of the threads that answer which is not idle."""
    time: Mapping[str, float]
    """Shares of that time by activity."""
    parts: Mapping[str, float]
    """Shares of its parts by where they came from."""
    dead_letters: Counted
    retries: Counted
    rebalances: Counted

    @property
    def known(self) -> float | None:
        """Share of the parts that were known from the cache or the ledger."""
        return 1 - self.parts.get("computed", 0.0) if self.parts else None


@dataclass(frozen=True)
class Gpu:
    """A GPU as a process sees it."""

    device: str
    busy: float | None
    used_bytes: float | None
    memory_bytes: float | None


@dataclass(frozen=True)
class Process:
    """A process; ``silent`` is why it does not answer."""

    instance: str
    version: str = ""
    pipeline: str = ""
    pipeline_hash: str = ""
    cores: float | None = None
    """Cores in use by it and its children."""
    memory_bytes: float | None = None
    gpus: tuple[Gpu, ...] = ()
    silent: str | None = None


@dataclass(frozen=True)
class Fleet:
    """All of it at a moment."""

    at: datetime
    told_by: str
    stages: tuple[StageAtWork, ...] = ()
    processes: tuple[Process, ...] = ()
    caches: Mapping[str, bool] = field(default_factory=dict)

    @property
    def answering(self) -> int:
        """Processes that answer."""
        return sum(process.silent is None for process in self.processes)


def fleet_of(look: Look, *, at: datetime, told_by: str) -> Fleet:
    """Make sense of a look."""
    stages = {
        labels[: len(STAGE)] for q in QUESTIONS if q.by[: len(STAGE)] == STAGE for labels in look.answers.get(q, {})
    }
    return Fleet(
        at,
        told_by,
        tuple(_stage(look.answers, labels) for labels in sorted(stages, key=_order)),
        tuple(_processes(look)),
        {name: value > 0 for (name,), value in look.answers.get(CACHES, {}).items()},
    )


def _order(labels: Labels) -> tuple[bool, str, int, str]:
    lane, stage = labels
    return lane != LIVE, lane, USUAL.index(stage) if stage in USUAL else len(USUAL), stage


def _stage(answers: Answers, stage: Labels) -> StageAtWork:
    outcomes = _beneath(answers, IMAGE_RATE, stage)
    time = _shares(_beneath(answers, TIME, (*stage, Thread.HANDLER)))
    rejected = [rate for (outcome,), rate in outcomes.items() if outcome != "done"]
    lane, name = stage
    return StageAtWork(
        lane,
        name,
        done_per_s=outcomes.get(("done",)),
        rejected_per_s=sum(rejected) if rejected else None,
        lag_messages=answers.get(BEHIND, {}).get(stage),
        lag_s=answers.get(BEHIND_S, {}).get(stage),
        partitions=answers.get(HELD, {}).get(stage),
        busy=1 - time.get(Activity.IDLE, 0.0) if time else None,
        time=time,
        parts=_shares(_beneath(answers, PART_RATE, stage)),
        dead_letters=_counted(answers, LETTERS, LETTER_RATE, stage),
        retries=_counted(answers, TRIED_AGAIN, RETRY_RATE, stage),
        rebalances=_counted(answers, CHANGES, CHANGE_RATE, stage),
    )


def _beneath(answers: Answers, question: Question, labels: Labels) -> dict[Labels, float]:
    """Return the numbers whose first labels are these, by the rest of their labels."""
    size = len(labels)
    return {found[size:]: value for found, value in answers.get(question, {}).items() if found[:size] == labels}


def _shares(parts: Mapping[Labels, float]) -> dict[str, float]:
    """Return shares of the whole; none where there is nothing to share."""
    whole = sum(parts.values())
    return {name: value / whole for (name,), value in parts.items()} if whole > 0 else {}


def _counted(answers: Answers, total: Question, rate: Question, stage: Labels) -> Counted:
    growth = sum(_beneath(answers, rate, stage).values())
    return Counted(sum(_beneath(answers, total, stage).values()), growth > 0)


def _processes(look: Look) -> Iterable[Process]:
    answers = look.answers
    builds = {labels[0]: labels[1:] for labels in answers.get(BUILDS, {})}
    for instance, silent in sorted(look.processes.items(), key=lambda item: (item[1] is None, item[0])):
        if silent is not None:
            yield Process(instance, silent=silent)
            continue
        cores = [answers.get(question, {}).get((instance,)) for question in (CORES, CHILDREN_CORES)]
        known = [some for some in cores if some is not None]
        memory = answers.get(RESIDENT, {}).get((instance,))
        gpus = tuple(_gpus(answers, instance))
        version, pipeline, pipeline_hash = builds.get(instance, ("", "", ""))
        used = sum(known) if known else None
        yield Process(instance, version, pipeline, pipeline_hash, used, memory, gpus)


def _gpus(answers: Answers, instance: str) -> Iterable[Gpu]:
    devices = [_beneath(answers, question, (instance,)) for question in (GPU_BUSY, GPU_USED, GPU_SIZE)]
    for device in sorted({device for found in devices for device in found}):
        yield Gpu(device[0], *(found.get(device) for found in devices))
