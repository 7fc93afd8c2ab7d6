"""Ledgers that people ask: an embedded run's, and that of the services."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.adapters.sql_database import Database
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_questions import SqlQuestions
from streams.adapters.sql_retention import SqlRetention
from streams.adapters.sql_schema import migrate
from streams.adapters.sql_scratch import fill, scratch_database, sizes_mb
from streams.errors import UsageError
from streams.ports import JobLedger
from streams.questions import Questions, Retention
from streams.settings import Settings
from streams.source import LEDGER_FILE
from streams.wiring.process import utc_now


@dataclass(frozen=True)
class LedgerAtHand:
    """A ledger that people ask: an embedded run's, or that of the services. ``place`` is where it is."""

    place: str
    ledger: JobLedger
    questions: Questions
    retention: Retention
    state: Path | None
    """Where an embedded run keeps it, and its pipelines."""


@contextmanager
def ledger_of_run(state: Path) -> Iterator[LedgerAtHand]:
    """Open the ledger of an embedded run.

    Raises
    ------
    UsageError
        If there is none.
    """
    path = state / LEDGER_FILE
    if not path.is_file():
        raise UsageError(f"there is no ledger at {path}; name the --out folder of an earlier run")
    with _at_hand(SqlLedger.sqlite(path), str(path), state) as found:
        yield found


@contextmanager
def ledger_at_services(settings: Settings) -> Iterator[LedgerAtHand]:
    """Reach the ledger of the services.

    Raises
    ------
    UsageError
        If the server refuses us, or the tables are not of this version.
    TransientError
        If it does not answer.
    """
    ledger = SqlLedger.postgres(settings.postgres, connections=1)
    with _at_hand(ledger, ledger.database.place) as found:
        yield found


@contextmanager
def _at_hand(ledger: SqlLedger, place: str, state: Path | None = None) -> Iterator[LedgerAtHand]:
    with closing(ledger):
        yield LedgerAtHand(place, ledger, SqlQuestions(ledger.database), SqlRetention(ledger.database), state)


def migrate_ledger(settings: Settings) -> bool:
    """Bring the services' ledger to this version; return whether anything was to be done."""
    with closing(Database.postgres(settings.postgres, connections=1)) as database:
        return migrate(database)


@dataclass(frozen=True)
class ScratchLedger:
    """A ledger to measure, which nobody else uses: empty, until ``fill`` settles so many events with that outcome."""

    ledger: JobLedger
    questions: Questions
    fill: Callable[[int, str], None]
    sizes_mb: Callable[[], Mapping[str, float]]


@contextmanager
def scratch_ledger(settings: Settings) -> Iterator[ScratchLedger]:
    """Create a ledger in a database of its own on the services' server, and drop it in the end."""
    with scratch_database(settings.postgres) as database:

        def fill_it(rows: int, body: str) -> None:
            fill(database, rows, body=body, now=utc_now())

        yield ScratchLedger(SqlLedger(database), SqlQuestions(database), fill_it, lambda: sizes_mb(database))
