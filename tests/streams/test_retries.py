"""Images that were rejected for a passing cause, and the option that computes them anew."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from schemas.headers import Headers
from stages.stage import Outcome, Rejected, Task
from streams.retries import Attempts, Retrying
from streams.transport import Outgoing
from tests.events import headers_of, image_event
from tests.folders import Run, write_images
from tests.toys import Shade


@dataclass(frozen=True)
class Moody(Shade):
    """Rejects everything while the world is against it, and can count how often it was asked."""

    world: ClassVar[list[str]] = []
    asked: ClassVar[list[str]] = []

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        self.asked.extend(task.event.acquisition.source_name for task in batch)
        return [Rejected(self.world[-1]) for _ in batch] if self.world else super().__call__(batch)


MOODY = 'path = ["tests.streams.test_retries:Moody", "tests.toys:Pick"]\n'


def test_what_was_rejected_is_computed_anew_when_that_is_asked_for_and_then_stays_selected(
    run: Run, tmp_path: Path
) -> None:
    write_images(tmp_path / "in", 2)
    Moody.world[:] = ["out of memory"]
    first = run(tmp_path / "in", pipeline=MOODY)
    assert (first.selected, first.failed, first.rejected) == (0, 2, 2)
    Moody.world.clear()
    Moody.asked.clear()
    again = run(tmp_path / "in", pipeline=MOODY)
    assert (again.failed, again.rejected, Moody.asked) == (2, 2, [])
    anew = run(tmp_path / "in", pipeline=MOODY, retry_failed=True)
    assert (anew.selected, anew.failed, anew.rejected, anew.computed) == (2, 0, 0, 2)
    after = run(tmp_path / "in", pipeline=MOODY)
    assert (after.selected, after.failed, after.computed) == (2, 0, 0)


def test_what_was_selected_is_not_computed_anew(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    Moody.world[:] = ["out of memory"]
    run(tmp_path / "in", pipeline=MOODY)
    Moody.world.clear()
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in", pipeline=MOODY)
    Moody.asked.clear()
    assert run(tmp_path / "in", pipeline=MOODY, retry_failed=True).computed == 1
    assert Moody.asked == ["0000.tif"]


def test_a_retry_that_is_rejected_too_gives_the_latest_reason_and_can_be_tried_again(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    for reason, retry in (("no memory", False), ("no time", True), ("no luck", True)):
        Moody.world[:] = [reason]
        summary = run(tmp_path / "in", pipeline=MOODY, retry_failed=retry)
        assert [failure.reason for failure in summary.failures] == [reason]
    Moody.world.clear()
    assert [failure.reason for failure in run(tmp_path / "in", pipeline=MOODY).failures] == ["no luck"]
    assert run(tmp_path / "in", pipeline=MOODY, retry_failed=True).selected == 1


def test_an_attempt_is_remembered_for_its_pipeline_alone_and_outlives_a_torn_line(tmp_path: Path) -> None:
    journal = tmp_path / "retries.jsonl"
    attempts = Attempts(journal, "one")
    attempts.next("a")
    attempts.next("a")
    journal.write_bytes(journal.read_bytes() + b'{"pipeline":"one","acqui')
    Attempts(journal, "other").next("a")
    assert [Attempts(journal, "one").of(name) for name in "ab"] == [3, 1]
    assert Attempts(journal, "other").of("a") == 2


class Published:
    def __init__(self) -> None:
        self.events: list[Outgoing] = []

    def publish(self, events: Iterable[Outgoing]) -> None:
        self.events += events

    def close(self) -> None:
        pass


def test_a_first_attempt_is_published_as_it_is_and_another_says_which_and_of_what(tmp_path: Path) -> None:
    event = image_event()
    identity = event.acquisition.acquisition_id
    outgoing = Outgoing("sem.images", b"k", event.to_json(), headers_of(event).to_wire())
    published, attempts = Published(), Attempts(tmp_path / "retries.jsonl", "p")
    Retrying(published, attempts, lambda *_: False).publish([outgoing])
    Retrying(published, attempts, lambda _, attempt: attempt < 3).publish([outgoing])
    Retrying(published, attempts, lambda _, attempt: attempt < 3).publish([outgoing])
    first, second, third = published.events
    assert first is outgoing
    headers = [Headers.from_wire(event.headers) for event in (second, third)]
    assert [(h.id, h.attempt, h.retry_of) for h in headers] == [(identity, 2, identity), (identity, 3, identity)]
    assert (second.topic, second.key, second.value) == (outgoing.topic, outgoing.key, outgoing.value)
