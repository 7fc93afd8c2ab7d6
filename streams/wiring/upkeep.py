"""A ledger with the store that holds what it names, for what is done to both from time to time."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.adapters.folder_store import FolderStore
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_evictions import SqlEvictions
from streams.adapters.sql_ledger import SqlLedger
from streams.ports import Evictions, Inventory
from streams.settings import Settings
from streams.source import LEDGER_FILE
from streams.wiring.ledger import ledger_of_run
from streams.wiring.process import exclusive


@dataclass(frozen=True)
class Holdings:
    """A ledger and the store that holds what it names."""

    ledger: Evictions
    store: Inventory


@contextmanager
def holdings_at_services(settings: Settings) -> Iterator[Holdings]:
    """Connect to Postgres and S3."""
    with ExitStack() as stack:
        ledger = SqlLedger.postgres(settings.postgres, connections=1)
        stack.callback(ledger.close)
        store = S3Store(settings.s3, connections=1)
        stack.callback(store.close)
        yield Holdings(SqlEvictions(ledger.database), store)


@contextmanager
def holdings_of_run(state: Path) -> Iterator[Holdings]:
    """Open what an embedded run has left, while none is going on.

    Raises
    ------
    UsageError
        If there is none, or another process is using it.
    """
    with ledger_of_run(state), exclusive(state):
        ledger = SqlLedger.sqlite(state / LEDGER_FILE)
        try:
            yield Holdings(SqlEvictions(ledger.database), FolderStore(state / "objects"))
        finally:
            ledger.close()
