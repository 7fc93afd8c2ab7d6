from streams.bench.rebalance import PARTITIONS, Arrival, longest_gap_s, measure_rebalance
from tests.services import settings


def test_a_gap_is_of_one_partition_and_counts_where_it_ends() -> None:
    times = {0: (0.0, 1.0, 4.0, 4.5), 1: (0.0, 2.0, 3.0, 5.0)}
    arrivals = [Arrival(at_s, number, "a") for number, ordered in times.items() for at_s in ordered]
    assert longest_gap_s(arrivals, 0.0, 10.0) == 3.0
    assert longest_gap_s(arrivals, 0.0, 4.0) == 2.0
    assert longest_gap_s(arrivals, 4.4, 5.0) == 0.5
    assert longest_gap_s([], 0.0, 10.0) == 0.0


def test_processes_that_come_and_go_lose_and_double_nothing() -> None:
    measured = measure_rebalance(settings(), images=240, per_s=30)
    assert measured.images == 240 + PARTITIONS
    assert (measured.lost, measured.published_twice, measured.computed_twice) == (0, 0, 0)
