"""What benchmarks need of real services: a lane, topics and a ledger of their own."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from uuid import uuid4

from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_scratch import scratch_database
from streams.bench.at_services import ServicesRun
from streams.bench.own_lane import OwnLane, Reader
from streams.pipeline import DEAD_LETTERS, HEALTH, load_pipeline
from streams.settings import Settings
from streams.topics import planned
from streams.trends.desk import TrendsDesk

FROM_THE_BEGINNING: dict[str, str | int | bool] = {"auto.offset.reset": "earliest"}
DELETE_S = 30


@contextmanager
def own_lane(
    settings: Settings, pipeline_file: Path, *, beside: Sequence[str] = ()
) -> Iterator[tuple[OwnLane, Callable[[str], Reader]]]:
    """Prepare a lane, and others beside it; remove their topics and their ledger in the end.

    Also yields what opens a reader of a topic.
    """
    pipeline = load_pipeline(pipeline_file)
    name = f"bench{uuid4().hex[:8]}"
    cluster = KafkaTopics(settings.kafka)
    others = tuple(f"{name}-{word}" for word in beside)
    topics = {t.name: t for lane in (name, *others) for t in planned(pipeline, lane, brokers=cluster.brokers())}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(scratch_database(settings.postgres))
        url = database.engine.url.render_as_string(hide_password=False)
        postgres = settings.postgres.model_copy(update={"url": url})
        file = folder / "settings.toml"
        worker = settings.worker.model_copy(update={"metrics_targets": None})  # no Prometheus watches a benchmark
        own = settings.model_copy(update={"postgres": postgres, "worker": worker})
        file.write_text(own.to_toml(), encoding="utf-8")
        file.chmod(0o600)
        cluster.create(list(topics.values()))
        own_topics = [one for one in topics if one not in {DEAD_LETTERS, HEALTH}]
        stack.callback(_delete, settings, [*own_topics, *TrendsDesk(name).topics])
        publisher = KafkaPublisher(settings.kafka)
        stack.callback(publisher.close)

        def reader(topic: str) -> Reader:
            opened = KafkaReader(settings.kafka, [topic], f"{name}-{uuid4().hex[:6]}", options=FROM_THE_BEGINNING)
            stack.callback(opened.close)
            return opened

        yield OwnLane(name, pipeline, pipeline_file, file, folder, publisher, others), reader


@contextmanager
def services_run(settings: Settings, pipeline_file: Path) -> Iterator[ServicesRun]:
    """Prepare a run of a pipeline at the services, in a lane of its own."""
    with (
        own_lane(settings, pipeline_file) as (lane, open_reader),
        closing(S3Store(settings.s3, connections=2)) as store,
    ):
        yield ServicesRun(settings, lane, store, open_reader)


def _delete(settings: Settings, topics: list[str]) -> None:
    admin = KafkaAdmin(settings.kafka)
    known = admin.metadata().topics
    topics = [topic for topic in topics if topic in known]  # those of the trends are there where they were started
    for topic, future in admin.client.delete_topics(topics).items():
        admin.wait(future, f"deleting topic {topic}")
