"""Panels that show whether every image is answered once."""

from collections.abc import Sequence
from itertools import pairwise

from grafana.panel import Panel, Query, Row, Shape
from grafana.promql import LANE, counted, grown

LOOKBACK = "1h"
VIGIL = "`semstream reconcile --every` runs, which asks Kafka and the ledger of workers"

FOUND = Panel(
    "Found by the ledger",
    "Images whose answers do not add up, as `semstream reconcile --every` found them last: lost, doubled, "
    "unsettled, contradicted or missing. 0 is what it should be.",
    "Anything else: docs/runbooks/imbalance.md.",
    "short",
    (
        Query(
            f"sum by (stage, lane, fault) (semstream_conservation_imbalance_images{{{LANE}}}) > 0 "
            f"or sum by (lane) (semstream_conservation_imbalance_images{{{LANE}}})",
            "{{stage}} {{fault}} {{lane}}",
        ),
    ),
    Shape.NUMBER,
    12,
    0,
    only_where=VIGIL,
)
CHECKED = Panel(
    "Since the ledger was asked",
    "Since `semstream reconcile --every` last found out whether everything adds up.",
    "More than its pace: it does not run, or Kafka or the ledger do not answer it; its log says which.",
    "s",
    (
        Query(
            f"time() - max by (lane) (max_over_time(semstream_conservation_checked_timestamp_seconds{{{LANE}}}[1d]))",
            "{{lane}}",
        ),
    ),
    Shape.NUMBER,
    12,
    only_where=VIGIL,
)
ANSWERED = Panel(
    "Answered in the time shown, by stage and outcome",
    "What a stage hands on as done the next one has to answer as done, rejected or malformed, so the "
    "bars of a pipeline that has caught up agree; rejected and malformed ones are dead letters.",
    "Bars that differ by more than the lag: look at the panel beside.",
    "short",
    (Query(counted("semstream_images_total", LANE, "stage, outcome"), "{{stage}} {{outcome}}"),),
    Shape.BARS,
    12,
    0,
)


def conservation(stages: Sequence[str]) -> Row:
    """Return the row of a pipeline with these stages, in order."""
    return Row("Conservation: every image is answered once", (FOUND, CHECKED, ANSWERED, _between(stages)))


def _between(stages: Sequence[str]) -> Panel:
    return Panel(
        "Handed on and neither answered nor waiting",
        f"Of the last {LOOKBACK}: images that one stage handed on, less those that the next one answered, less what "
        "its lag grew by. Zero but for short peaks in a rush, as the lag is measured every few seconds only, and for "
        "the last counts of processes that end between two scrapes.",
        "A line that stays away from zero: `semstream reconcile --since 24h` asks the ledger, which knows for sure.",
        "short",
        tuple(Query(_missing(before, after), f"{before} → {after} {{{{lane}}}}") for before, after in pairwise(stages)),
        Shape.LINES,
        12,
        0,
    )


def _missing(before: str, after: str) -> str:
    """Return the difference of what one stage handed on and what the next one has answered or has waiting."""
    handed = grown("semstream_images_total", f'{LANE}, stage="{before}", outcome="done"', "lane", LOOKBACK)
    answered = grown("semstream_images_total", f'{LANE}, stage="{after}"', "lane", LOOKBACK)
    waiting = f'sum by (lane) (delta(semstream_lag_messages{{{LANE}, stage="{after}"}}[{LOOKBACK}]))'
    return f"{handed} - {answered} - {waiting}"
