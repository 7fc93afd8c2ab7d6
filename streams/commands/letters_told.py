"""Dead letters as a terminal shows them, and what became of those that were to be sent again."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush

from rich.markup import escape
from rich.table import Table

from streams.deadletters import Criteria, Letter, Retry, letters
from streams.errors import UsageError
from streams.letter_story import letter_fields
from streams.report.markup import visible
from streams.sequels import After, Sequel
from streams.topic_log import TopicLog


def newest_of(found: Iterator[Letter], limit: int) -> tuple[list[Letter], Counter[str]]:
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


def only_one(log: TopicLog, beginning: str) -> tuple[Letter, int]:
    """Return the letter that is meant, and how often it was told."""
    all_of_them = list(letters(log, Criteria(ids=(beginning,))))
    found = {letter.id: letter for letter in reversed(all_of_them)}
    if not found:
        raise UsageError(f"there is no dead letter {beginning}; semstream dlq list shows them")
    if len(found) > 1 and beginning not in found:
        raise UsageError(f"{len(found)} dead letters begin with {beginning}: give more of the id")
    meant = found.get(beginning) or next(iter(found.values()))
    return meant, sum(letter.id == meant.id for letter in all_of_them)


def fields_of(letter: Letter, told: int, sequel: Sequel | None) -> dict[str, object]:
    """Return a letter for machines: how often it was told, and what came of it."""
    after = sequel.after if sequel else After.OPEN
    return {**letter_fields(letter), "told": told, "since": after, "retried": sequel.where if sequel else None}


def table_of(found: Sequence[Letter], told: Mapping[str, int], after: Mapping[str, Sequel]) -> Table:
    """Lay letters out for people, one a line."""
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


def told_of(outcomes: Iterator[Retry]) -> Told:
    """Sort by what became of them."""
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
