"""The embedded mode: everything in one process, no server."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.kafka_cluster import READING, InProcessCluster
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.sql_ledger import SqlLedger
from streams.crew import Crew, Pace
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.metered_store import MeteredStore
from streams.pipeline import DEAD_LETTERS, LIVE, Pipeline
from streams.ports import JobLedger, ObjectStore
from streams.settings import KafkaSettings
from streams.slots import Slots
from streams.source import LEDGER_FILE
from streams.surroundings import Surroundings
from streams.telemetry import Telemetry
from streams.telemetry.process import describe_process
from streams.tracing import Tracer
from streams.transport import Publisher
from streams.wiring.process import collect_seldom, exclusive, use_one_thread_a_slot, utc_now
from streams.wiring.tracing import traced
from streams.worker import Worker

EMBEDDED_PATIENCE_S = 120
"""Nobody repairs a laptop's disk while the run waits: after so long it ends and says what it waited for."""

BATCH_S = 1.0
"""Nobody waits for a single image, and each batch costs look-ups and two transactions on the cores that compute."""


@dataclass(frozen=True)
class Embedded:
    """Everything that the embedded mode runs on: one process, no server."""

    store: ObjectStore
    ledger: JobLedger
    decoder: Decoder
    frames: Frames
    telemetry: Telemetry
    publisher: Publisher
    results: KafkaReader
    crews: tuple[Crew, ...]
    computed: dict[str, set[str]]
    """Parts computed in this process, by acquisition."""


@contextmanager
def embedded(
    state: Path,
    pipeline: Pipeline,
    *,
    cores: int | None = None,
    telemetry: Telemetry | None = None,
    tracer: Tracer | None = None,
) -> Iterator[Embedded]:
    """Wire the embedded mode; ``state`` holds objects and ledger, so a second run goes on from the first.

    Raises
    ------
    UsageError
        If another process is using ``state``.
    """
    slots = cores or len(os.sched_getaffinity(0))
    use_one_thread_a_slot()
    collect_seldom()
    with ExitStack() as stack:
        stack.enter_context(exclusive(state))
        telemetry = telemetry or Telemetry()
        describe_process(telemetry, pipeline=pipeline.name, pipeline_hash=pipeline.hash)
        store = MeteredStore(FolderStore(state / "objects"), telemetry)
        ledger = SqlLedger.sqlite(state / LEDGER_FILE)
        stack.callback(ledger.close)
        decoder = stack.enter_context(Decoder(children=slots))
        decoder.warm()
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
            tracer=tracer,
            notice=lambda acquisition_id, names: computed.setdefault(acquisition_id, set()).update(names),
        )
        pace = Pace(handlers=slots, patience_s=EMBEDDED_PATIENCE_S, batch_target_s=BATCH_S)
        crews = [_crew(Desk(step, LIVE, pipeline.hash), cluster.settings, around, pace) for step in steps]
        publisher = traced(KafkaPublisher(cluster.settings), tracer)
        results = KafkaReader(cluster.settings, topics, "results", options=READING)
        stack.callback(results.close)
        yield Embedded(store, ledger, decoder, frames, telemetry, publisher, results, tuple(crews), computed)


def _crew(desk: Desk, kafka: KafkaSettings, around: Surroundings, pace: Pace) -> Crew:
    transport = KafkaTransport(kafka, desk.stage.name, consumer=READING)
    return Crew(Worker(desk, transport, around), transport, pace, around.telemetry)
