"""What fails is left alone for a while, then tried by one caller only."""

from streams.breaker import Breaker


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def breaker(clock: Clock, *, jitter: float = 1.0) -> Breaker:
    return Breaker(clock, lambda: jitter, first_pause_s=1, longest_pause_s=8)


def test_all_may_call_until_something_fails() -> None:
    broken = breaker(Clock())
    assert [broken.allows() for _ in range(3)] == [True, True, True]
    assert broken.failed()
    assert [broken.allows() for _ in range(3)] == [False, False, False]


def test_after_the_pause_one_caller_tries() -> None:
    clock = Clock()
    broken = breaker(clock)
    broken.failed()
    clock.now_s += 1
    assert [broken.allows() for _ in range(3)] == [True, False, False]


def test_a_success_lets_all_call_again() -> None:
    clock = Clock()
    broken = breaker(clock)
    broken.failed()
    clock.now_s += 1
    assert broken.allows()
    assert broken.succeeded()
    assert [broken.allows() for _ in range(3)] == [True, True, True]
    assert not broken.succeeded()


def test_every_failure_doubles_the_pause_up_to_the_longest() -> None:
    clock = Clock()
    broken = breaker(clock)
    pauses = []
    assert broken.failed()
    for _ in range(6):
        start_s = clock.now_s
        while not broken.allows():
            clock.now_s += 0.5
        pauses.append(clock.now_s - start_s)
        assert not broken.failed()
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_a_caller_that_never_says_what_it_found_is_followed_by_another() -> None:
    clock = Clock()
    broken = breaker(clock)
    broken.failed()
    clock.now_s += 1
    assert broken.allows()
    clock.now_s += 1
    assert broken.allows()


def test_jitter_shortens_a_pause_to_no_less_than_half() -> None:
    clock = Clock()
    broken = breaker(clock, jitter=0)
    broken.failed()
    clock.now_s += 0.49
    assert not broken.allows()
    clock.now_s += 0.01
    assert broken.allows()
