"""Whenever a worker dies, and whatever is redelivered, the world sees the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DIED = 9


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("crash")
    command = [sys.executable, "-m", "tests.crash.mortal", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {
        "calls": [line for line in lines if "calls" in line],
        "whole": [line for line in lines if line.get("moment") == "never"],
        "died": [line for line in lines if line.get("moment") in ("before", "after")],
    }


def test_every_port_call_is_a_place_to_die(report: dict[str, list[dict[str, Any]]]) -> None:
    for life in report["calls"]:
        met = set(life["calls"])
        assert met >= {
            "transport.poll",
            "cache.get",
            "ledger.bodies",
            "ledger.settlements",
            "store.vanished",
            "store.get",
            "store.put",
            "ledger.settle",
            "transport.commit",
            "cache.put",
        }
        scenarios = [line for line in report["died"] if line["torn"] == life["torn"]]
        assert len(scenarios) == 2 * len(life["calls"])
        assert all(line["first"] == DIED and line["second"] == 0 for line in scenarios)


def test_wherever_it_died_the_same_events_come_out_once_each(report: dict[str, list[dict[str, Any]]]) -> None:
    whole = {line["torn"]: line for line in report["whole"]}
    for line in report["died"]:
        expected = {identity: topic for identity, topic, _ in whole[line["torn"]]["events"]}
        assert {identity: topic for identity, topic, _ in line["events"]} == expected, line
        if not line["torn"]:
            assert len(line["events"]) == len(whole[False]["events"]), line


def test_a_repeated_event_is_the_same_to_the_byte(report: dict[str, list[dict[str, Any]]]) -> None:
    repeated = 0
    for line in report["died"]:
        values: dict[str, set[str]] = {}
        done = [(identity, value) for identity, topic, value in line["events"] if topic != "sem.deadletter"]
        for identity, value in done:
            values.setdefault(identity, set()).add(value)
        repeated += len(done) > len(values)
        assert all(len(bodies) == 1 for bodies in values.values()), line
    assert repeated > 0, "no scenario repeated an event, so this test showed nothing"


def test_there_is_one_settlement_and_one_outcome_a_part_and_the_same_objects(
    report: dict[str, list[dict[str, Any]]],
) -> None:
    whole = report["whole"][0]
    assert whole["settlements"] == [["a", "done"], ["b", "done"], ["c", "rejected"]]
    for line in report["died"]:
        assert line["settlements"] == whole["settlements"], line
        assert line["outcomes"] == whole["outcomes"], line
        assert line["objects"] == whole["objects"], line
        assert line["parts"] == [], line
