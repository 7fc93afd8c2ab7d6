"""A worker process at the services."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stages.stage import Stage
from streams.adapters.dict_cache import DictCache
from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_seeds import FirstOffsets
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.node_cache import NodeCache
from streams.adapters.redis_cache import RedisCache
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_seeds import SqlSeeds
from streams.adapters.sql_suspects import SqlSuspects
from streams.crew import Crew, Pace
from streams.dead_letter_limit import DeadLetterLimit
from streams.doctor import Probe
from streams.execution import Compute, Execution, StageRun, in_processes
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.metered_store import MeteredStore
from streams.pipeline import Pipeline, group_of
from streams.ports import Seeds, Suspects
from streams.settings import Settings
from streams.shift import Shift
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.suspects import InHand, Precautions, report_the_dead
from streams.telemetry import Telemetry
from streams.telemetry.process import describe_process
from streams.topics import planned
from streams.wiring.process import collect_seldom, use_one_thread_a_slot, utc_now
from streams.wiring.readiness import worker_probes
from streams.wiring.tracing import tracing
from streams.worker import Worker

SERVICES_PACE = Pace(max_batch=500, batch_age_s=0, max_in_flight=2000, max_in_flight_bytes=16 << 20)


@dataclass(frozen=True)
class Connected:
    """A process at the services: the crews of its stages in its lanes, by name."""

    crews: tuple[tuple[str, Crew], ...]
    telemetry: Telemetry
    probes: Callable[[], Sequence[Probe]]
    """Makes the checks of the services, which have connections of their own."""


@contextmanager
def connected(
    settings: Settings,
    pipeline: Pipeline,
    *,
    stages: Collection[str],
    lanes: Sequence[str],
    threads: int | None = None,
    telemetry: Telemetry | None = None,
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
    collect_seldom()
    with ExitStack() as stack:
        ledger = SqlLedger.postgres(settings.postgres, connections=_connections(slots, stages, lanes))
        stack.callback(ledger.close)
        in_hand = settings.worker.state / "in-hand"
        precautions = stack.enter_context(_precautions(in_hand, SqlSuspects(ledger.database)))
        telemetry = telemetry or Telemetry()
        describe_process(telemetry, pipeline=pipeline.name, pipeline_hash=pipeline.hash)
        store = _store(settings, telemetry, slots)
        around = Surroundings(
            store=store,
            cache=RedisCache(settings.redis, telemetry) if settings.redis else DictCache(),
            ledger=ledger,
            frames=Frames(store, stack.enter_context(Decoder(children=slots))),
            slots=Slots(slots, live=settings.worker.first_lane),
            telemetry=telemetry,
            now=utc_now,
            precautions=precautions,
            tracer=stack.enter_context(tracing()),
        )
        seeds = SqlSeeds(ledger.database)
        site = Site(settings, pipeline, around, seeds, slots, stack)
        desks = [Desk(step, lane, pipeline.hash) for lane in lanes for step in pipeline.steps(lane)]
        crews = [(_name(desk), site.crew(desk)) for desk in desks if desk.stage.name in stages]
        yield Connected(tuple(crews), telemetry, partial(worker_probes, settings, ledger))


@dataclass(frozen=True)
class AtWork:
    """A lane that is answered in this process."""

    telemetry: Telemetry
    _working: Future[bool]

    def check(self) -> None:
        """Raise what ended the work, if anything did."""
        if self._working.done():
            self._working.result()


def prepare_lane(settings: Settings, pipeline: Pipeline, lane: str) -> None:
    """Create the topics of a lane that do not exist yet."""
    cluster = KafkaTopics(settings.kafka)
    cluster.create(planned(pipeline, lane, brokers=cluster.brokers()))


@contextmanager
def lane_at_work(
    settings: Settings,
    pipeline: Pipeline,
    lane: str,
    *,
    threads: int | None = None,
    telemetry: Telemetry | None = None,
) -> Iterator[AtWork]:
    """Answer a lane by every stage in this process while the block runs; raises what went wrong meanwhile."""
    names = [stage.name for stage in pipeline.stages]
    with connected(settings, pipeline, stages=names, lanes=[lane], threads=threads, telemetry=telemetry) as parts:
        shift = Shift(parts.crews, deadline_s=settings.worker.stop_deadline_s)
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(shift.run)
            try:
                yield AtWork(parts.telemetry, working)
            finally:
                shift.stop()
            working.result()


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
        transport = KafkaTransport(kafka, group, slot=slot, first_offsets=first_offsets, end=self._end)
        if stage not in self.computes:
            self.computes[stage] = self._compute(desk.stage)
        compute, around = self.computes[stage]
        worker = Worker(desk, transport, around, compute=compute, limit=DeadLetterLimit(stage))
        return Crew(worker, transport, replace(SERVICES_PACE, handlers=self.slots + 1), around.telemetry)

    def _end(self, status: int) -> None:
        """End the process at once, and blame no image for it."""
        if self.around.precautions is not None:
            self.around.precautions.in_hand.close()
        os._exit(status)

    def _compute(self, stage: Stage) -> tuple[Compute, Surroundings]:
        run = self.pipeline.runs.get(stage.name, StageRun())
        around = self.around if run.slots is None else replace(self.around, slots=self._slots(run.slots))
        if run.execution is Execution.THREADS:
            return stage, around
        pool = in_processes(stage, run.slots or self.slots, prepare=use_one_thread_a_slot)
        return self.stack.enter_context(pool), around

    def _slots(self, count: int) -> Slots:
        return Slots(count, live=self.settings.worker.first_lane)


def _store(settings: Settings, telemetry: Telemetry, slots: int) -> NodeCache:
    bucket = MeteredStore(S3Store(settings.s3, connections=4 * slots), telemetry)
    return NodeCache(bucket, settings.worker.state / "objects", max_bytes=settings.worker.node_cache_bytes)


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
