from streams.lag import Lag
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import LAG_MESSAGES, LAG_SECONDS


class Lagging:
    """The lag of a stage, by a clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._telemetry = Telemetry()
        self._lag = Lag(self._telemetry, "filter", "live", now_s=lambda: self.now_s)

    def measured(self, messages: int, oldest_ms: int | None) -> tuple[float, float]:
        self._lag.measure(messages, in_hand=0, oldest_ms=oldest_ms)
        return self._telemetry.total(LAG_MESSAGES, stage="filter"), self._telemetry.total(LAG_SECONDS, stage="filter")


def test_the_lag_in_seconds_is_the_age_of_the_oldest_message_in_hand() -> None:
    assert Lagging().measured(12, 940_000) == (12, 60)


def test_who_has_read_everything_has_no_lag() -> None:
    assert Lagging().measured(0, None) == (0, 0)


def test_messages_that_nobody_takes_in_grow_older_from_when_they_were_noticed() -> None:
    lagging = Lagging()
    assert lagging.measured(5, None) == (5, 0)
    lagging.now_s += 30
    assert lagging.measured(5, None) == (5, 30)
    assert lagging.measured(5, 1_020_000) == (5, 10)
    assert lagging.measured(5, None) == (5, 0)


def test_a_clock_that_is_behind_that_of_the_brokers_makes_no_negative_lag() -> None:
    assert Lagging().measured(1, 1_000_500) == (1, 0)
