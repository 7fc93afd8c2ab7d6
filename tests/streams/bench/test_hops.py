from streams.bench.hops import NOOPS, READING, Replayed, Replays, measure_latency
from streams.wiring.bench import own_lane
from tests.services import settings


def test_the_hops_of_an_image_add_up_to_its_way() -> None:
    with own_lane(settings(), NOOPS) as (lane, open_reader):
        measured = measure_latency(lane, open_reader, images=1, warm_up=3)
    assert list(measured.hops) == ["first", "second", "third", "fourth", READING]
    added_ms = sum(hop.p50_ms for hop in measured.hops.values())
    assert 0 < added_ms <= measured.p50_ms + 2  # publishing begins before the first event has its time, a whole number
    assert measured.figures()["p50_ms"] == measured.p50_ms


def test_one_stage_is_at_the_top_of_the_replays_figures() -> None:
    def replayed(stages: int) -> Replayed:
        return Replayed(references=1, stages=stages, images_per_s=10 / stages, cpu_us_per_image=1, event_bytes=1)

    measured = Replays(one=replayed(1), four=replayed(4))
    assert measured.figures()["images_per_s"] == 10
    assert measured.figures()["four_stages"] == replayed(4).model_dump()
    assert measured.charts()[0].series == {"images/s": [10, 2.5]}
