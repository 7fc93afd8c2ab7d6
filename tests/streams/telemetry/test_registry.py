import threading

from streams.pipeline import load_pipeline
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import IMAGES, METRICS, NOISE_SIGMA, STAGE_SECONDS
from streams.telemetry.gpu import SHOWN
from streams.telemetry.metric import Kind
from streams.telemetry.process import describe_process


def described() -> Telemetry:
    telemetry, pipeline = Telemetry(), load_pipeline()
    describe_process(telemetry, pipeline=pipeline.name, pipeline_hash=pipeline.hash)
    return telemetry


def test_counters_add_up_by_label_and_across_threads() -> None:
    telemetry = Telemetry()

    def count() -> None:
        for _ in range(500):
            telemetry.count(IMAGES, "filter", "live", "done")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.count(IMAGES, "filter", "replay", "done", by=3)
    assert telemetry.total(IMAGES, stage="filter", lane="live", outcome="done") == 2000
    assert telemetry.total(IMAGES, stage="filter", outcome="done") == 2003
    assert telemetry.total(IMAGES, stage="metrics", outcome="done") == 0


def test_two_telemetries_share_nothing() -> None:
    one, other = Telemetry(), Telemetry()
    one.count(IMAGES, "filter", "live", "done")
    assert other.total(IMAGES, stage="filter", outcome="done") == 0


def test_observations_are_summed_and_counted() -> None:
    telemetry = Telemetry()
    for value in (0.002, 0.5):
        telemetry.observe(STAGE_SECONDS, value, "filter", "live")
        telemetry.observe(NOISE_SIGMA, value, "live", "sem-1")
    labels = {"stage": "filter", "lane": "live"}
    assert telemetry.registry.get_sample_value("semstream_stage_seconds_bucket", {**labels, "le": "0.003"}) == 1
    assert telemetry.registry.get_sample_value("semstream_stage_seconds_count", labels) == 2
    sensor = {"lane": "live", "instrument": "sem-1"}
    assert telemetry.registry.get_sample_value("semstream_noise_sigma_ratio_sum", sensor) == 0.502


def test_a_process_exports_the_metrics_of_the_list_and_no_others() -> None:
    exported = {family.name: (family.type, family.documentation) for family in described().registry.collect()}
    listed = {metric.name: (metric.kind.value, metric.meaning) for metric in METRICS}
    ours = {name: told for name, told in listed.items() if name.startswith("semstream_")}
    without_a_gpu = {name: told for name, told in ours.items() if name not in {metric.name for metric in SHOWN}}
    assert {name: told for name, told in exported.items() if not name.startswith("process_")} == without_a_gpu
    assert {name for name in exported if name.startswith("process_")} == listed.keys() - ours.keys()


def test_names_follow_the_conventions_of_prometheus() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert not [metric.name for metric in METRICS if metric.name.endswith(("_total", "_ms", "_milliseconds"))]
    units = ("_seconds", "_bytes", "_ratio", "_decibels", "_messages")
    timed = [metric for metric in METRICS if metric.unit in {"seconds", "bytes"}]
    assert [metric.name for metric in timed if not metric.name.endswith(units)] == []
    assert all(metric.buckets for metric in METRICS if metric.kind is Kind.HISTOGRAM)


def test_the_process_tells_what_it_is() -> None:
    found = [sample for family in described().registry.collect() for sample in family.samples]
    (built,) = [sample for sample in found if sample.name == "semstream_build_info"]
    assert built.value == 1
    assert built.labels["pipeline_hash"] == load_pipeline().hash
    (memory,) = [sample.value for sample in found if sample.name == "process_resident_memory_bytes"]
    assert memory > 1 << 20
