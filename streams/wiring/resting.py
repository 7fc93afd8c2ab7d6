"""A worker of a stage that does nothing, at Kafka alone: for benchmarks of the group."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.kafka_transport import KafkaTransport
from streams.adapters.sql_ledger import SqlLedger
from streams.crew import Crew, Pace
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.job import Desk
from streams.settings import KafkaSettings
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.telemetry import Telemetry
from streams.topics import Topic
from streams.wiring.process import utc_now
from streams.worker import Worker

HANDLERS = 2


@contextmanager
def resting_crew(
    kafka: KafkaSettings, desk: Desk, group: str, folder: Path, notice: Callable[[str], None]
) -> Iterator[Crew]:
    """Give a crew whose ledger and objects are in a folder; ``notice`` is told of every image computed."""
    with closing(SqlLedger.sqlite(folder / "ledger.sqlite")) as ledger, Decoder(children=1) as decoder:
        store = FolderStore(folder / "objects")
        around = Surroundings(
            store=store,
            cache=DictCache(),
            ledger=ledger,
            frames=Frames(store, decoder),
            slots=Slots(HANDLERS),
            telemetry=Telemetry(),
            now=utc_now,
            notice=lambda acquisition_id, parts: notice(acquisition_id),
        )
        transport = KafkaTransport(kafka, group, consumer={"auto.offset.reset": "earliest"})
        yield Crew(Worker(desk, transport, around), transport, Pace(handlers=HANDLERS), around.telemetry)


@contextmanager
def scratch_topics(kafka: KafkaSettings, names: Sequence[str], *, partitions: int, group: str) -> Iterator[None]:
    """Create topics, and delete them and a group in the end."""
    cluster = KafkaTopics(kafka)
    cluster.create([Topic(name, partitions, 1, {"compression.type": "zstd"}) for name in names])
    try:
        yield
    finally:
        cluster.remove(names, [group])


def open_reader(kafka: KafkaSettings, topic: str) -> KafkaReader:
    """Open a topic for somebody who watches it."""
    return KafkaReader(kafka, [topic], "semstream-bench")
