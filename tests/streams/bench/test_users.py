from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from streams.bench.hops import NOOPS
from streams.bench.users import Answers, Client, Level, Users, Wait, level_of, measure_users
from streams.transport import Message, Outgoing, Partition
from streams.wiring.bench import own_lane
from streams.wiring.topics import open_publisher
from tests.services import settings


class Echo:
    """Answers what is published to it at once; a mute one answers nothing, a broken one cannot be read."""

    def __init__(self, *, mute: bool = False, broken: bool = False) -> None:
        self.mute, self.broken = mute, broken
        self.published: list[Outgoing] = []
        self._answers: list[Message] = []

    def publish(self, events: Iterable[Outgoing]) -> None:
        some = list(events)
        self.published += some
        if not self.mute:
            self._answers += [Message(Partition("out", 0), 0, 0, event.key, b"", ()) for event in some]

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        if self.broken and self.published:
            raise OSError("no broker")
        found, self._answers = self._answers, []
        return found

    def close(self) -> None: ...


def images() -> Iterator[Outgoing]:
    return (Outgoing("in", str(number).encode(), b"", ()) for number in range(1000))


def test_a_client_waits_for_its_own_answer_before_it_publishes_the_next_image() -> None:
    echo = Echo()
    with Answers(echo).listening() as answers:
        client = Client(echo, images(), answers)
        waits = [client.once() for _ in range(3)]
    assert [event.key for event in echo.published] == [b"0", b"1", b"2"]
    assert all(one.answered_s <= other.begun_s for one, other in pairwise(waits))


def test_an_answer_that_does_not_come_is_no_wait_without_end() -> None:
    with Answers(Echo()).listening() as answers, pytest.raises(TimeoutError):
        Client(Echo(mute=True), images(), answers, patience_s=0.01).once()


def test_who_waits_hears_that_nobody_reads_any_more() -> None:
    echo = Echo(broken=True)
    with pytest.raises(OSError, match="no broker"), Answers(echo).listening() as answers:
        Client(echo, images(), answers).once()


def test_waits_that_ended_before_the_window_do_not_count() -> None:
    level = level_of([[Wait(0, 0.5), Wait(0.5, 1.5), Wait(1.5, 2.0)]], 1, 2)
    assert (level.images, level.images_per_s) == (2, 1.0)


def test_a_client_that_waits_longer_than_the_window_is_what_is_unfair() -> None:
    quick = [Wait(0.1 * number, 0.1 * (number + 1)) for number in range(20)]
    assert level_of([quick, quick, [Wait(0, 3)]], 1, 2).fairness == pytest.approx(30, rel=0.01)
    assert level_of([quick, quick], 1, 2).fairness == 1


def test_the_figures_are_those_of_32_clients() -> None:
    def level(clients: int) -> Level:
        return Level(
            clients=clients, images=1, images_per_s=1, p50_ms=clients, p95_ms=1, p99_ms=1, max_ms=1, fairness=1
        )

    levels = (level(1), level(32), level(64))
    assert Users(stages=4, processes=1, seconds=1, levels=levels).figures()["p50_ms"] == 32
    assert Users(stages=4, processes=1, seconds=1, levels=levels[:1]).figures()["clients"] == 1


def test_clients_at_real_services_are_all_answered() -> None:
    found = settings()
    with own_lane(found, NOOPS) as (lane, open_reader):
        measured = measure_users(lane, open_reader, lambda: open_publisher(found), clients=[1, 4], seconds=2)
    one, four = measured.levels
    assert (one.clients, four.clients) == (1, 4)
    assert one.images > 0
    assert four.images >= 4
    assert 0 < one.p50_ms <= one.p99_ms <= one.max_ms
    assert one.fairness == 1 <= four.fairness
