"""A site of a test's own at the services of this machine: a lane with its topics, a ledger, folders of nodes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from schemas.events import ImageEvent
from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_reader import KafkaReader
from streams.cli import outcome_of
from streams.pipeline import DEAD_LETTERS, Pipeline
from streams.settings import Settings, WorkerSettings
from streams.shift import Shift
from streams.telemetry import Telemetry
from streams.transport import Message
from streams.wiring.worker import connected
from tests.databases import migrated_database
from tests.services import settings, unique

PATIENCE_S = 90.0


@dataclass
class Site:
    """What a test does at the services."""

    settings: Settings
    pipeline: Pipeline
    lane: str
    folder: Path
    failures: list[BaseException] = field(default_factory=list)

    def node(self, name: str) -> Settings:
        """Return the settings of a node with a disk of its own."""
        return self.settings.model_copy(update={"worker": WorkerSettings(state=self.folder / name)})

    @contextmanager
    def worker(self, name: str = "node") -> Iterator[Telemetry]:
        """Let a worker of every stage work while the block runs, then stop it in good order."""
        stages = [stage.name for stage in self.pipeline.stages]
        with connected(self.node(name), self.pipeline, stages=stages, lanes=[self.lane], threads=2) as parts:
            shift = Shift(parts.crews, deadline_s=20)
            thread = threading.Thread(target=self._guarded(shift.run))
            thread.start()
            try:
                yield parts.telemetry
            finally:
                shift.stop()
                thread.join(30)
        if self.failures:
            raise self.failures[0]

    def publish(self, *arguments: str, source: str = "/test", state: str = "p") -> None:
        """Run ``semstream publish`` into the lane."""
        file = self.folder / "settings.toml"
        options = [
            "--lane",
            self.lane,
            "--settings",
            str(file),
            "--source",
            source,
            "--state",
            str(self.folder / state),
        ]
        code, said = outcome_of(["publish", *arguments, *options])
        assert code == 0, said

    def selected(self, count: int) -> list[ImageEvent]:
        """Wait for so many events at the end of the lane, and a moment longer for any that should not come."""
        topic = self.pipeline.steps(self.lane)[-1].produces
        reader = KafkaReader(self.settings.kafka, [topic], unique("reader"), options={"auto.offset.reset": "earliest"})
        found: list[Message] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < count and time.monotonic() < deadline and not self.failures:
            found += reader.poll(limit=100, timeout_s=0.2)
        found += reader.poll(limit=100, timeout_s=1)
        reader.close()
        return [ImageEvent.from_json(message.value or b"") for message in found]

    def _guarded(self, run: Callable[[], object]) -> Callable[[], None]:
        def guarded() -> None:
            try:
                run()
            except BaseException as error:  # raised again where the block ends
                self.failures.append(error)

        return guarded


@contextmanager
def site(pipeline: Pipeline, folder: Path) -> Iterator[Site]:
    """Prepare a site, and remove its topics and its ledger in the end."""
    services = settings()
    lane = unique("lane")
    topics = [*(step.consumes for step in pipeline.steps(lane)), pipeline.steps(lane)[-1].produces]
    admin = KafkaAdmin(services.kafka)
    with migrated_database() as postgres:
        own = services.model_copy(update={"postgres": postgres})
        (folder / "settings.toml").write_text(own.to_toml())
        wanted = [NewTopic(topic, 2, 1) for topic in topics]
        for future in admin.client.create_topics(wanted).values():
            future.result(20)
        if DEAD_LETTERS not in admin.client.list_topics(timeout=20).topics:
            admin.client.create_topics([NewTopic(DEAD_LETTERS, 2, 1)])[DEAD_LETTERS].result(20)
        try:
            yield Site(own, pipeline, lane, folder)
        finally:
            for future in admin.client.delete_topics(topics).values():
                future.result(20)
