"""For several workers on a server: bodies that SQL can read, chosen candidates, tallies, suspects and seeds."""

import zlib

import orjson
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
ROWS_AT_A_TIME = 1000
SETTLEMENT = "acquisition_id, stage, lane, pipeline, attempt"


def upgrade() -> None:
    """Make the new tables, move what the old ones hold, and drop those."""
    op.rename_table("outcome", "outcome_0001")
    op.rename_table("settlement", "settlement_0001")
    _make_outcome()
    _make_settlement()
    _make_tally()
    _make_suspect_and_seed()
    _move()
    op.drop_table("outcome_0001")
    op.drop_table("settlement_0001")
    on_a_server = op.get_bind().dialect.name == "postgresql"
    for name, query in (POSTGRES_VIEWS if on_a_server else SQLITE_VIEWS).items():
        view = f"CREATE VIEW {name} AS {query}".replace("PARSED", PARSED)
        op.execute(sa.text(view.replace(":", r"\:")))
    if on_a_server:
        _tune()


def _make_outcome() -> None:
    op.create_table(
        "outcome",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("image_id", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("object_key", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("evicted_at", TIME),
        sa.PrimaryKeyConstraint("key", name="pk_outcome"),
    )
    named = sa.text("object_key IS NOT NULL")
    op.create_index("ix_outcome_object", "outcome", ["object_key"], postgresql_using="hash", postgresql_where=named)
    op.create_index("ix_outcome_created", "outcome", ["created_at"], postgresql_using="brin")
    evicted = sa.text("evicted_at IS NOT NULL")
    op.create_index("ix_outcome_evicted", "outcome", ["evicted_at"], postgresql_where=evicted, sqlite_where=evicted)


def _make_settlement() -> None:
    op.create_table(
        "settlement",
        sa.Column("acquisition_id", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("image_id", TEXT, nullable=False),
        sa.Column("version", TEXT, nullable=False),
        sa.Column("source_name", TEXT, nullable=False),
        sa.Column("file_name", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("settled_at", TIME, nullable=False),
        sa.Column("reason", TEXT),
        sa.Column("computed", TEXT, nullable=False),
        sa.Column("chosen", TEXT),
        sa.PrimaryKeyConstraint("acquisition_id", "stage", "lane", "pipeline", "attempt", name="pk_settlement"),
    )
    rejected = sa.text("state = 'rejected'")
    op.create_index("ix_settlement_image", "settlement", ["image_id"])
    op.create_index("ix_settlement_file", "settlement", ["file_name"])
    op.create_index("ix_settlement_time", "settlement", ["settled_at"])
    op.create_index(
        "ix_settlement_rejected", "settlement", ["settled_at"], postgresql_where=rejected, sqlite_where=rejected
    )


def _make_tally() -> None:
    op.create_table(
        "tally",
        sa.Column("slot", TIME, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("chosen", TEXT, nullable=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
        sa.Column("first_attempts", sa.BigInteger, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("slot", "stage", "lane", "pipeline", "state", "chosen", name="pk_tally"),
    )


def _make_suspect_and_seed() -> None:
    op.create_table(
        "suspect",
        sa.Column("acquisition_id", TEXT, nullable=False),
        sa.Column("stage", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("pipeline", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("died_at", TIME, nullable=False),
        sa.Column("host", TEXT, nullable=False),
        sa.PrimaryKeyConstraint(
            "acquisition_id", "stage", "lane", "pipeline", "attempt", "died_at", "host", name="pk_suspect"
        ),
    )
    op.create_table(
        "seed",
        sa.Column("consumer_group", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("partition_number", sa.Integer, nullable=False),
        sa.Column("first_offset", sa.BigInteger, nullable=False),
        sa.Column("seeded_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "topic", "partition_number", name="pk_seed"),
    )


def _move() -> None:
    """Move what an embedded run has left; version 0.1 knew no server."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    outcomes = connection.exec_driver_sql("SELECT key, image_id, body, created_at FROM outcome_0001")
    for rows in outcomes.partitions(ROWS_AT_A_TIME):
        insert = "INSERT INTO outcome (key, image_id, stage, object_key, body, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        connection.exec_driver_sql(insert, [_outcome(*row) for row in rows])
    columns = f"{SETTLEMENT}, image_id, version, source_name, state, settled_at, reason, computed"
    file_name = "replace(source_name, rtrim(source_name, replace(source_name, '/', '')), '')"
    connection.exec_driver_sql(
        f"INSERT INTO settlement ({columns}, file_name) SELECT {columns}, {file_name} FROM settlement_0001"  # noqa: S608
    )
    slot = "substr(settled_at, 1, 15) || '0:00.000000'"
    connection.exec_driver_sql(
        "INSERT INTO tally SELECT "  # noqa: S608 - no value of anyone's
        f"{slot}, stage, lane, pipeline, state, '', count(*), sum(attempt = 1), max(settled_at) "
        f"FROM settlement GROUP BY {slot}, stage, lane, pipeline, state"
    )


def _outcome(key: str, image_id: str, packed: bytes, created_at: str) -> tuple[object, ...]:
    body = zlib.decompress(packed)
    named = orjson.loads(body).get("object") if b'"object":{' in body else None
    return key, image_id, key.split(":")[2], named and named["key"], body.decode(), created_at


def _tune() -> None:
    """Compress long bodies quickly where the server can, and leave room beside rows that change all the time."""
    connection = op.get_bind()
    methods = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
    if connection.exec_driver_sql(methods).scalar():
        op.execute("ALTER TABLE outcome ALTER COLUMN body SET COMPRESSION lz4")
    op.execute("ALTER TABLE tally SET (fillfactor = 50)")


PARSED = r"(SELECT *, replace(body, '\u0000', '\u2400')::json AS record FROM outcome) AS outcome"
"""Postgres can hold no NUL in a text, and would refuse to read the whole body."""
POSTGRES_VIEWS = {
    "candidate": """
        SELECT key, image_id, created_at, evicted_at, record ->> 'name' AS name, record ->> 'method' AS method,
               (record #>> '{risk,value}')::float8 AS risk, (record #>> '{risk,se}')::float8 AS risk_se,
               (record ->> 'seconds')::float8 AS seconds, record ->> 'skipped' AS skipped, object_key
        FROM PARSED WHERE stage IN ('filter', 'denoise')""",
    "score": """
        SELECT outcome.key, image_id, created_at, candidate.key AS candidate, score.key AS score,
               score.value::float8 AS value
        FROM PARSED, json_each(record -> 'scores') AS candidate, json_each_text(candidate.value) AS score
        WHERE stage = 'metrics'""",
    "selection": """
        SELECT key, image_id, created_at, record ->> 'chosen' AS chosen, record ->> 'reason' AS reason,
               (record ->> 'margin')::float8 AS margin, (record ->> 'margin_se')::float8 AS margin_se,
               record ->> 'runner_up' AS runner_up, record ->> 'flags' AS flags
        FROM PARSED WHERE stage = 'selector'""",
}
SQLITE_VIEWS = {
    "candidate": """
        SELECT key, image_id, created_at, evicted_at, body ->> '$.name' AS name, body ->> '$.method' AS method,
               body ->> '$.risk.value' AS risk, body ->> '$.risk.se' AS risk_se,
               body ->> '$.seconds' AS seconds, body ->> '$.skipped' AS skipped, object_key
        FROM outcome WHERE stage IN ('filter', 'denoise')""",
    "score": """
        SELECT outcome.key, image_id, created_at, candidate.key AS candidate, score.key AS score, score.value AS value
        FROM outcome, json_each(body, '$.scores') AS candidate, json_each(candidate.value) AS score
        WHERE stage = 'metrics'""",
    "selection": """
        SELECT key, image_id, created_at, body ->> '$.chosen' AS chosen, body ->> '$.reason' AS reason,
               body ->> '$.margin' AS margin, body ->> '$.margin_se' AS margin_se,
               body ->> '$.runner_up' AS runner_up, body ->> '$.flags' AS flags
        FROM outcome WHERE stage = 'selector'""",
}
