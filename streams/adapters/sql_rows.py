"""Between the ledger's values and the rows of its tables."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Row

from streams.adapters.sql_given import Attribute
from streams.adapters.sql_tables import OutcomeTable, SettlementTable
from streams.ports import OutcomeRow, Settlement, SettlementId, State

NUL, SHOWN_NUL = "\0", "\N{SYMBOL FOR NULL}"

OUTCOME_COLUMNS: Sequence[Attribute] = (
    OutcomeTable.key,
    OutcomeTable.image_id,
    OutcomeTable.stage,
    OutcomeTable.object_key,
    OutcomeTable.body,
    OutcomeTable.created_at,
)
OUTCOME: Sequence[Attribute] = (
    OutcomeTable.key,
    OutcomeTable.body,
    OutcomeTable.created_at,
    OutcomeTable.evicted_at,
)
SETTLEMENT_ID: Sequence[Attribute] = (
    SettlementTable.acquisition_id,
    SettlementTable.stage,
    SettlementTable.lane,
    SettlementTable.pipeline,
    SettlementTable.attempt,
)
SETTLEMENT: Sequence[Attribute] = (
    *SETTLEMENT_ID,
    SettlementTable.image_id,
    SettlementTable.version,
    SettlementTable.source_name,
    SettlementTable.file_name,
    SettlementTable.state,
    SettlementTable.settled_at,
    SettlementTable.reason,
    SettlementTable.computed,
    SettlementTable.chosen,
)

AnyRow = Row[*tuple[Any, ...]]
IdRow = tuple[str, str, str, str, int]


def outcome_values(row: OutcomeRow) -> tuple[object, ...]:
    """Return an outcome in the order of `OUTCOME_COLUMNS`."""
    image_id, *rest = storable(row.key).split(":")
    stage = rest[1] if len(rest) > 1 else ""
    return storable(row.key), image_id, stage, _object_key(row.body), row.body.decode(), row.created_at


def outcome_of(row: AnyRow) -> OutcomeRow:
    """Return the outcome in a row of the columns `OUTCOME`."""
    evicted_at = aware(row.evicted_at) if row.evicted_at else None
    return OutcomeRow(row.key, row.body.encode(), aware(row.created_at), evicted_at)


def id_values(identity: SettlementId) -> IdRow:
    """Return what tells a settlement from all others, in the order of `SETTLEMENT_ID`."""
    return (
        storable(identity.acquisition_id),
        storable(identity.stage),
        storable(identity.lane),
        storable(identity.pipeline),
        identity.attempt,
    )


def settlement_values(identity: IdRow, row: Settlement) -> tuple[object, ...]:
    """Return a settlement in the order of `SETTLEMENT`."""
    source_name = storable(row.source_name)
    return (
        *identity,
        storable(row.image_id),
        storable(row.version),
        source_name,
        source_name.rsplit("/", 1)[-1],
        row.state.value,
        row.settled_at,
        None if row.reason is None else storable(row.reason),
        storable(",".join(row.computed)),
        None if row.chosen is None else storable(row.chosen),
    )


def settlement_of(row: AnyRow, identity: SettlementId | None = None) -> Settlement:
    """Return the settlement in a row of the columns `SETTLEMENT`, under the id by which it was asked for."""
    return Settlement(
        id=identity or SettlementId(*row[: len(SETTLEMENT_ID)]),
        image_id=row.image_id,
        version=row.version,
        source_name=row.source_name,
        state=State(row.state),
        settled_at=aware(row.settled_at),
        reason=row.reason,
        computed=tuple(row.computed.split(",")) if row.computed else (),
        chosen=row.chosen,
    )


def by_id(ids: Iterable[SettlementId]) -> dict[IdRow, SettlementId]:
    """Return the ids under the values that stand for them in a row."""
    return {id_values(identity): identity for identity in ids}


def storable(text: str) -> str:
    """Text as Postgres can hold it: a NUL, which it cannot, becomes the sign for one."""
    return text.replace(NUL, SHOWN_NUL)


def aware(time: datetime) -> datetime:
    """In UTC; SQLite forgets the zone, Postgres answers in its own."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _object_key(body: bytes) -> str | None:
    """Key of the object that an outcome names, where it names one."""
    if b'"object":{' not in body:
        return None
    record = orjson.loads(body)
    return record["object"].get("key") if isinstance(record.get("object"), dict) else None
