"""What is asked about a fleet: which metric, by which labels, and how the series of processes are put together."""

from dataclasses import dataclass
from enum import StrEnum

from streams.telemetry.catalogue import (
    BUILD_INFO,
    CACHE_AVAILABLE,
    CHILDREN_CPU_SECONDS,
    DEAD_LETTERS,
    GPU_MEMORY,
    GPU_MEMORY_USED,
    GPU_UTILISATION,
    IMAGES,
    LAG_MESSAGES,
    LAG_SECONDS,
    PARTITIONS,
    PARTS,
    PROCESS,
    REBALANCES,
    RETRIES,
    WORKER_SECONDS,
)
from streams.telemetry.metric import Metric

INSTANCE = "instance"
"""The process; Prometheus adds this label, and so does whoever asks the processes themselves."""


class How(StrEnum):
    """How the series of several processes become one number. A rate is of a counter, a second, summed."""

    RATE = "rate"
    SUM = "sum"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True)
class Question:
    """One thing to know; its answer is a number for each combination of these labels."""

    metric: Metric
    how: How
    by: tuple[str, ...]


STAGE, PROCESSES = ("lane", "stage"), (INSTANCE,)
CPU, MEMORY = PROCESS[0], PROCESS[1]

IMAGE_RATE = Question(IMAGES, How.RATE, (*STAGE, "outcome"))
PART_RATE = Question(PARTS, How.RATE, (*STAGE, "source"))
TIME = Question(WORKER_SECONDS, How.RATE, (*STAGE, "thread", "activity"))
BEHIND = Question(LAG_MESSAGES, How.SUM, STAGE)
BEHIND_S = Question(LAG_SECONDS, How.MAX, STAGE)
HELD = Question(PARTITIONS, How.SUM, STAGE)
LETTERS, LETTER_RATE = (Question(DEAD_LETTERS, how, STAGE) for how in (How.SUM, How.RATE))
TRIED_AGAIN, RETRY_RATE = (Question(RETRIES, how, STAGE) for how in (How.SUM, How.RATE))
CHANGES, CHANGE_RATE = (Question(REBALANCES, how, (*STAGE, "change")) for how in (How.SUM, How.RATE))
CACHES = Question(CACHE_AVAILABLE, How.MIN, ("cache",))
BUILDS = Question(BUILD_INFO, How.MAX, (*PROCESSES, "version", "pipeline", "pipeline_hash"))
CORES = Question(CPU, How.RATE, PROCESSES)
CHILDREN_CORES = Question(CHILDREN_CPU_SECONDS, How.RATE, PROCESSES)
RESIDENT = Question(MEMORY, How.MAX, PROCESSES)
GPU_BUSY, GPU_USED, GPU_SIZE = (
    Question(metric, How.MAX, (*PROCESSES, "device")) for metric in (GPU_UTILISATION, GPU_MEMORY_USED, GPU_MEMORY)
)

QUESTIONS: tuple[Question, ...] = (
    IMAGE_RATE,
    PART_RATE,
    TIME,
    BEHIND,
    BEHIND_S,
    HELD,
    LETTERS,
    LETTER_RATE,
    TRIED_AGAIN,
    RETRY_RATE,
    CHANGES,
    CHANGE_RATE,
    CACHES,
    BUILDS,
    CORES,
    CHILDREN_CORES,
    RESIDENT,
    GPU_BUSY,
    GPU_USED,
    GPU_SIZE,
)
