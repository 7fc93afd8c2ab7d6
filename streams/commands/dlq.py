"""``semstream dlq``: the dead letters, and what becomes of them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import orjson
import typer

from streams.commands.letters_told import fields_of, newest_of, only_one, table_of, told_of
from streams.commands.options import AsJson, SettingsFile, Since, Until, time_of
from streams.commands.tables import table_console
from streams.deadletters import Criteria, letters, retries, send
from streams.errors import TransientError, UsageError
from streams.letter_story import letter_story
from streams.pipeline import DEAD_LETTERS
from streams.questions import LaterAnswers
from streams.sequels import sequels
from streams.settings import Settings
from streams.topic_log import TopicLog
from streams.wiring.ledger import ledger_at_services
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
    found = Settings.load(settings)
    with closing(open_log(found)) as log, _ledger(found) as ledger:
        newest, told = newest_of(letters(log, criteria), limit)
        after = sequels(log, newest, ledger)
    if json:
        rows = [fields_of(letter, told[letter.id], after.get(letter.id)) for letter in newest]
        typer.echo(orjson.dumps({"letters": rows, "total": len(told)}))
        return
    if not newest:
        typer.echo("no dead letters" if criteria == Criteria() else "no dead letter matches")
        return
    table_console().print(table_of(newest, told, after), highlight=False)
    typer.echo(f"{len(newest)} of {len(told)} dead letters; semstream dlq show ID tells all of one")


@contextmanager
def _ledger(settings: Settings) -> Iterator[LaterAnswers | None]:
    """Ask the ledger, too, what was retried; letters are to be seen at three in the morning without it as well."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(ledger_at_services(settings))
        except TransientError as error:
            typer.echo(f"only marks in topics tell what was retried, for the ledger does not answer: {error}", err=True)
            yield None
        else:
            yield found.questions


@dlq.command()
def show(
    letter: Annotated[str, typer.Argument(help="The letter's id, or its beginning.")],
    settings: SettingsFile = None,
    *,
    json: AsJson = False,
) -> None:
    """Tell everything of one dead letter: its failure, its message, and whether it was retried."""
    services = Settings.load(settings)
    with closing(open_log(services)) as log, _ledger(services) as ledger:
        found, told = only_one(log, letter)
        sequel = sequels(log, [found], ledger).get(found.id)
    if json:
        original = found.content.original
        message = original.model_dump(mode="json") if original else None
        typer.echo(orjson.dumps({**fields_of(found, told, sequel), "message": message}))
        return
    for line in letter_story(found, str(sequel) if sequel else None):
        typer.echo(line)


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

    Exit codes: 0 all were sent, now or before, 1 some were refused, 2 wrong usage.
    """
    criteria = Criteria(tuple(ids or ()), time_of(since), time_of(until), stage, reason, image, lane)
    if criteria == Criteria() and not everything:
        raise UsageError("name letters by their ids or by --stage, --reason, --image, --since, or --all of them")
    found = Settings.load(settings)
    with closing(open_log(found)) as log, closing(open_publisher(found)) as publisher, _ledger(found) as ledger:
        before = {} if again else sequels(log, letters(log, criteria), ledger)
        planned = retries(log, criteria, before=before)
        told = told_of(planned if dry_run else send(publisher, planned))
    for missing in [one for one in criteria.ids if not any(letter.startswith(one) for letter in told.letters)]:
        told.refused[missing] = "there is no such letter"
    if json:
        typer.echo(orjson.dumps({**asdict(told), "sent": sorted(told.sent), "dry_run": dry_run}))
    else:
        for line in told.lines(dry_run=dry_run, named=bool(ids)):
            typer.echo(line)
    raise typer.Exit(1 if told.refused else 0)


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
