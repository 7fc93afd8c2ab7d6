"""The checks of `semstream doctor`."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func, select

from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.redis_cache import RedisCache
from streams.adapters.s3_client import Patience
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.doctor import Probe, check_clock, check_folder, check_store
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.settings import RedisSettings, Settings
from streams.telemetry import Telemetry
from streams.topics import planned
from streams.trends.desk import TrendsDesk
from streams.wiring.process import utc_now

PATIENCE_S = 8.0
"""Somebody waits for the answer; what takes longer is not well."""


def probes(settings: Settings, pipeline: Path | None, lanes: Sequence[str]) -> list[Probe]:
    """Return the checks of every dependency."""
    redis = settings.redis
    return [
        Probe("pipeline", lambda: _pipeline(pipeline)),
        Probe("kafka", lambda: _kafka(settings)),
        Probe("topics", lambda: _topics(settings, pipeline, lanes), needs="kafka"),
        Probe("s3", lambda: _s3(settings)),
        Probe("redis", lambda: _redis(redis) if redis else "not configured: every worker remembers for itself only"),
        Probe("postgres", lambda: _postgres(settings)),
        Probe("clock", lambda: _clock(settings), needs="postgres"),
        Probe("disk", lambda: check_folder(settings.worker.state)),
    ]


def _pipeline(path: Path | None) -> str:
    pipeline = load_pipeline(path)
    return f"{pipeline.name} ({pipeline.hash}): {', '.join(stage.name for stage in pipeline.stages)}"


def _kafka(settings: Settings) -> str:
    brokers = KafkaAdmin(settings.kafka).metadata(within_s=PATIENCE_S).brokers
    return f"{settings.kafka.bootstrap_servers} answers for {len(brokers)} broker(s)"


def _topics(settings: Settings, path: Path | None, lanes: Sequence[str]) -> str:
    found = KafkaAdmin(settings.kafka).metadata(within_s=PATIENCE_S)
    pipeline, brokers = load_pipeline(path), len(found.brokers)
    wanted = {lane: [topic.name for topic in planned(pipeline, lane, brokers=brokers)] for lane in lanes}
    without = {lane: sorted({*names} - {*found.topics}) for lane, names in wanted.items()}
    missing = sorted({name for names in without.values() for name in names})
    if missing:
        create = " ".join(f"--lane {lane}" for lane, names in without.items() if names)
        raise UsageError(f"{', '.join(missing)} do not exist: semstream topics create {create}")
    for desk in map(TrendsDesk, lanes):
        lost = {*desk.topics} - {*found.topics}
        if len(lost) == 1:
            raise UsageError(
                f"{lost.pop()} does not exist: start semstream trends --lane {desk.lane}, which creates it"
            )
    count = len({name for names in wanted.values() for name in names})
    return f"all {count} of the lanes {' and '.join(lanes)} exist"


def _s3(settings: Settings) -> str:
    store = S3Store(settings.s3, connections=1, patience=Patience(connect_s=PATIENCE_S, read_s=PATIENCE_S, attempts=1))
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
