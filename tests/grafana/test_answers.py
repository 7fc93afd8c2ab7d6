"""Every panel, asked of a real Prometheus that watched a real run, has an answer; totals are those of the ledger."""

import math
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from grafana.panel import Board, Choice, Panel
from stages.metrics.names import Score
from tests.folders import events_of
from tests.grafana.paint import painted
from tests.grafana.prometheus import scraping
from tests.grafana.test_boards import BOARDS
from tests.grafana.watched_run import SIMULATED, Watched, watched_run
from tests.streams.telemetry.test_serving import free_port

PANELS = {
    f"{board.name}: {row.title}: {panel.title}": panel for board in BOARDS for row in board.rows for panel in row.panels
}
SILENT = 16
"""Panels that may have no answer, at the most; each says where it has one."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("watched"), free_port()
    with scraping(port, folder) as prometheus:
        yield watched_run(prometheus, port, folder)


def titled(title: str) -> Panel:
    (found,) = [panel for panel in PANELS.values() if panel.title == title]
    return found


def totals(watched: Watched, title: str, since: float | None = None) -> dict[str, float]:
    return {name: series.points[-1][1] for name, series in watched.answers(titled(title), since)}


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS.keys())
def test_every_panel_has_an_answer(watched: Watched, panel: Panel) -> None:
    answers = watched.answers(panel)
    if panel.only_where is None:
        assert {name for name, _ in answers} != set()
    for name, series in answers:
        assert any(math.isfinite(value) for _, value in series.points), name


def test_few_panels_are_for_some_places_only() -> None:
    assert sum(panel.only_where is not None for panel in PANELS.values()) <= SILENT


def test_totals_are_those_of_the_ledger(watched: Watched) -> None:
    settled = watched.settled()
    assert totals(watched, "Images selected") == {"live": settled["selector", "done"]} == {"live": SIMULATED}
    shown = totals(watched, "Answered in the time shown, by stage and outcome")
    assert {name: count for name, count in shown.items() if count} == {
        f"{stage} {state}": count for (stage, state), count in settled.items()
    }
    assert totals(watched, "Dead letters") == {"live": settled["filter", "rejected"]} == {"live": 1}


def test_totals_are_those_of_the_results(watched: Watched) -> None:
    selections = [event.selection for event in events_of(watched.folder / "out") if event.selection]
    assert totals(watched, "Selected in the time shown") == Counter(selection.chosen for selection in selections)
    assert sum(totals(watched, "Flags").values()) == sum(len(selection.flags) for selection in selections)
    vetoes = sum(totals(watched, "Vetoes an image, by candidate").values()) * SIMULATED
    assert vetoes == pytest.approx(sum(len(selection.vetoes) for selection in selections))


def test_the_mean_of_decibels_is_right_though_some_are_negative(watched: Watched) -> None:
    raws = [candidate for event in events_of(watched.folder / "out") for candidate in event.candidates[:1]]
    seen = [snr_db for raw in raws if (snr_db := raw.scores.get(Score.SNR)) is not None]
    assert min(seen) < 0
    for _, series in watched.answers(titled("Signal to noise ratio")):
        assert all(min(seen) - 1e-6 <= value <= max(seen) + 1e-6 for _, value in series.points)


def test_what_was_counted_before_the_time_shown_is_left_out(watched: Watched) -> None:
    later = totals(watched, "Images selected", since=watched.halfway)
    assert later["live"] == pytest.approx(SIMULATED / 2, rel=0.25)


def test_nothing_is_missing_between_stages(watched: Watched) -> None:
    for name, series in watched.answers(titled("Handed on and neither answered nor waiting")):
        assert abs(series.points[-1][1]) < 1, name


def test_the_time_of_the_threads_is_all_accounted_for(watched: Watched) -> None:
    answers = watched.answers(titled("How busy each stage is"))
    assert {name for name, _ in answers} == {"filter", "denoise", "metrics", "selector"}
    assert all(0 <= value <= 1 for _, series in answers for _, value in series.points)


def test_what_may_be_chosen_is_found(watched: Watched) -> None:
    found = {choice.value: watched.prometheus.values_of(choice.value, choice.source) for choice in Choice}
    assert found == {
        "lane": {"live"},
        "stage": {"filter", "denoise", "metrics", "selector"},
        "instrument": {"sem-1"},
    }


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_picture_shows_every_panel(watched: Watched, board: Board) -> None:
    drawn = ElementTree.fromstring(painted(board, watched))
    words = {"".join(element.itertext()) for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {board.title, *(row.title for row in board.rows), *(panel.title for panel in board.panels)} <= words
    answered = sum(bool(watched.answers(panel)) for panel in board.panels)
    silent = sum(element.text == "no data here" for element in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert answered + silent == len(board.panels)
