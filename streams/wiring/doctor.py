"""The checks of `semstream doctor`."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select

from streams.adapters.kafka_admin import REQUEST_S, KafkaAdmin
from streams.adapters.redis_cache import RedisCache
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.doctor import Check, check_clock, check_folder, check_store
from streams.pipeline import DEAD_LETTERS, load_pipeline
from streams.settings import RedisSettings, Settings
from streams.telemetry import Telemetry
from streams.wiring.process import utc_now


def checks(settings: Settings, pipeline: Path | None) -> Iterator[tuple[str, Check]]:
    """Yield the checks of every dependency, each by its name."""
    yield "pipeline", lambda: _pipeline(pipeline)
    yield "kafka", lambda: _kafka(settings)
    yield "topics", lambda: _topics(settings, pipeline)
    yield "s3", lambda: _s3(settings)
    redis = settings.redis
    yield "redis", lambda: _redis(redis) if redis else "not configured: every worker remembers for itself only"
    yield "postgres", lambda: _postgres(settings)
    yield "clock", lambda: _clock(settings)
    yield "disk", lambda: check_folder(settings.worker.state)


def _pipeline(path: Path | None) -> str:
    pipeline = load_pipeline(path)
    return f"{pipeline.name} ({pipeline.hash}): {', '.join(stage.name for stage in pipeline.stages)}"


def _kafka(settings: Settings) -> str:
    admin = KafkaAdmin(settings.kafka)
    cluster = admin.wait(admin.client.describe_cluster(request_timeout=REQUEST_S), "asking the brokers who they are")
    return f"{settings.kafka.bootstrap_servers} answers for {len(cluster.nodes)} broker(s)"


def _topics(settings: Settings, path: Path | None) -> str:
    admin = KafkaAdmin(settings.kafka)
    pipeline = load_pipeline(path)
    topics = [*(step.consumes for step in pipeline.steps()), pipeline.steps()[-1].produces, DEAD_LETTERS]
    for topic in topics:
        admin.partitions(topic)
    return f"all {len(topics)} of the pipeline's live lane exist"


def _s3(settings: Settings) -> str:
    store = S3Store(settings.s3, connections=1)
    try:
        return f"{settings.s3.endpoint_url or settings.s3.region}: {check_store(store)}"
    finally:
        store.close()


def _redis(settings: RedisSettings) -> str:
    cache = RedisCache(settings, Telemetry())
    cache.check()
    return f"{settings.url.rsplit('@', 1)[-1]} answers"


def _postgres(settings: Settings) -> str:
    ledger = SqlLedger.postgres(settings.postgres, connections=1)
    ledger.close()
    return f"{ledger.database.name} has the tables of this version"


def _clock(settings: Settings) -> str:
    ledger = SqlLedger.postgres(settings.postgres, connections=1)
    try:
        with ledger.database.reading() as connection:
            theirs = connection.execute(select(func.clock_timestamp())).scalar_one()
        return check_clock(theirs, utc_now())
    finally:
        ledger.close()
