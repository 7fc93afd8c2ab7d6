"""A ledger in a database of its own on the services' server, filled by that server: for measuring."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from uuid import uuid4

import orjson
from sqlalchemy import make_url, text

from streams.adapters.sql_database import Database
from streams.adapters.sql_schema import migrate
from streams.settings import PostgresSettings

FILL_OUTCOMES = """
INSERT INTO outcome (key, image_id, stage, object_key, body, created_at)
SELECT format('%s-0:%s:%s:%s', md5(image::text), substr(md5((image + 7)::text), 1, 16), stage, md5((n % 40)::text)),
       md5(image::text) || '-0', stage, object_key, replace(:body, :named, object_key),
       :now - (:rows - n) * interval '2.5 s'
FROM generate_series(1, :rows) AS n, LATERAL (SELECT
  n / 4 AS image,
  (ARRAY['filter', 'denoise', 'metrics', 'selector'])[1 + n % 4] AS stage,
  'candidates/' || substr(md5((n + 1)::text), 1, 2) || '/' || md5((n + 1)::text) || md5((n + 2)::text) || '.tif'
    AS object_key) AS made
"""
FILL_SETTLEMENTS = """
INSERT INTO settlement (acquisition_id, stage, lane, pipeline, attempt, image_id, version, source_name, file_name,
                        state, settled_at, reason, computed, chosen)
SELECT uuid_in(md5(image::text)::cstring)::text, stage, 'live', 'ca6f14e5a757f378', 1,
       md5(image::text) || '-0', substr(md5((image + 7)::text), 1, 16),
       'lot-' || image / 100 || '/image_' || image || '.tif', 'image_' || image || '.tif',
       CASE WHEN n % 500 = 0 THEN 'rejected' ELSE 'done' END, :now - (:rows - n) * interval '2.5 s',
       CASE WHEN n % 500 = 0 THEN 'the noise model does not hold' END, 'raw,mean,gaussian,median',
       CASE WHEN stage = 'selector' AND n % 500 > 0
            THEN (ARRAY['raw', 'mean', 'gaussian', 'median', 'nlm', 'wavelet', 'tv', 'unet'])[1 + image % 8] END
FROM generate_series(1, :rows) AS n, LATERAL (SELECT
  n / 4 AS image, (ARRAY['filter', 'denoise', 'metrics', 'selector'])[1 + n % 4] AS stage) AS made
"""
FILL_TALLY = """
INSERT INTO tally SELECT date_bin('10 minutes', settled_at, '2000-01-01'), stage, lane, pipeline, state,
       coalesce(chosen, ''), count(*), count(*) FILTER (WHERE attempt = 1), max(settled_at)
FROM settlement GROUP BY 1, 2, 3, 4, 5, 6
"""
SIZES = """
SELECT relname, pg_total_relation_size(oid) / 1e6 FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@contextmanager
def scratch_database(settings: PostgresSettings) -> Iterator[Database]:
    """Create a database with the ledger's tables, and drop it in the end."""
    name = f"semstream_bench_{uuid4().hex[:12]}"
    with closing(Database.postgres(settings, connections=1)) as server:
        _run_alone(server, f"CREATE DATABASE {name}")
        try:
            url = make_url(settings.url).set(database=name).render_as_string(hide_password=False)
            with closing(Database.postgres(settings.model_copy(update={"url": url}), connections=4)) as database:
                migrate(database)
                yield database
        finally:
            _run_alone(server, f"DROP DATABASE {name} WITH (FORCE)")


def fill(database: Database, rows: int, *, body: str, now: datetime) -> None:
    """Settle so many events, one every 2.5 seconds until now, with one outcome each: that body with keys of its own."""
    parameters = {"rows": rows, "now": now}
    named = orjson.loads(body)["object"]["key"]
    with database.writing() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text(FILL_OUTCOMES), {**parameters, "body": body, "named": named})
        connection.execute(text(FILL_SETTLEMENTS), parameters)
        connection.execute(text(FILL_TALLY))
    for table in ("outcome", "settlement", "tally"):
        _run_alone(database, f"VACUUM ANALYZE {table}")
    _run_alone(database, "CHECKPOINT")


def sizes_mb(database: Database) -> dict[str, float]:
    """Return the megabytes of every table with its indexes."""
    with database.reading() as connection:
        return {name: round(float(size), 1) for name, size in connection.execute(text(SIZES))}


def _run_alone(database: Database, statement: str) -> None:
    """Run what runs in no transaction."""
    with database.engine.connect() as connection:
        autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
        autocommit.execute(text("SET statement_timeout = 0"))
        autocommit.execute(text(statement))
