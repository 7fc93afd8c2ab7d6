"""Sequels: what became of dead letters since, as the ledger knows it, and marks in topics."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from streams.deadletters import RETRY_OF, TOPIC, Letter, header, letter_in
from streams.pipeline import DEAD_LETTERS
from streams.ports import Settlement, State
from streams.questions import Attempt, LaterAnswers
from streams.topic_log import CLOCK_SKEW, TopicLog, stamped

LARGEST_ATTEMPT = 10**9
"""Letters may hold anything; headers that mean an attempt are smaller."""


class After(StrEnum):
    """What became of a dead letter."""

    OPEN = "open"
    """Nothing that anybody knows of."""
    SENT = "sent again"
    """It was retried, and the retry has no answer yet."""
    MENDED = "mended"
    """A later attempt is done at its stage."""
    FAILED_AGAIN = "failed again"
    """A later attempt failed at its stage; that one has a letter of its own."""


@dataclass(frozen=True)
class Sequel:
    """What became of a dead letter, and what tells so."""

    after: After
    where: str

    def __str__(self) -> str:
        return f"{self.after}: {self.where}"


def sequels(log: TopicLog, found: Iterable[Letter], ledger: LaterAnswers | None) -> dict[str, Sequel]:
    """Return what became of letters, by their ids; those of which nothing is known are left out.

    The ledger is asked first: it answers at once, and remembers for longer than topics do. Only what it does not know
    is looked for in the topics: a retry that was sent and is not answered, or whatever where there is no ledger.
    """
    attempts: dict[str, Attempt | None] = {}
    stamps: dict[str, tuple[datetime, str]] = {}
    for letter in found:
        attempts[letter.id] = _attempt(letter)
        original = letter.content.original
        stamps.setdefault(letter.id, (letter.stamped, original.topic if original else ""))
    answers = ledger.later_answers({one for one in attempts.values() if one}) if ledger else {}
    known = {name: _answered(answers[one]) for name, one in attempts.items() if one and one in answers}
    left = {name: stamp for name, stamp in stamps.items() if name not in known}
    for topic, since in _oldest(left.values()).items():
        known.update((mark, Sequel(After.SENT, place)) for mark, place in _marks(log, topic, since) if mark in left)
    if left:
        known.update(_failed_again(log, min(stamp for stamp, _ in left.values()), left))
    return known


def _oldest(letters: Iterable[tuple[datetime, str]]) -> dict[str, datetime]:
    """Return from when on each topic is to be read: since the oldest letter about a message of it."""
    oldest: dict[str, datetime] = {}
    for stamp, topic in letters:
        if TOPIC.fullmatch(topic):
            oldest[topic] = min(stamp, oldest.get(topic, stamp))
    return oldest


def _attempt(letter: Letter) -> Attempt | None:
    """Return the attempt that a letter is about; None for a message that was no image event."""
    content = letter.content
    if content.acquisition_id is None or not 0 < content.attempt < LARGEST_ATTEMPT:
        return None
    return Attempt(content.acquisition_id, content.stage, letter.lane, content.attempt)


def _answered(answer: Settlement) -> Sequel:
    after = After.MENDED if answer.state is State.DONE else After.FAILED_AGAIN
    return Sequel(after, f"attempt {answer.id.attempt} {answer.state} at {answer.settled_at:%Y-%m-%d %H:%M:%S} UTC")


def _marks(log: TopicLog, topic: str, since: datetime) -> Iterator[tuple[str, str]]:
    """Yield the ids of letters whose retries stand in a topic, and where."""
    for message in stamped(log, topic, since=since - CLOCK_SKEW):
        for name, value in message.headers:
            if name == RETRY_OF and value:
                place = f"{message.partition.topic}/{message.partition.number}/{message.offset}"
                yield value.decode("ascii", "replace"), place


def _failed_again(log: TopicLog, since: datetime, left: Container[str]) -> Iterator[tuple[str, Sequel]]:
    """Yield the letters whose retries have letters themselves."""
    for letter in map(letter_in, stamped(log, DEAD_LETTERS, since=since - CLOCK_SKEW)):
        mark = header(letter.content.original, RETRY_OF)
        if mark in left:
            yield mark, Sequel(After.FAILED_AGAIN, f"letter {letter.id}")
