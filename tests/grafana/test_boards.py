"""The committed dashboards are what the code says, and Grafana can read them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.panel import Board
from grafana.write import boards, pages
from streams.pipeline import load_pipeline
from streams.telemetry.catalogue import METRICS
from streams.telemetry.metric import Kind, Metric

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
BOARDS = boards([stage.name for stage in load_pipeline(None).stages])
EXPRESSIONS = [query.expr for board in BOARDS for panel in board.panels for query in panel.queries]
OF_PROMETHEUS = {"instance", "job", "le"}
LEFT_OUT = {"process_virtual_memory_bytes", "process_start_time_seconds"}
"""Metrics that no panel asks for: they say nothing that memory in RAM and a restart's other traces do not say."""


def series_of(metric: Metric) -> set[str]:
    if metric.kind is Kind.HISTOGRAM:
        return {f"{metric.name}_{end}" for end in ("bucket", "sum", "count")}
    if metric.kind is Kind.SUMMARY:
        return {f"{metric.name}_{end}" for end in ("sum", "count")}
    return {metric.series}


SERIES = {name: metric for metric in METRICS for name in series_of(metric)}
NAMES = re.compile(r"\b(?:semstream|process)_\w+")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return found


def test_making_them_again_changes_nothing() -> None:
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert committed == pages(), "run make dashboards"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_model_of_grafana_keeps_all_of_a_dashboard(name: str) -> None:
    plugins.register_default_plugins()
    written = read(name)
    modelled = Dashboard.from_json(written)
    assert json.loads(json.dumps(modelled, cls=JSONEncoder)) == written


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_panel_says_what_it_means_and_what_to_do(board: Board) -> None:
    shown = [panel for panel in read(f"{board.name}.json")["panels"] if panel["type"] != "row"]
    assert len(shown) == len(board.panels)
    for panel, drawn in zip(board.panels, shown, strict=True):
        assert min(len(panel.says), len(panel.do)) > 15, panel.title
        assert drawn["fieldConfig"]["defaults"]["unit"] == panel.unit
        assert panel.says in drawn["description"]
        assert panel.do in drawn["description"]
        assert [target["expr"] for target in drawn["targets"]] == [query.expr for query in panel.queries]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_no_panel_covers_another(board: Board) -> None:
    places = [panel["gridPos"] for panel in read(f"{board.name}.json")["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_numbers_and_addresses_are_given_once() -> None:
    read_boards = [read(f"{board.name}.json") for board in BOARDS]
    assert len({board["uid"] for board in read_boards}) == len(BOARDS)
    for board in read_boards:
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_queries_ask_for_series_that_exist_by_labels_that_they_have(expr: str) -> None:
    asked = NAMES.findall(expr)
    assert asked
    assert set(asked) <= SERIES.keys()
    labels = set(OF_PROMETHEUS).union(*(SERIES[name].labels for name in asked))
    for name, matchers in re.findall(r"\b((?:semstream|process)_\w+)\{([^}]*)\}", expr):
        assert set(re.findall(r"(\w+)(?:=|!)", matchers)) <= {*SERIES[name].labels, "le"}, name
    for by in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
        assert set(re.findall(r"\w+", by)) <= labels


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_what_may_be_chosen_is_asked_for_and_the_other_way_round(board: Board) -> None:
    asked = {name for panel in board.panels for query in panel.queries for name in re.findall(r"\$(\w+)", query.expr)}
    assert asked - {"__range", "__rate_interval"} == {choice.value for choice in board.choices}


def test_every_metric_is_on_some_dashboard() -> None:
    asked = {name for expr in EXPRESSIONS for name in NAMES.findall(expr)}
    missing = {metric.series for metric in METRICS if not series_of(metric) & asked}
    assert missing == LEFT_OUT
