"""The one place that names every adapter."""

import fcntl
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

from stages.stage import Stage
from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_cluster import READING, InProcessCluster
from streams.adapters.kafka_log import KafkaLog
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_seeds import FirstOffsets
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.node_cache import NodeCache
from streams.adapters.redis_cache import RedisCache
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_evictions import SqlEvictions
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_seeds import SqlSeeds
from streams.adapters.sql_suspects import SqlSuspects
from streams.crew import Crew, Pace
from streams.dead_letter_limit import DeadLetterLimit
from streams.errors import UsageError
from streams.execution import Compute, Execution, StageRun, in_processes
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.pipeline import DEAD_LETTERS, LIVE, Pipeline, group_of
from streams.ports import Evictions, Inventory, JobLedger, ObjectStore, Publisher, Seeds, Suspects
from streams.settings import KafkaSettings, Settings
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.suspects import InHand, Precautions, report_the_dead
from streams.telemetry import Telemetry
from streams.topic_log import TopicLog
from streams.worker import Worker

EMBEDDED_PATIENCE_S = 120
"""Nobody repairs a laptop's disk while the run waits: after so long it ends and says what it waited for."""
SERVICES_PACE = Pace(max_batch=500, max_in_flight=2000, max_in_flight_bytes=16 << 20)


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
            slots=Slots(slots),
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


@dataclass(frozen=True)
class Connected:
    """A process at the services: the crews of its stages in its lanes, by name."""

    crews: tuple[tuple[str, Crew], ...]
    telemetry: Telemetry


@contextmanager
def connected(
    settings: Settings, pipeline: Pipeline, *, stages: Collection[str], lanes: Sequence[str], threads: int | None = None
) -> Iterator[Connected]:
    """Wire a worker process: Kafka, S3, Redis and Postgres, and this node's journal and copies of objects.

    What dead predecessors on this node had in hand is reported before anything is read.

    Raises
    ------
    UsageError
        If a service refuses us, or is not prepared; the message says what to do.
    TransientError
        If one does not answer.
    """
    slots = threads or len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    state = settings.worker.state
    with ExitStack() as stack:
        ledger = SqlLedger.postgres(settings.postgres, connections=_connections(slots, stages, lanes))
        stack.callback(ledger.close)
        precautions = stack.enter_context(_precautions(state / "in-hand", SqlSuspects(ledger.database)))
        store = NodeCache(
            S3Store(settings.s3, connections=4 * slots), state / "objects", max_bytes=settings.worker.node_cache_bytes
        )
        telemetry = Telemetry()
        around = Surroundings(
            store=store,
            cache=RedisCache(settings.redis) if settings.redis else DictCache(),
            ledger=ledger,
            frames=Frames(store, stack.enter_context(Decoder(children=slots))),
            slots=Slots(slots),
            telemetry=telemetry,
            now=utc_now,
            precautions=precautions,
        )
        seeds = SqlSeeds(ledger.database)
        site = Site(settings, pipeline, around, seeds, slots, stack)
        desks = [Desk(step, lane, pipeline.hash) for lane in lanes for step in pipeline.steps(lane)]
        crews = [(_name(desk), site.crew(desk)) for desk in desks if desk.stage.name in stages]
        yield Connected(tuple(crews), telemetry)


@dataclass
class Site:
    """What the crews of one process share."""

    settings: Settings
    pipeline: Pipeline
    around: Surroundings
    seeds: Seeds
    slots: int
    stack: ExitStack
    computes: dict[str, tuple[Compute, Surroundings]] = field(default_factory=dict)

    def crew(self, desk: Desk) -> Crew:
        """Return the crew of a desk; a stage computes at one place whatever the lane."""
        kafka, stage, group = self.settings.kafka, desk.stage.name, group_of(desk.stage.name, desk.lane)
        first_offsets = FirstOffsets(KafkaAdmin(kafka), group, self.seeds, utc_now)
        slot = self.settings.worker.slot
        transport = KafkaTransport(kafka, group, slot=slot and f"{group}-{slot}", first_offsets=first_offsets)
        if stage not in self.computes:
            self.computes[stage] = self._compute(desk.stage)
        compute, around = self.computes[stage]
        worker = Worker(desk, transport, around, compute=compute, limit=DeadLetterLimit(stage))
        return Crew(worker, transport, replace(SERVICES_PACE, handlers=self.slots + 1), around.telemetry)

    def _compute(self, stage: Stage) -> tuple[Compute, Surroundings]:
        run = self.pipeline.runs.get(stage.name, StageRun())
        around = self.around if run.slots is None else replace(self.around, slots=Slots(run.slots))
        if run.execution is Execution.THREADS:
            return stage, around
        pool = in_processes(stage, run.slots or self.slots, prepare=use_one_thread_a_slot)
        return self.stack.enter_context(pool), around


def _name(desk: Desk) -> str:
    return group_of(desk.stage.name, desk.lane)


def _connections(slots: int, stages: Collection[str], lanes: Collection[str]) -> int:
    """Every handler and committer of a crew may ask the ledger at one time; not all do."""
    return min(20, (slots + 1) * len(stages) * len(lanes) + 1)


@contextmanager
def _precautions(folder: Path, suspects: Suspects) -> Iterator[Precautions]:
    report_the_dead(folder, suspects, now=utc_now())
    in_hand = InHand(folder)
    try:
        yield Precautions(in_hand, suspects)
    finally:
        in_hand.close()


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


@dataclass(frozen=True)
class Holdings:
    """A ledger and the store that holds what it names."""

    ledger: Evictions
    store: Inventory


@contextmanager
def holdings_at_services(settings: Settings) -> Iterator[Holdings]:
    """Connect to Postgres and S3."""
    with ExitStack() as stack:
        ledger = SqlLedger.postgres(settings.postgres, connections=1)
        stack.callback(ledger.close)
        store = S3Store(settings.s3, connections=1)
        stack.callback(store.close)
        yield Holdings(SqlEvictions(ledger.database), store)


@contextmanager
def holdings_of_run(state: Path) -> Iterator[Holdings]:
    """Open what an embedded run has left, while none is going on.

    Raises
    ------
    UsageError
        If there is none, or another process is using it.
    """
    open_ledger(state).close()
    with _exclusive(state):
        ledger = SqlLedger.sqlite(state / "ledger.sqlite")
        try:
            yield Holdings(SqlEvictions(ledger.database), FolderStore(state / "objects"))
        finally:
            ledger.close()


def open_log(settings: Settings) -> TopicLog:
    """Open the topics as they stand, for commands that look back."""
    return KafkaLog(settings.kafka)


def open_publisher(settings: Settings) -> Publisher:
    """Open a connection for events outside any transaction."""
    return KafkaPublisher(settings.kafka)


def use_one_thread_a_slot() -> None:
    """Let numerics use one thread a call: the slots use the cores.

    BLAS threads above all: they spin while they wait, and took a third of two cores from the stages.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1)
    torch = sys.modules.get("torch")  # a pipeline without networks need not wait for it to be imported
    if torch is not None:
        torch.set_num_threads(1)


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
