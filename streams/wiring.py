"""The one place that names every adapter."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import torch
from threadpoolctl import threadpool_limits

from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.kafka_cluster import READING, InProcessCluster
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.sql_ledger import SqlLedger
from streams.crew import Crew, Pace
from streams.errors import UsageError
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.pipeline import DEAD_LETTERS, LIVE, Pipeline
from streams.ports import JobLedger, ObjectStore
from streams.settings import KafkaSettings, Settings
from streams.telemetry import Telemetry
from streams.topics import Cluster
from streams.worker import Surroundings, Worker

EMBEDDED_PATIENCE_S = 120
"""Nobody repairs a laptop's disk while the run waits: after so long it ends and says what it waited for."""


@dataclass(frozen=True)
class Embedded:
    """Everything that the embedded mode runs on: one process, no server."""

    store: ObjectStore
    ledger: JobLedger
    decoder: Decoder
    frames: Frames
    telemetry: Telemetry
    publisher: KafkaPublisher
    results: KafkaReader
    crews: tuple[Crew, ...]
    computed: dict[str, set[str]]
    """Parts computed in this process, by acquisition."""


@contextmanager
def embedded(state: Path, pipeline: Pipeline, *, cores: int | None = None) -> Iterator[Embedded]:
    """Wire the embedded mode; ``state`` holds objects and ledger, so a second run goes on from the first.

    Raises
    ------
    UsageError
        If another process is using ``state``.
    """
    slots = cores or len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    with ExitStack() as stack:
        stack.enter_context(_exclusive(state))
        store = FolderStore(state / "objects")
        ledger = SqlLedger.sqlite(state / "ledger.sqlite")
        stack.callback(ledger.close)
        decoder = stack.enter_context(Decoder(children=slots))
        telemetry = Telemetry()
        frames = Frames(store, decoder)
        computed: dict[str, set[str]] = {}
        steps = pipeline.steps()
        topics = [steps[-1].produces, DEAD_LETTERS]
        cluster = InProcessCluster([*(step.consumes for step in steps), *topics])
        around = Surroundings(
            store=store,
            cache=DictCache(),
            ledger=ledger,
            frames=frames,
            slots=threading.Semaphore(slots),
            telemetry=telemetry,
            now=utc_now,
            notice=lambda acquisition_id, names: computed.setdefault(acquisition_id, set()).update(names),
        )
        pace = Pace(handlers=slots, patience_s=EMBEDDED_PATIENCE_S)
        crews = [_crew(Desk(step, LIVE, pipeline.hash), cluster.settings, around, pace) for step in steps]
        publisher = KafkaPublisher(cluster.settings)
        results = KafkaReader(cluster.settings, topics, "results", options=READING)
        stack.callback(results.close)
        yield Embedded(store, ledger, decoder, frames, telemetry, publisher, results, tuple(crews), computed)


def _crew(desk: Desk, kafka: KafkaSettings, around: Surroundings, pace: Pace) -> Crew:
    transport = KafkaTransport(kafka, desk.stage.name, consumer=READING)
    return Crew(Worker(desk, transport, around), transport, pace, around.telemetry)


def open_topics(settings: Settings) -> Cluster:
    """Reach the cluster to ask and order what an operator does."""
    return KafkaTopics(settings.kafka)


def open_ledger(state: Path) -> JobLedger:
    """Open the ledger of an earlier run, to ask it questions.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = state / "ledger.sqlite"
    if not path.is_file():
        raise UsageError(f"there is no ledger at {path}; name the --out folder of an earlier run")
    return SqlLedger.sqlite(path)


def use_one_thread_a_slot() -> None:
    """Let numerics use one thread a call: the slots use the cores.

    BLAS threads above all: they spin while they wait, and took a third of two cores from the stages.
    """
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    threadpool_limits(1)


def utc_now() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


@contextmanager
def _exclusive(state: Path) -> Iterator[None]:
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("w")
    except OSError as error:
        raise UsageError(f"cannot write to {state}: {error.strerror}; choose another --out") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"another semstream is using {state.parent}; wait for it or choose another --out"
            ) from error
        yield
