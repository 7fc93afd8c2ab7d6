"""The one place that names every adapter."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import cv2
from threadpoolctl import threadpool_limits

from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.kafka_cluster import CLIENT, InProcessCluster
from streams.adapters.kafka_messages import KafkaPublisher, KafkaReader
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.sql_database import Database
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_questions import SqlQuestions
from streams.adapters.sql_retention import SqlRetention
from streams.adapters.sql_schema import migrate
from streams.adapters.sql_scratch import fill, scratch_database, sizes_mb
from streams.crew import Crew, Pace
from streams.errors import UsageError
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.pipeline import DEAD_LETTERS, LIVE, Pipeline
from streams.ports import JobLedger, ObjectStore
from streams.questions import Questions, Retention
from streams.settings import Settings
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.telemetry import Telemetry
from streams.worker import Worker

LEDGER_FILE = "ledger.sqlite"
EMBEDDED_PATIENCE_S = 120
"""Nobody repairs a laptop's disk while the run waits: after so long it ends and says what it waited for."""
PUBLISHER_ONLY_CLIENT = {"log_level": 0}


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
        ledger = SqlLedger.sqlite(state / LEDGER_FILE)
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
        crews = [_crew(Desk(step, LIVE, pipeline.hash), cluster.bootstrap_servers, around, pace) for step in steps]
        publisher = KafkaPublisher(cluster.bootstrap_servers, client=PUBLISHER_ONLY_CLIENT)
        results = KafkaReader(cluster.bootstrap_servers, topics, "results", client=CLIENT)
        stack.callback(results.close)
        yield Embedded(store, ledger, decoder, frames, telemetry, publisher, results, tuple(crews), computed)


def _crew(desk: Desk, bootstrap_servers: str, around: Surroundings, pace: Pace) -> Crew:
    group = desk.stage.name
    transport = KafkaTransport(bootstrap_servers, group, transactional_id=f"{group}-{uuid4()}", client=CLIENT)
    return Crew(Worker(desk, transport, around), transport, pace, around.telemetry)


@dataclass(frozen=True)
class LedgerAtHand:
    """A ledger that people ask: an embedded run's, or that of the services. ``place`` is where it is."""

    place: str
    ledger: JobLedger
    questions: Questions
    retention: Retention


@contextmanager
def ledger_of_run(state: Path) -> Iterator[LedgerAtHand]:
    """Open the ledger of an embedded run.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = state / LEDGER_FILE
    if not path.is_file():
        raise UsageError(f"there is no ledger at {path}; name the --out folder of an earlier run")
    with _at_hand(SqlLedger.sqlite(path), str(path)) as found:
        yield found


@contextmanager
def ledger_at_services(settings: Settings) -> Iterator[LedgerAtHand]:
    """Reach the ledger of the services.

    Raises
    ------
    UsageError
        If the server refuses us, or the tables are not of this version.
    TransientError
        If it does not answer.
    """
    ledger = SqlLedger.postgres(settings.postgres, connections=1)
    with _at_hand(ledger, ledger.database.place) as found:
        yield found


@contextmanager
def _at_hand(ledger: SqlLedger, place: str) -> Iterator[LedgerAtHand]:
    with closing(ledger):
        yield LedgerAtHand(place, ledger, SqlQuestions(ledger.database), SqlRetention(ledger.database))


def migrate_ledger(settings: Settings) -> bool:
    """Bring the services' ledger to this version; return whether anything was to be done."""
    with closing(Database.postgres(settings.postgres, connections=1)) as database:
        return migrate(database)


@dataclass(frozen=True)
class ScratchLedger:
    """A ledger to measure, which nobody else uses: empty, until ``fill`` settles so many events with that outcome."""

    ledger: JobLedger
    questions: Questions
    fill: Callable[[int, str], None]
    sizes_mb: Callable[[], Mapping[str, float]]


@contextmanager
def scratch_ledger(settings: Settings) -> Iterator[ScratchLedger]:
    """Create a ledger in a database of its own on the services' server, and drop it in the end."""
    with scratch_database(settings.postgres) as database:

        def fill_it(rows: int, body: str) -> None:
            fill(database, rows, body=body, now=utc_now())

        yield ScratchLedger(SqlLedger(database), SqlQuestions(database), fill_it, lambda: sizes_mb(database))


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
