"""``semstream ledger``: the job ledger's tables and what is kept in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.commands.options import AsJson, SettingsFile
from streams.durations import duration
from streams.errors import UsageError
from streams.questions import Removable, Retention
from streams.settings import Settings
from streams.source import LEDGER_FILE, STATE
from streams.wiring.ledger import LedgerAtHand, ledger_at_services, ledger_of_run, migrate_ledger
from streams.wiring.process import utc_now

ROWS_AT_ONCE = 5000
"""A transaction of so many rows takes a tenth of a second, for which nobody notices a lock."""
DEFAULT_OUT = Path("out")

OutFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Folder of an embedded run; else the services, where a settings file is, else out/."
    ),
]

ledger = typer.Typer(name="ledger", help="Prepare, check and prune the job ledger.", no_args_is_help=True)


@contextmanager
def ledger_meant(out: Path | None, settings: Path | None) -> Iterator[LedgerAtHand]:
    """Open the ledger of ``--out`` or ``--settings``; without either the services' where settings are, else ``out/``'s.

    Raises
    ------
    UsageError
        If both are given, or neither can be found.
    """
    if out is not None and settings is not None:
        raise UsageError("name either --out, for an embedded run, or --settings, for the services")
    if out is None and settings is None and (DEFAULT_OUT / STATE / LEDGER_FILE).is_file():
        if services := Settings.named_by():
            typer.echo(f"asked: the services ({services}); for the run in out/ add --out out", err=True)
        else:
            out = DEFAULT_OUT
    with ledger_of_run(out / STATE) if out is not None else ledger_at_services(Settings.load(settings)) as found:
        yield found


@ledger.command("migrate")
def bring_to_this_version(settings: SettingsFile = None) -> None:
    """Make the tables of this version, or alter those of an earlier one; workers refuse to run before.

    Run it as often as you like: it is all or nothing, one process at a time, and does nothing where nothing is to do.
    The ledger of an embedded run needs no such command.
    """
    changed = migrate_ledger(Settings.load(settings))
    typer.echo("the ledger was brought to this version" if changed else "the ledger is of this version already")


@ledger.command("check")
def check_version(settings: SettingsFile = None) -> None:
    """Say whether the services' ledger can be reached and is of this version; exit code 2 if not."""
    with ledger_at_services(Settings.load(settings)) as found:
        typer.echo(f"the ledger at {found.place} is of this version")


@ledger.command()
def prune(
    *,
    older_than: Annotated[str, typer.Option(help="What was settled since then stays: 90d.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    out: OutFolder = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Remove settlements, evicted outcomes and suspects that are older; results and their outcomes stay.

    Give more time than the topics keep their messages: a delivery whose settlement is gone would be answered anew.
    """
    before = utc_now() - duration(older_than)
    with ledger_meant(out, settings) as found:
        gone = found.retention.removable(before) if dry_run else _remove(found.retention, before)
    if json:
        typer.echo(orjson.dumps({"dry_run": dry_run, "before": before, **asdict(gone)}))
        return
    verb = "would be removed" if dry_run else "removed"
    typer.echo(
        f"{verb}: {gone.settlements} settlements, {gone.evicted_outcomes} evicted outcomes, {gone.suspects} suspects"
        f" from before {before:%Y-%m-%d %H:%M} UTC"
    )


def _remove(retention: Retention, before: datetime) -> Removable:
    removed = Removable()
    while (some := retention.remove(before, at_most=ROWS_AT_ONCE)).total:
        removed += some
    return removed
