import secrets

import pytest

from streams.bench.overlap import OVERLAP, Computing, Interval, measure_overlap, shares_of
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.telemetry import Activity
from streams.telemetry.catalogue import WORKER_SECONDS
from streams.wiring.bench import services_run
from tests.services import settings


def test_a_stage_of_two_slots_is_busy_when_both_are() -> None:
    shares = shares_of([Interval(0, 10), Interval(0, 5)], [Interval(0, 10)], slots=2)
    assert (shares.window_s, shares.one, shares.other, shares.both) == (10, 0.75, 1, 1)


def test_calls_in_turns_overlap_at_no_time() -> None:
    shares = shares_of([Interval(0, 2), Interval(4, 6)], [Interval(2, 4), Interval(6, 8)], slots=1)
    assert shares.both == 0
    assert shares.window_s == 4


@pytest.mark.parametrize("other", [[], [Interval(3, 4)]])
def test_stages_that_never_had_work_at_one_time_have_no_shares(other: list[Interval]) -> None:
    with pytest.raises(UsageError, match="more images"):
        shares_of([Interval(0, 2)], other, slots=1)


def test_intervals_add_up_to_what_telemetry_counts() -> None:
    computing = Computing()
    for activity in (Activity.COMPUTE, Activity.STORE, Activity.COMPUTE):
        with computing.spending("filter", "live", activity):
            pass
    took = [interval.end_s - interval.start_s for interval in computing.of("filter")]
    assert len(took) == 2
    assert sum(took) >= computing.total(WORKER_SECONDS, stage="filter", activity=Activity.COMPUTE) > 0


def test_filters_and_a_network_work_side_by_side() -> None:
    with services_run(settings(), OVERLAP) as run:
        measured = measure_overlap(load_pipeline(OVERLAP), run, images=24, seed=secrets.randbits(31))
    assert 0 < measured.filter_busy <= 1
    assert 0 < measured.both_busy <= measured.denoise_busy <= 1
