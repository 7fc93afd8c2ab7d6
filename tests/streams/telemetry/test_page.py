from pathlib import Path

from streams.telemetry.activity import MEANINGS, Activity
from streams.telemetry.catalogue import METRICS
from streams.telemetry.page import page

COMMITTED = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_committed_page_is_what_the_list_says() -> None:
    assert COMMITTED.read_text() == page(), "run make metrics"


def test_every_metric_and_every_activity_has_a_line() -> None:
    lines = page().splitlines()
    for metric in METRICS:
        (line,) = [line for line in lines if line.startswith(f"| `{metric.series}` |")]
        assert metric.meaning in line
        assert metric.unit in line
    assert MEANINGS.keys() == set(Activity)
