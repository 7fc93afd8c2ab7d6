"""``semstream dlq``: the dead letters, and what becomes of them."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import Annotated

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from streams.commands.options import AsJson, SettingsFile, Since, Until, time_of
from streams.commands.tables import table_console
from streams.deadletters import Criteria, Letter, Retry, letters, retries, send
from streams.errors import TransientError, UsageError
from streams.letter_story import letter_fields, letter_story
from streams.pipeline import DEAD_LETTERS
from streams.questions import LaterAnswers
from streams.report.markup import visible
from streams.sequels import After, Sequel, sequels
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
        newest, told = _newest(letters(log, criteria), limit)
        after = sequels(log, newest, ledger)
    if json:
        rows = [_fields(letter, told[letter.id], after.get(letter.id)) for letter in newest]
        typer.echo(orjson.dumps({"letters": rows, "total": len(told)}))
        return
    table_console().print(_table(newest, told, after), highlight=False)
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


def _newest(found: Iterator[Letter], limit: int) -> tuple[list[Letter], Counter[str]]:
    """Return the newest letters, the newest last, and how often each that there is was told, by its id.

    A message that is delivered again is answered again, with the letter that it had.
    """
    kept: list[tuple[datetime, int, Letter]] = []
    told: Counter[str] = Counter()
    for number, letter in enumerate(found):
        told[letter.id] += 1
        if told[letter.id] == 1:
            heappush(kept, (letter.stamped, number, letter))
        if len(kept) > limit:
            heappop(kept)
    return [letter for *_, letter in sorted(kept)], told


def _fields(letter: Letter, told: int, sequel: Sequel | None) -> dict[str, object]:
    after = sequel.after if sequel else After.OPEN
    return {**letter_fields(letter), "told": told, "since": after, "retried": sequel.where if sequel else None}


def _table(found: Sequence[Letter], told: Mapping[str, int], after: Mapping[str, Sequel]) -> Table:
    table = Table("id", "failed at (UTC)", "lane", "stage", "try", "since", "image", "reason", box=None, pad_edge=False)
    for letter in found:
        content = letter.content
        name = content.source_name or content.image_id or letter.id
        when = f"{content.failed_at:%Y-%m-%d %H:%M:%S}"
        since = after[letter.id].after if letter.id in after else After.OPEN
        often = f", told {told[letter.id]} times" if told[letter.id] > 1 else ""
        cells = (letter.id[:8], when, letter.lane, content.stage, str(content.attempt), since + often)
        table.add_row(*(escape(visible(cell)) for cell in (*cells, name, content.reason)))
    return table


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
        found, told = _only(log, letter)
        sequel = sequels(log, [found], ledger).get(found.id)
    if json:
        original = found.content.original
        message = original.model_dump(mode="json") if original else None
        typer.echo(orjson.dumps({**_fields(found, told, sequel), "message": message}))
        return
    for line in letter_story(found, str(sequel) if sequel else None):
        typer.echo(line)


def _only(log: TopicLog, beginning: str) -> tuple[Letter, int]:
    """Return the letter that is meant, and how often it was told."""
    all_of_them = list(letters(log, Criteria(ids=(beginning,))))
    found = {letter.id: letter for letter in reversed(all_of_them)}
    if not found:
        raise UsageError(f"there is no dead letter {beginning}; semstream dlq list shows them")
    if len(found) > 1 and beginning not in found:
        raise UsageError(f"{len(found)} dead letters begin with {beginning}: give more of the id")
    meant = found.get(beginning) or next(iter(found.values()))
    return meant, sum(letter.id == meant.id for letter in all_of_them)


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
        told = _told(planned if dry_run else send(publisher, planned))
    for missing in [one for one in criteria.ids if not any(letter.startswith(one) for letter in told.letters)]:
        told.refused[missing] = "there is no such letter"
    if json:
        typer.echo(orjson.dumps({**asdict(told), "sent": sorted(told.sent), "dry_run": dry_run}))
    else:
        for line in told.lines(dry_run=dry_run, named=bool(ids)):
            typer.echo(line)
    raise typer.Exit(1 if told.refused else 0)


@dataclass
class Told:
    """What became of the letters that were to be sent again: by their ids, with the reason."""

    sent: list[str] = field(default_factory=list)
    already: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def letters(self) -> set[str]:
        """The ids of all of them."""
        return {*self.sent, *self.already, *self.refused}

    def lines(self, *, dry_run: bool, named: bool) -> Iterator[str]:
        """Yield what is to be read; of those retried before only the number, unless letters were named one by one."""
        for identity, why in self.refused.items():
            yield f"{identity}: {visible(why)}"
        for identity, where in self.already.items() if named else ():
            yield f"{identity}: retried already ({where}); --again sends it once more"
        counts = [f"{len(self.sent)} {'would be sent' if dry_run else 'sent'} again", f"{len(self.refused)} refused"]
        yield ", ".join([*counts, *([f"{len(self.already)} retried already"] if self.already else [])])


def _told(outcomes: Iterator[Retry]) -> Told:
    told = Told()
    for outcome in outcomes:
        identity = outcome.letter.id
        if outcome.refusal is not None:
            told.refused[identity] = outcome.refusal
        elif outcome.before is not None:
            told.already[identity] = outcome.before
        else:
            told.sent.append(identity)
    return told


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
