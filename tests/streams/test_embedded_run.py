"""The embedded mode from end to end, on its real Kafka client, store, ledger and decoder."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import tifffile

from schemas.events import DeadLetter
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.summary import Summary
from streams.wiring.embedded import embedded
from tests.folders import TOYS, Run, events_of, write_images
from tests.hostile.corpus import CORPUS, PLACES, Verdict

ROOT = Path(__file__).parents[2]
CHEAP = ROOT / "deploy" / "pipelines" / "cheap.toml"


def test_every_image_is_selected_and_leaves_result_certificate_and_report(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in" / "lot 1", 5)
    summary = run(tmp_path / "in")
    assert (summary.images, summary.selected, summary.failed, summary.computed) == (5, 5, 0, 5)
    assert summary.by_method == {"quarter": 5}
    results = sorted((tmp_path / "out" / "images" / "lot 1").iterdir())
    assert [path.name for path in results] == [f"{n:04d}.tif{end}" for n in range(5) for end in ("", ".json")]
    original = tifffile.imread(tmp_path / "in" / "lot 1" / "0000.tif")
    assert np.abs(tifffile.imread(results[0]).astype(int) - original / 4).max() <= 0.51
    certificate = json.loads(results[1].read_text())
    assert certificate["selection"]["chosen"] == "quarter"
    assert certificate["source_name"] == "lot 1/0000.tif"
    assert {candidate["name"] for candidate in certificate["candidates"]} == {"half", "quarter"}
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000
    assert Summary.from_json((tmp_path / "out" / "summary.json").read_bytes()) == summary


def test_the_input_folder_is_left_as_it_was(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "in").iterdir()}
    (tmp_path / "in").chmod(0o555)
    run(tmp_path / "in")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "in").iterdir()} == before


def test_the_same_command_again_computes_nothing_and_gives_the_same(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 6)
    first = run(tmp_path / "in")
    images = {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").iterdir()}
    again = run(tmp_path / "in")
    assert (first.computed, first.cache_hits) == (6, 0)
    assert (again.computed, again.cache_hits, again.selected) == (0, 6, 6)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").iterdir()} == images


def test_an_added_image_is_the_only_one_computed(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 3)
    run(tmp_path / "in")
    write_images(tmp_path / "in", 1, first=3)
    assert run(tmp_path / "in").computed == 1


def test_an_added_candidate_is_the_only_one_computed(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in")
    objects = set((tmp_path / "out" / ".semstream" / "objects" / "candidates").rglob("*.tif"))
    run(tmp_path / "in", pipeline=TOYS + "[shade.levels]\nhalf = 0.5\nquarter = 0.25\nfull = 1.0\n")
    added = set((tmp_path / "out" / ".semstream" / "objects" / "candidates").rglob("*.tif")) - objects
    assert len(added) == 2


def test_copies_of_one_file_are_one_image_and_two_results(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in" / "a", 1)
    write_images(tmp_path / "in" / "b", 1)
    summary = run(tmp_path / "in")
    assert summary.selected == 2
    assert len({event.image.image_id for event in events_of(tmp_path / "out")}) == 1
    assert len(list((tmp_path / "out" / "images").rglob("*.tif"))) == 2


def test_names_that_differ_in_the_suffix_only_do_not_overwrite_each_other(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    (tmp_path / "in" / "0001.tif").rename(tmp_path / "in" / "0000.TIF")
    assert run(tmp_path / "in").selected == 2
    assert len(list((tmp_path / "out" / "images").glob("*.json"))) == 2


def test_a_vanished_or_cut_candidate_is_made_again(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in")
    objects = sorted((tmp_path / "out" / ".semstream" / "objects" / "candidates").rglob("*.tif"))
    objects[0].unlink()
    objects[1].write_bytes(b"cut")
    summary = run(tmp_path / "in")
    assert summary.selected == 2
    assert 1 <= summary.computed <= 2


def test_a_rejected_image_is_a_dead_letter_with_the_original_message(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    tifffile.imwrite(tmp_path / "in" / "black.tif", np.zeros((24, 24), np.uint8))
    summary = run(tmp_path / "in")
    assert (summary.selected, summary.failed) == (2, 1)
    assert [(f.path, f.reason) for f in summary.failures] == [("black.tif", "the first pixel is black")]
    (line,) = (tmp_path / "out" / "deadletters.jsonl").read_bytes().splitlines()
    letter = DeadLetter.from_json(line)
    assert letter.original is not None
    assert (letter.stage, letter.source_name, letter.original.topic) == ("shade", "black.tif", "sem.images")
    again = run(tmp_path / "in")
    assert (again.failed, again.computed) == (1, 0)


def test_a_fifth_stage_is_one_file_and_one_line(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in", pipeline='path = ["tests.toys:Shade", "tests.toys:Focus", "tests.toys:Pick"]\n')
    for event in events_of(tmp_path / "out"):
        focus = event.results["focus"]
        assert isinstance(focus, dict)
        assert isinstance(focus["focus"], float)


def test_a_stage_that_fails_ends_the_run_loudly_and_names_the_image(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    with pytest.raises(ZeroDivisionError) as raised:
        run(tmp_path / "in", pipeline='path = ["tests.toys:Broken"]\n')
    assert events_of(tmp_path / "out") == []
    assert any("stage broken, images" in note for note in raised.value.__notes__)


def test_two_runs_cannot_use_one_folder_at_the_same_time(run: Run, tmp_path: Path) -> None:
    write_images(tmp_path / "in", 1)
    (tmp_path / "pipeline.toml").write_text(TOYS)
    running = embedded(tmp_path / "out" / ".semstream", load_pipeline(tmp_path / "pipeline.toml"))
    with running, pytest.raises(UsageError, match="another semstream is using"):
        run(tmp_path / "in")


def test_whatever_a_folder_holds_every_file_is_accounted_for_and_nothing_else_happens(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    entries = [entry for entry in [*CORPUS, *PLACES] if entry.pages < 100]
    if os.geteuid() == 0:
        entries = [entry for entry in entries if entry.name != "unreadable"]
    for entry in entries:
        entry.put_into(folder)
    summary = run(folder, pipeline=CHEAP)
    failures = {failure.path: failure.reason for failure in summary.failures}
    skips = {skip.path: skip.reason for skip in summary.skips}
    selected = Counter(event.acquisition.source_name for event in events_of(tmp_path / "out"))
    for entry in entries:
        if entry.verdict is Verdict.ACCEPTED:
            assert selected[entry.file_name] == entry.pages, entry.name
        elif entry.verdict is Verdict.FAILED:
            assert entry.reason in failures[entry.file_name], entry.name
        elif entry.name != "folder":
            assert entry.reason in skips[entry.file_name], entry.name
    assert summary.selected == sum(entry.pages for entry in entries if entry.verdict is Verdict.ACCEPTED)
    assert summary.failed == sum(entry.verdict is Verdict.FAILED for entry in entries)


def test_every_page_of_a_file_of_500_pages_is_an_image_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (many,) = [entry for entry in CORPUS if entry.pages == 500]
    many.put_into(tmp_path / "in")
    assert run(tmp_path / "in").selected == 500
    assert len(list((tmp_path / "out" / "images").glob("*.p[0-9][0-9][0-9][0-9].tif"))) == 500


def test_after_kill_9_the_same_command_finishes_and_computes_only_what_was_not_finished(tmp_path: Path) -> None:
    write_images(tmp_path / "in", 40)
    (tmp_path / "pipeline.toml").write_text('path = ["tests.toys:Slow", "tests.toys:Pick"]\n')
    command = [sys.executable, "-m", "streams.cli", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    command += ["--pipeline", str(tmp_path / "pipeline.toml"), "--json"]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while finished_images(tmp_path / "out") < 10:
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait()
    finished = finished_images(tmp_path / "out")
    assert finished < 40
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert second.returncode == 0, second.stderr
    summary = json.loads(second.stdout.splitlines()[-1])
    assert (summary["selected"], summary["computed"]) == (40, 40 - finished)
    identities = [event.acquisition.acquisition_id for event in events_of(tmp_path / "out")]
    assert len(identities) == len(set(identities)) == 40


def finished_images(out: Path) -> int:
    """Images that the last stage has settled."""
    path = out / ".semstream" / "ledger.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'settlement'").fetchone():
            return 0
        return int(connection.execute("SELECT count(*) FROM settlement WHERE stage = 'pick'").fetchone()[0])
