"""The trends as a process of their own at the real broker, in a lane of a test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from schemas.events import DeadLetter, ImageEvent
from schemas.health import HealthEvent, Quantity
from schemas.scores import RAW, Candidate, NoiseRecord, Selection
from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_client import producer_configuration
from streams.adapters.kafka_reader import KafkaReader
from streams.pipeline import DEAD_LETTERS, HEALTH, topic
from streams.settings import Settings
from streams.transport import Message
from streams.trends.desk import TrendsDesk
from streams.trends.observation import Observation, parsed
from streams.trends.watch import InstrumentWatch, observed
from tests.events import headers_of, image_event, object_ref
from tests.services import settings, unique

PARTITIONS = 2
PATIENCE_S = 60.0
SELECTION = Selection(chosen=RAW, rule="least risk", reason="because")


def event_of(seen: Observation, instrument: str, number: int) -> ImageEvent:
    """Return a scored event in which there is to be observed what was observed."""
    values = seen.values
    fine = 1 + 10 ** (-(values[Quantity.SHARPNESS] + values[Quantity.SNR]) / 10)
    event = image_event(object_ref(f"{number:032x}" * 2), name=f"{number}.tif")
    noise = NoiseRecord(
        sigma=values[Quantity.SIGMA],
        gain=values[Quantity.GAIN],
        offset=0.0,
        row_acf=(1.0,),
        column_lag1=0.0,
        saturated=0.0,
        holds=True,
    )
    scores: dict[str, float | None] = {"snr_db": values[Quantity.SNR], "texture_fine": fine}
    raw = Candidate(name=RAW, stage="metrics", method=RAW, config_hash=RAW, scores=scores)
    image = event.image.but(instrument_id=instrument, recipe="lines")
    acquisition = event.acquisition.but(published_at=seen.published_at)
    return event.but(image=image, acquisition=acquisition, noise=noise, candidates=(raw,))


@dataclass
class TrendsSite:
    """What a test does there."""

    settings: Settings
    lane: str
    file: Path
    instrument: str
    producer: Producer
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def desk(self) -> TrendsDesk:
        return TrendsDesk(self.lane)

    @property
    def scored(self) -> str:
        return topic(self.lane, "scored")

    def publish(self, events: Sequence[ImageEvent], *, aborted: bool = False, word: str = "scored") -> None:
        """Publish in one transaction, and commit or abort it."""
        self.producer.begin_transaction()
        for event in events:
            wire = headers_of(event).to_wire()
            name = topic(self.lane, word)
            self.producer.produce(name, event.to_json(), event.image.image_id.encode(), headers=list(wire))
            self.producer.poll(0)
        self.producer.flush(30)
        self.producer.abort_transaction() if aborted else self.producer.commit_transaction()

    def publish_raw(self, value: bytes | None) -> None:
        self.producer.begin_transaction()
        self.producer.produce(self.scored, value, b"bad")
        self.producer.commit_transaction()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "streams.cli", "trends", "--lane", self.lane, "--settings", str(self.file)]
        log = (self.file.parent / "trends.log").open("ab")
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
        with log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.file.parent, env=environment)
        self.processes.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        process.send_signal(number)
        return process.wait(30)

    def watch(self) -> InstrumentWatch | None:
        """Return the latest state of the instrument in the table's changelog."""
        found = [m for m in self.read(self.desk.changelog) if (m.key or b"").startswith(self.instrument.encode())]
        latest = max(found, key=lambda message: message.offset, default=None)
        return InstrumentWatch.from_json(latest.value or b"") if latest else None

    def computed(self) -> InstrumentWatch:
        """Return what the observations come to, in their order and without any process between."""
        watch = InstrumentWatch(instrument_id=self.instrument, recipe="lines")
        for message in sorted(self.read(self.desk.observations), key=lambda message: message.offset):
            watch, _ = observed(watch, parsed(message.value or b""))
        return watch

    def members(self) -> int:
        """Count the processes that are in the group."""
        admin = KafkaAdmin(self.settings.kafka)
        try:
            return len(admin.client.describe_consumer_groups([self.desk.name])[self.desk.name].result(20).members)
        except KafkaException:  # nobody ever joined
            return 0

    def images(self) -> int:
        watch = self.watch()
        return watch.images if watch else 0

    def health(self) -> list[HealthEvent]:
        mine = [message for message in self.read(HEALTH) if message.key == self.instrument.encode()]
        return [HealthEvent.from_json(message.value or b"") for message in mine]

    def letters(self) -> list[DeadLetter]:
        letters = [DeadLetter.from_json(message.value or b"") for message in self.read(DEAD_LETTERS)]
        return [letter for letter in letters if letter.original and letter.original.topic == self.scored]

    def read(self, name: str) -> list[Message]:
        if name not in _topics(self.settings):
            return []
        reader = KafkaReader(self.settings.kafka, [name], unique("reader"))
        found: list[Message] = []
        try:
            while some := reader.poll(limit=1000, timeout_s=1.0):
                found += some
        finally:
            reader.close()
        return found

    def wait(self, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline, (self.file.parent / "trends.log").read_text()[-3000:]
            assert self.processes[-1].poll() is None, (self.file.parent / "trends.log").read_text()[-3000:]


@contextmanager
def trends_site(folder: Path) -> Iterator[TrendsSite]:
    """Prepare a lane with topics of its own, and remove them in the end, with the group."""
    services = settings()
    lane, file = unique("lane"), folder / "settings.toml"
    file.write_text(services.to_toml())
    admin = KafkaAdmin(services.kafka)
    own = [topic(lane, word) for word in ("scored", "selected")]
    shared = [name for name in (HEALTH, DEAD_LETTERS) if name not in admin.client.list_topics(timeout=20).topics]
    for future in admin.client.create_topics([NewTopic(name, PARTITIONS, 1) for name in [*own, *shared]]).values():
        future.result(20)
    producer = Producer({**producer_configuration(services.kafka, transactional_id=unique("producer"))})
    producer.init_transactions(30)
    site = TrendsSite(services, lane, file, unique("sem"), producer)
    try:
        yield site
    finally:
        for process in site.processes:
            process.kill()
            process.wait(30)
        # The group forgets itself when its topics are gone.
        made = {*own, *site.desk.topics} & _topics(services)
        for gone in admin.client.delete_topics([*made]).values():
            gone.result(20)


def _topics(services: Settings) -> set[str]:
    return set(KafkaAdmin(services.kafka).client.list_topics(timeout=20).topics)
