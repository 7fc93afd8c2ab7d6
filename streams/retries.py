"""Computing images anew that a stage rejected: a stored rejection answers only the attempt at which it was given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.headers import Headers
from schemas.model import Record
from streams.job import Desk
from streams.ports import JobLedger, SettlementId, State
from streams.transport import Outgoing, Publisher


class Retry(Record):
    """That an image was, or is to be, computed anew."""

    pipeline: str
    acquisition_id: str
    attempt: int


class Attempts:
    """The attempt at which each image is published: the first, unless it was ever tried again.

    What was tried again is written down before it is published, so that a run that was not asked to try anything again
    asks for the latest answer and not for the first. One line a retry; a line that a crash cut short is none.
    """

    def __init__(self, journal: Path, pipeline: str) -> None:
        self._journal = journal
        self._pipeline = pipeline
        lines = journal.read_bytes().splitlines(keepends=True) if journal.is_file() else []
        retries = [Retry.from_json(line) for line in lines if line.endswith(b"\n")]
        self._latest = {retry.acquisition_id: retry.attempt for retry in retries if retry.pipeline == pipeline}
        if lines and not lines[-1].endswith(b"\n"):
            journal.write_bytes(b"".join(lines[:-1]))

    def of(self, acquisition_id: str) -> int:
        """The latest attempt."""
        return self._latest.get(acquisition_id, 1)

    def next(self, acquisition_id: str) -> None:
        """Begin another attempt."""
        attempt = self.of(acquisition_id) + 1
        retry = Retry(pipeline=self._pipeline, acquisition_id=acquisition_id, attempt=attempt)
        with self._journal.open("ab") as lines:
            lines.write(retry.to_json() + b"\n")
        self._latest[acquisition_id] = attempt


@dataclass(frozen=True)
class Retrying:
    """A publisher of images that publishes each at its attempt; one that ``is_to_retry`` tells of at its next."""

    publisher: Publisher
    attempts: Attempts
    is_to_retry: Callable[[str, int], bool]

    def publish(self, events: Iterable[Outgoing]) -> None:
        """Publish."""
        self.publisher.publish([self._at_its_attempt(event) for event in events])

    def close(self) -> None:
        """Release the connection."""
        self.publisher.close()

    def _at_its_attempt(self, event: Outgoing) -> Outgoing:
        headers = Headers.from_wire(event.headers)
        if self.is_to_retry(headers.id, self.attempts.of(headers.id)):
            self.attempts.next(headers.id)
        attempt = self.attempts.of(headers.id)
        if attempt == 1:
            return event
        return replace(event, headers=replace(headers, attempt=attempt, retry_of=headers.id).to_wire())


def was_rejected(ledger: JobLedger, desks: Iterable[Desk]) -> Callable[[str, int], bool]:
    """Return what tells whether any of these desks rejected an image at an attempt."""
    places = [(desk.stage.name, desk.lane, desk.pipeline) for desk in desks]

    def rejected(acquisition_id: str, attempt: int) -> bool:
        asked = [SettlementId(acquisition_id, *place, attempt) for place in places]
        return any(answer.state is State.REJECTED for answer in ledger.settlements(asked).values())

    return rejected
