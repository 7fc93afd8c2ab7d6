"""A worker with everything around it, in memory and in a temporary folder."""

from dataclasses import dataclass, field

from schemas.events import DEAD_LETTER_TYPE, DeadLetter, ImageEvent
from schemas.headers import Headers
from schemas.image import ObjectRef
from stages.stage import Done, Outcome, Stage, Task
from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.sql_ledger import SqlLedger
from streams.dead_letter_limit import DeadLetterLimit
from streams.frames import Frames
from streams.job import Desk
from streams.pipeline import Step
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.suspects import Precautions
from streams.telemetry import Telemetry
from streams.tracing import Tracer
from streams.transport import Message, Outgoing, Partition, Positions
from streams.worker import Worker
from tests.events import NOON, headers_of, image_event
from tests.memory_transport import MemoryTransport
from tests.toys import SIDE, Shade, ToyDecoder

P0 = Partition("sem.images", 0)


class CountingStore(FolderStore):
    """Counts reads; fails them on demand."""

    reads = 0
    failure: Exception | None = None

    def get(self, ref: ObjectRef) -> bytes:
        if self.failure:
            raise self.failure
        self.reads += 1
        return super().get(ref)


@dataclass
class Bench:
    """A worker with everything around it, and what a test looks at."""

    store: CountingStore
    ledger: SqlLedger
    offset: int = 0
    decoder: ToyDecoder = field(default_factory=ToyDecoder)
    precautions: Precautions | None = None
    limit: DeadLetterLimit | None = None
    tracer: Tracer | None = None

    def __post_init__(self) -> None:
        self.forget_memory()

    def forget_memory(self) -> None:
        """Be as after a restart: neither cache nor frames in memory."""
        self.cache = DictCache()
        self.telemetry = Telemetry()
        self.transport = MemoryTransport([])
        self.computed: list[tuple[str, ...]] = []

    def worker(self, stage: Stage | None = None) -> Worker:
        around = Surroundings(
            store=self.store,
            cache=self.cache,
            ledger=self.ledger,
            frames=Frames(self.store, self.decoder),
            slots=Slots(1),
            telemetry=self.telemetry,
            now=lambda: NOON,
            precautions=self.precautions,
            tracer=self.tracer,
            notice=lambda _, parts: self.computed.append(tuple(parts)),
        )
        desk = Desk(Step(stage or Shade(), "sem.images", "sem.shaded"), "live", "p1")
        return Worker(desk, self.transport, around, limit=self.limit)

    def published(self, data: bytes, *, name: str = "a.tif", attempt: int = 1) -> Message:
        """Return the message of an image."""
        ref = self.store.put(data, folder="raw/sim-1", suffix=".toy", media_type="application/octet-stream")
        event = image_event(ref, name=name, width=SIDE, height=SIDE)
        headers = headers_of(event, attempt=attempt).to_wire()
        self.offset += 1
        return Message(P0, self.offset, 0, b"key", event.to_json(), headers)

    def answers(self, *messages: Message, stage: Stage | None = None) -> list[Outgoing]:
        """Answer and publish messages in one batch; return the events."""
        worker = self.worker(stage)
        answers = worker.answer(messages)
        worker.publish(answers, Positions({P0: messages[-1].offset + 1}))
        return [answer.event for answer in answers]


def event_in(outgoing: Outgoing) -> ImageEvent:
    assert outgoing.topic == "sem.shaded"
    return ImageEvent.from_json(outgoing.value)


def letter_in(outgoing: Outgoing) -> DeadLetter:
    assert outgoing.topic == "sem.deadletter"
    assert Headers.from_wire(outgoing.headers).type == DEAD_LETTER_TYPE
    return DeadLetter.from_json(outgoing.value)


BLACK = bytes(SIDE * SIDE)


@dataclass(frozen=True)
class Lenient(Shade):
    """Shades black frames too."""

    def _shaded(self, task: Task) -> Outcome:
        return Done({name: self._part(task, name) for name in task.wanted})
