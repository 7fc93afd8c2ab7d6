"""The ledger's tables. Whoever changes them adds a migration: a test compares the two."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import BigInteger, DateTime, Index, MetaData, Text, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Compared byte by byte, whatever the database's language: the beginnings of keys are found by their index."""

REJECTED = text("state = 'rejected'")
NAMES_AN_OBJECT = text("object_key IS NOT NULL")
EVICTED = text("evicted_at IS NOT NULL")


class Table(DeclarativeBase):
    """The ledger's tables."""

    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})
    type_annotation_map: ClassVar = {str: TEXT, datetime: DateTime(timezone=True)}


class OutcomeTable(Table):
    """One row for every outcome; the first to write it wins.

    The body is JSON as text, which the server compresses where it is long: a jsonb body costs three times as much to
    write, and one that is compressed here can be read by no SQL. The views ``candidate``, ``score`` and ``selection``
    show what is in it.
    """

    __tablename__ = "outcome"
    __table_args__ = (
        Index("ix_outcome_object", "object_key", postgresql_using="hash", postgresql_where=NAMES_AN_OBJECT),
        Index("ix_outcome_created", "created_at", postgresql_using="brin"),
        Index("ix_outcome_evicted", "evicted_at", postgresql_where=EVICTED, sqlite_where=EVICTED),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    image_id: Mapped[str]
    stage: Mapped[str]
    object_key: Mapped[str | None]
    body: Mapped[str]
    created_at: Mapped[datetime]
    evicted_at: Mapped[datetime | None]


class SettlementTable(Table):
    """One row for every event that was answered."""

    __tablename__ = "settlement"
    __table_args__ = (
        Index("ix_settlement_image", "image_id"),
        Index("ix_settlement_file", "file_name"),
        Index("ix_settlement_time", "settled_at"),
        Index("ix_settlement_rejected", "settled_at", postgresql_where=REJECTED, sqlite_where=REJECTED),
    )

    acquisition_id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[str]
    version: Mapped[str]
    source_name: Mapped[str]
    file_name: Mapped[str]
    """Last part of the source name."""
    state: Mapped[str]
    settled_at: Mapped[datetime]
    reason: Mapped[str | None]
    computed: Mapped[str]
    chosen: Mapped[str | None]
    answered_again_at: Mapped[datetime | None]
    """When the event was last delivered and answered once more; what it came to did not change."""


class TallyTable(Table):
    """How many settlements of a kind fell into ten minutes; changed in the transaction that changes the settlements.

    Counting a million settlements takes Postgres 200 ms and more, reading these rows a few.
    """

    __tablename__ = "tally"

    slot: Mapped[datetime] = mapped_column(primary_key=True)
    """When the ten minutes began."""
    stage: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    chosen: Mapped[str] = mapped_column(primary_key=True)
    """Empty where nothing was chosen."""
    settled: Mapped[int] = mapped_column(BigInteger)
    first_attempts: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime]


class SuspectTable(Table):
    """One row for every death of a worker, and every delivery that was in its hands."""

    __tablename__ = "suspect"

    acquisition_id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    lane: Mapped[str] = mapped_column(primary_key=True)
    pipeline: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    died_at: Mapped[datetime] = mapped_column(primary_key=True)
    host: Mapped[str] = mapped_column(primary_key=True)


class SeedTable(Table):
    """Where a consumer group began to read each partition."""

    __tablename__ = "seed"

    consumer_group: Mapped[str] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(primary_key=True)
    partition_number: Mapped[int] = mapped_column(primary_key=True)
    first_offset: Mapped[int] = mapped_column(BigInteger)
    seeded_at: Mapped[datetime]
