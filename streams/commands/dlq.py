"""``semstream dlq``: the dead letters, and what becomes of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from heapq import heappop, heappush
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.commands.options import AsJson, SettingsFile, Since, Until, time_of
from streams.deadletters import Criteria, Letter, Retry, letters, retries, retries_sent, send
from streams.errors import UsageError
from streams.letter_story import letter_fields, letter_story
from streams.pipeline import DEAD_LETTERS
from streams.report.markup import visible
from streams.settings import Settings
from streams.topic_log import TopicLog
from streams.wiring.topics import open_log, open_publisher

dlq = typer.Typer(name="dlq", help="Look at dead letters, send their images again, delete them.", no_args_is_help=True)

Stage = Annotated[str | None, typer.Option("--stage", help="Letters of this stage.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Letters whose reason contains this.")]
OfImage = Annotated[
    str | None, typer.Option("--image", help="Letters about this image: the beginning of an id, or a source name.")
]
OfLane = Annotated[str | None, typer.Option("--lane", help="Letters of this lane; of every lane when omitted.")]


@dlq.command("list")
def list_letters(
    settings: SettingsFile = None,
    *,
    since: Since = None,
    until: Until = None,
    stage: Stage = None,
    reason: Reason = None,
    image: OfImage = None,
    lane: OfLane = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the newest.")] = 50,
    json: AsJson = False,
) -> None:
    """List dead letters, the newest last."""
    criteria = Criteria((), time_of(since), time_of(until), stage, reason, image, lane)
    with closing(open_log(Settings.load(settings))) as log:
        newest, total = _newest(letters(log, criteria), limit)
    if json:
        typer.echo(orjson.dumps({"letters": [letter_fields(letter) for letter in newest], "total": total}))
        return
    Console().print(_table(newest), highlight=False)
    typer.echo(f"{len(newest)} of {total} dead letters; semstream dlq show ID tells all of one")


def _newest(found: Iterator[Letter], limit: int) -> tuple[list[Letter], int]:
    """Return the newest letters, the newest last, and how many there were."""
    kept: list[tuple[datetime, int, Letter]] = []
    total = 0
    for total, letter in enumerate(found, start=1):
        heappush(kept, (letter.stamped, total, letter))
        if len(kept) > limit:
            heappop(kept)
    return [letter for *_, letter in sorted(kept)], total


def _table(found: Sequence[Letter]) -> Table:
    table = Table("id", "failed at (UTC)", "lane", "stage", "try", "image", "reason", box=None, pad_edge=False)
    for letter in found:
        content = letter.content
        name = content.source_name or content.image_id or letter.id
        when = f"{content.failed_at:%Y-%m-%d %H:%M:%S}"
        cells = (letter.id[:8], when, letter.lane, content.stage, str(content.attempt), name, content.reason)
        table.add_row(*(escape(visible(cell)) for cell in cells))
    return table


@dlq.command()
def show(
    letter: Annotated[str, typer.Argument(help="The letter's id, or its beginning.")],
    settings: SettingsFile = None,
    *,
    json: AsJson = False,
) -> None:
    """Tell everything of one dead letter: its failure, its message, and whether it was retried."""
    with closing(open_log(Settings.load(settings))) as log:
        found = _only(log, letter)
        retried = retries_sent(log, Criteria(ids=(found.id,))).get(found.id)
    if json:
        original = found.content.original
        message = original.model_dump(mode="json") if original else None
        typer.echo(orjson.dumps({**letter_fields(found), "message": message, "retried": retried}))
        return
    for line in letter_story(found, retried):
        typer.echo(line)


def _only(log: TopicLog, beginning: str) -> Letter:
    found = {letter.id: letter for letter in letters(log, Criteria(ids=(beginning,)))}
    if not found:
        raise UsageError(f"there is no dead letter {beginning}; semstream dlq list shows them")
    if len(found) > 1 and beginning not in found:
        raise UsageError(f"{len(found)} dead letters begin with {beginning}: give more of the id")
    return found.get(beginning) or next(iter(found.values()))


@dlq.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="Letters' ids, or their beginnings.")] = None,
    settings: SettingsFile = None,
    *,
    since: Since = None,
    until: Until = None,
    stage: Stage = None,
    reason: Reason = None,
    image: OfImage = None,
    lane: OfLane = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters; name some otherwise.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Retry also what was retried already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    json: AsJson = False,
) -> None:
    """Send the messages of dead letters again, to be computed anew.

    Exit codes: 0 all were sent, 1 some were refused, 2 wrong usage.
    """
    criteria = Criteria(tuple(ids or ()), time_of(since), time_of(until), stage, reason, image, lane)
    if criteria == Criteria() and not everything:
        raise UsageError("name letters by their ids or by --stage, --reason, --image, --since, or --all of them")
    found = Settings.load(settings)
    with closing(open_log(found)) as log, closing(open_publisher(found)) as publisher:
        planned = retries(log, criteria, again=again)
        sent, refused = _told(planned if dry_run else send(publisher, planned))
    for missing in [one for one in criteria.ids if not any(letter.startswith(one) for letter in sent | refused.keys())]:
        refused[missing] = "there is no such letter"
    if json:
        typer.echo(orjson.dumps({"sent": sorted(sent), "refused": refused, "dry_run": dry_run}))
    else:
        for identity, why in refused.items():
            typer.echo(f"{identity}: {visible(why)}")
        typer.echo(f"{len(sent)} {'would be sent' if dry_run else 'sent'} again, {len(refused)} refused")
    raise typer.Exit(1 if refused else 0)


def _told(outcomes: Iterator[Retry]) -> tuple[set[str], dict[str, str]]:
    sent, refused = set(), {}
    for outcome in outcomes:
        if outcome.refusal is None:
            sent.add(outcome.letter.id)
        else:
            refused[outcome.letter.id] = outcome.refusal
    return sent, refused


@dlq.command()
def purge(
    settings: SettingsFile = None,
    *,
    before: Annotated[
        str | None, typer.Option("--before", help="Delete what came before then: 30d, 2026-01-31.")
    ] = None,
    offset: Annotated[
        list[str] | None, typer.Option("--offset", help="PARTITION:OFFSET; delete what is before it. May be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Delete old dead letters for ever, of every lane and stage."""
    if bool(before) == bool(offset):
        raise UsageError("say what is old: --before a time, or --offset PARTITION:OFFSET")
    with closing(open_log(Settings.load(settings))) as log:
        held = log.extent(DEAD_LETTERS)
        ends = _ends(offset) if offset else _ends_before(log, time_of(before))
        going = {n: range(held[n].start, min(end, held[n].stop)) for n, end in ends.items() if n in held}
        count = sum(1 for _ in log.read(DEAD_LETTERS, going))
        if count and not yes:
            _confirm(f"Delete {count} dead letters of {DEAD_LETTERS} for ever?")
        if count:
            log.delete_before(DEAD_LETTERS, {number: offsets.stop for number, offsets in going.items() if offsets})
    typer.echo(orjson.dumps({"deleted": count}) if json else f"{count} dead letters deleted")


def _ends(texts: Sequence[str]) -> dict[int, int]:
    found = {}
    for text in texts:
        partition, _, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal()):
            raise UsageError(f"--offset {text}: write PARTITION:OFFSET, such as 0:1200")
        found[int(partition)] = int(offset)
    return found


def _ends_before(log: TopicLog, time: datetime | None) -> dict[int, int]:
    return {number: kept.start for number, kept in log.extent(DEAD_LETTERS, since=time).items()}


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to be asked: add --yes")
    if not typer.confirm(question):
        raise typer.Exit(1)
