import threading

from streams.standing import NEWCOMER_S, POLLED_WITHIN_S, Standing


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def joined(clock: Clock) -> Standing:
    standing = Standing("filter.replay", clock=clock)
    standing.subscribed()
    standing.assigned()
    return standing


def test_a_crew_counts_from_when_its_group_has_given_it_partitions() -> None:
    clock = Clock()
    standing = Standing("filter", clock=clock)
    assert standing.why_not_ready() == "filter: it has not joined its group yet"
    standing.subscribed()
    assert standing.why_not_ready() == "filter: its group has given it no partitions yet"
    standing.assigned()
    assert standing.why_not_ready() is None


def test_a_member_for_whom_no_partition_is_left_is_ready_to_take_over() -> None:
    clock = Clock()
    standing = Standing("filter", clock=clock)
    standing.subscribed()
    clock.now_s += NEWCOMER_S
    standing.polled()
    assert standing.why_not_ready() is None


def test_who_has_lost_the_membership_does_not_count() -> None:
    standing = joined(Clock())
    standing.lost()
    assert standing.why_not_ready() == "filter.replay: its group has given it no partitions yet"


def test_a_polling_thread_that_hangs_is_noticed() -> None:
    clock = Clock()
    standing = joined(clock)
    clock.now_s += POLLED_WITHIN_S + 1
    assert standing.why_not_ready() == "filter.replay: it has not polled for 91 s"
    standing.polled()
    assert standing.why_not_ready() is None


def test_what_one_thread_waits_for_stands_until_that_thread_has_its_answer() -> None:
    standing = joined(Clock())
    other = threading.Thread(target=standing.troubled, args=["Postgres does not answer"])
    other.start()
    other.join()
    standing.well()
    assert standing.why_not_ready() == "filter.replay: Postgres does not answer"
    standing.troubled("S3 does not answer")
    standing.well()
    assert standing.why_not_ready() == "filter.replay: Postgres does not answer"
