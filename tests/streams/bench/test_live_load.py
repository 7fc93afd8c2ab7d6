from streams.bench.live_load import BESIDE, SLOTS, measure_live_load, resting_pipeline
from streams.wiring.bench import own_lane
from tests.services import settings


def test_live_and_replay_of_one_process_both_get_through() -> None:
    found = settings()
    with resting_pipeline(10) as pipeline, own_lane(found, pipeline, beside=BESIDE) as (lane, open_reader):
        measured = measure_live_load(lane, open_reader, call_ms=10, seconds=3)
    assert measured.live_images > 0
    assert 0 < measured.live_alone_p50_ms <= measured.live_alone_p99_ms
    assert 0 < measured.replay_alone_images_per_s <= SLOTS * 1000 / 10
    assert 0 < measured.replay_share < 1
    assert 0 <= measured.replay_share_saturated < 1  # in seconds, on a busy machine, no batch of replay may end
