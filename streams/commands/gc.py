"""``semstream gc``: give back the room of candidates that nobody has used for long."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.commands.options import AsJson
from streams.durations import duration, written
from streams.errors import UsageError
from streams.eviction import Account, Eviction, Pile, RehearsedLedger, RehearsedStore, Terms
from streams.settings import Settings
from streams.source import STATE
from streams.wiring.process import utc_now
from streams.wiring.upkeep import Holdings, holdings_at_services, holdings_of_run

NO_TIME = timedelta(0)
SAFE_BESIDE_WORKERS = timedelta(days=2)
"""A put makes an object young that is older than a day; twice that, and no object in use looks unused."""


def gc(
    *,
    older_than: Annotated[str, typer.Option(help="What was used since then stays: 30d, 12h.")] = "30d",
    grace: Annotated[
        str,
        typer.Option(help="Delete objects so long after their outcomes were evicted; 0s only while no worker runs."),
    ] = "1h",
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Delete old candidates that no outcome of this ledger names, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of an embedded run, not the services.")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="Settings file of the services.")] = None,
    json: AsJson = False,
) -> None:
    """Evict the outcomes of candidates that are old, unused and not selected, then delete their pixels.

    A raw image is never deleted, nor what a selection chose; a candidate that is wanted again is computed again.
    What is evicted now is deleted by a later run, when its grace is over: run this every night.
    """
    age, wait = duration(older_than), duration(grace)
    if out is not None:
        with holdings_of_run(out / STATE) as found:
            _collect(found, Terms(utc_now(), age, NO_TIME), orphans=orphans, dry_run=dry_run, json=json)
        return
    configured = Settings.load(settings)
    _check(configured, age, wait)
    with holdings_at_services(configured) as found:
        _collect(found, Terms(utc_now(), age, wait), orphans=orphans, dry_run=dry_run, json=json)


def _check(settings: Settings, age: timedelta, grace: timedelta) -> None:
    """Refuse what could delete an object that a worker relies on, or that the cache still answers with."""
    if age < SAFE_BESIDE_WORKERS and grace > NO_TIME:
        raise UsageError(
            f"--older-than {written(age)} is less than {written(SAFE_BESIDE_WORKERS)}, so it could take what a worker"
            " relies on: stop the workers, and say so by --grace 0s"
        )
    remembered = timedelta(seconds=settings.redis.ttl_s) if settings.redis else NO_TIME
    if age < remembered:
        raise UsageError(
            f"--older-than {written(age)} is less than [redis] ttl_s, {written(remembered)}: for so long the cache may"
            " answer with an outcome that is evicted"
        )


def _collect(found: Holdings, terms: Terms, *, orphans: bool, dry_run: bool, json: bool) -> None:
    eviction = Eviction(found.ledger, found.store, terms)
    if dry_run:
        eviction = Eviction(RehearsedLedger(found.ledger), RehearsedStore(found.store), terms)
    account = eviction.run(orphans_too=orphans)
    if json:
        spans = {"older_than_s": terms.older_than.total_seconds(), "grace_s": terms.grace.total_seconds()}
        typer.echo(orjson.dumps({"dry_run": dry_run, **spans, **account.to_dict()}))
        return
    for line in _lines(account, terms, would="would be " if dry_run else "", orphans=orphans):
        typer.echo(line)


def _lines(account: Account, terms: Terms, *, would: str, orphans: bool) -> Iterator[str]:
    yield f"{account.listed.objects} candidates in the store, {_size(account.listed)}"
    yield f"{account.evicted} outcomes {would}evicted: unused for {written(terms.older_than)}, and not selected"
    yield f"{account.deleted.objects} objects {would}deleted, {_size(account.deleted)}"
    if account.waiting.objects:
        later = f"a run from {written(terms.grace)} after their eviction on deletes them"
        yield f"{account.waiting.objects} objects wait, {_size(account.waiting)}: {later}"
    if account.orphans.objects and not orphans:
        told = "that no outcome of this ledger names; --orphans deletes them"
        yield f"{account.orphans.objects} old objects, {_size(account.orphans)}, {told}"
    if account.unfinished:
        yield f"{account.unfinished} unfinished uploads dropped"


def _size(pile: Pile) -> str:
    return f"{pile.bytes / 1e6:.1f} MB"
