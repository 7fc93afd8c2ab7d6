"""Whenever an agent dies, and whatever the instrument does meanwhile, every image is published under the same id."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.agents import tiff
from tests.crash.test_crash import DIED, ROOT
from tests.instrument import sha256_of

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Lines:
    command = [sys.executable, "-m", "tests.crash.mortal_agent", str(tmp_path_factory.mktemp("crash"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def deaths(report: Lines) -> Lines:
    return [line for line in report if line.get("moment") in ("before", "after")]


def images(line: dict[str, Any]) -> set[tuple[str, str, str | None, int, str]]:
    return {tuple(event) for event in line["events"]}


def test_every_step_is_a_place_to_die(report: Lines, deaths: Lines) -> None:
    calls = report[0]["calls"]
    steps = {"notes", "write", "uploaded", "pending", "published"}
    assert set(calls) >= {"store.put", "store.confirm", "publisher.publish", *(f"journal.{step}" for step in steps)}
    assert len(deaths) == 2 * 2 * len(calls)
    assert all(line["lives"] == [DIED, 0] for line in deaths)


def test_wherever_it_died_the_same_images_are_published_and_repeats_are_the_same_to_the_byte(
    report: Lines, deaths: Lines
) -> None:
    whole = images(report[1])
    assert len(whole) == 4
    repeated = 0
    for line in deaths:
        if not line["rewritten"]:
            assert images(line) == whole, line
        repeated += len(line["events"]) > len(images(line))
        assert len(set(line["values"])) == len(images(line)), line
    assert repeated > 0, "no scenario repeated an event, so this test showed nothing"


def test_a_content_that_came_while_it_was_dead_is_published_and_supersedes_what_was_published(deaths: Lines) -> None:
    old, new = sha256_of(tiff(1, pages=2)), sha256_of(tiff(4, pages=2))
    superseding = 0
    for line in deaths:
        if line["rewritten"]:
            ids = {(name, sha256, page): identity for name, sha256, _, page, identity in images(line)}
            for page in (0, 1):
                before = ids.get(("a.tif", old, page))
                assert line["supersedes"][ids["a.tif", new, page]] == before, line
                superseding += before is not None
    assert superseding > 0, "no scenario published the old content, so this test showed nothing"


def test_a_second_frame_that_came_or_changed_while_it_was_dead_supersedes_what_was_published(deaths: Lines) -> None:
    first, later, late = (sha256_of(tiff(seed)) for seed in (6, 7, 8))
    superseding = 0
    for line in deaths:
        ids = {(name, second): identity for name, _, second, _, identity in images(line)}
        assert ("e_f2.tif", None) not in ids, line
        if line["rewritten"]:
            for name, old, new in (("e.tif", first, later), ("b.tif", None, late)):
                before = ids.get((name, old))
                assert line["supersedes"][ids[name, new]] == before, line
                superseding += before is not None
            assert {second for name, second in ids if name == "e.tif"} <= {first, later}, line
    assert superseding > 0, "no scenario published the old frames, so this test showed nothing"


def test_afterwards_the_journal_knows_the_same(deaths: Lines) -> None:
    for line in deaths:
        states = {"a.tif": "published", "b.tif": "published", "c.txt": "skipped", "d.tif": "failed"}
        states |= {"e.tif": "published", "e_f2.tif": "second"}
        states |= {"b_f2.tif": "second"} if line["rewritten"] else {}
        assert (line["states"], line["pending"]) == (states, 0), line
