"""The page of all metrics, generated: ``python -m streams.telemetry.page docs/metrics.md``."""

import sys
from collections.abc import Iterator
from pathlib import Path

from streams.telemetry.activity import MEANINGS
from streams.telemetry.catalogue import GROUPS
from streams.telemetry.metric import Kind, Metric

HEAD = """# Metrics

Made by `make metrics` from `streams/telemetry/catalogue.py`. Each process serves its own on `/metrics`
(`semstream worker --metrics-port`, `[worker] metrics_port`, `semstream run --metrics-port`), beside `/healthz` (it is
alive) and `/readyz` (it has joined its groups and its services answer; else 503 and a line that says why).

A histogram has the series `_bucket`, `_sum` and `_count`, a summary `_sum` and `_count`. `lane` is `live` or the name
of a replay's; `method` is a candidate's name in the pipeline file; `instrument` is an instrument's id. Of instruments
and methods the first 50 that a process meets have series of their own; the others are counted as `other`.
`semstream trends` has none of instruments that another process watches by now: their places are free again.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_groups(), *_activities()])


def _groups() -> Iterator[str]:
    for title, metrics in GROUPS.items():
        yield f"## {title}\n"
        yield "| metric | kind | unit | labels | what it says |\n| --- | --- | --- | --- | --- |"
        yield from map(_row, metrics)
        yield ""


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.series}` | {metric.kind} | {metric.unit} | {labels} | {metric.meaning}{_buckets(metric)} |"


def _buckets(metric: Metric) -> str:
    if metric.kind is not Kind.HISTOGRAM:
        return ""
    return f" Buckets up to {', '.join(f'{bound:g}' for bound in metric.buckets)}."


def _activities() -> Iterator[str]:
    yield "## Activities\n"
    yield "The values of `activity`. A thread is at one at any time, so its seconds add up to the time that it lives.\n"
    yield "| activity | what the thread does |\n| --- | --- |"
    yield from (f"| `{activity}` | {meaning} |" for activity, meaning in MEANINGS.items())
    yield ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
