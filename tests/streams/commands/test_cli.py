"""The command line as a user meets it: exit codes, and one line for what is no bug."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.cli import outcome_of
from tests.folders import TOYS, write_images

ROOT = Path(__file__).parents[3]

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in a folder with ``in/`` (two images) and ``pipeline.toml``; it must print no traceback."""
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "in", 2)
    (tmp_path / "pipeline.toml").write_text(TOYS)

    def call(*arguments: str) -> tuple[int, str]:
        code, message = outcome_of(arguments)
        assert "\n" not in message.strip()
        return code, message

    return call


RUN = ("run", "in", "--out", "out", "--pipeline", "pipeline.toml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run",), "Missing argument"),
        (("run", "in"), "Missing option '--out'"),
        ((*RUN, "--bogus"), "No such option: --bogus"),
        (("fly",), "No such command 'fly'"),
        ((*RUN, "--metrics-port", "abc"), "Invalid value for '--metrics-port'"),
        ((*RUN, "--metrics-port", "70000"), "Invalid value for '--metrics-port'"),
        ((*RUN, "--instrument", "SEM 1"), "--instrument 'SEM 1' is no id"),
        ((*RUN, "--instrument", "a..b"), "--instrument 'a..b' is no id"),
        (("run", "absent", *RUN[2:]), "absent is no folder"),
        (("run", "pipeline.toml", *RUN[2:]), "pipeline.toml is no folder"),
        (("run", "in", "--out", "in"), "the input folder, which is never written to"),
        (("run", "in", "--out", "pipeline.toml"), "cannot write to pipeline.toml/.semstream: Not a directory"),
        ((*RUN[:5], "absent.toml"), "cannot read the pipeline file absent.toml"),
        (("stages", "--pipeline", "absent.toml"), "cannot read the pipeline file absent.toml"),
        (("show", "a.tif", "--out", "nowhere"), "there is no ledger at nowhere/.semstream/ledger.sqlite"),
        (("show", "", "--out", "out"), "name an image"),
        (("show", "x" * 300, "--out", "out"), "cannot read x"),
        (("demo", "--images", "0", "--out", "out"), "Invalid value for '--images'"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, said = call(*arguments)
    assert (code, message in said) == (2, True), said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_ends_with_0_and_one_json_object_as_its_last_line(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*RUN, "--json") == (0, "")
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["images"], summary["selected"], summary["failed"], summary["computed"]) == (2, 2, 0, 2)


def test_a_failed_image_makes_the_exit_code_1(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/zeros.tif").write_bytes(bytes(100))
    Path("in/notes.txt").write_text("Hello")
    assert call(*RUN, "--json") == (1, "")
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["images"], summary["selected"], summary["failed"], summary["skipped"]) == (3, 2, 1, 1)
    assert [failure["path"] for failure in summary["failures"]] == ["zeros.tif"]


def test_an_empty_folder_is_no_failure(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert call("run", "empty", *RUN[2:], "--json") == (0, "")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["images"] == 0


def test_a_ledger_that_is_none_is_told_by_run_and_show(call: Call) -> None:
    Path("out/.semstream").mkdir(parents=True)
    Path("out/.semstream/ledger.sqlite").write_bytes(b"garbage" * 1000)
    for arguments in (RUN, ("show", "a.tif")):
        code, said = call(*arguments)
        assert code == 2
        assert "cannot be used as a ledger" in said


def test_a_full_disk_is_one_line_and_exit_code_1(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("streams.result_files.write_whole", full)
    code, said = call(*RUN)
    assert code == 1
    assert "No space left on device" in said
    assert "what was finished is kept" in said


def test_an_image_is_shown_by_file_by_id_by_the_beginning_of_it_and_by_name(
    call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call(*RUN)
    event = json.loads(Path("out/events.jsonl").read_text().splitlines()[0])
    identity, name = event["image"]["image_id"], event["acquisition"]["source_name"]
    capsys.readouterr()
    stories = set()
    for image in (f"in/{name}", identity, identity[:10], name):
        assert call("show", image, "--out", "out") == (0, "")
        stories.add(capsys.readouterr().out)
    (story,) = stories
    assert identity in story
    for unknown in ("unknown.tif", "%", "f" * 32, os.fsdecode(b"\xff.tif")):
        code, said = call("show", unknown, "--out", "out")
        assert code == 2
        assert "knows no image" in said


def started(arguments: tuple[str, ...], folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "streams.cli", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 100
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_interrupt_ends_a_run_with_130_and_one_line_and_the_next_run_finishes(tmp_path: Path) -> None:
    write_images(tmp_path / "in", 30)
    (tmp_path / "pipeline.toml").write_text('path = ["tests.toys:Slow", "tests.toys:Pick"]\n')
    first = started(RUN, tmp_path)
    wait_for(tmp_path / "out" / "images" / "0000.tif")
    os.killpg(first.pid, signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    assert said.decode().splitlines()[-1].startswith("semstream: interrupted; what was finished is kept")
    assert b"Traceback" not in said
    assert not (tmp_path / "out" / "summary.json").exists()
    second = started((*RUN, "--json"), tmp_path)
    out, _ = second.communicate(timeout=100)
    summary = json.loads(out.splitlines()[-1])
    assert (second.returncode, summary["selected"]) == (0, 30)
    assert summary["computed"] < 30


def test_a_closed_output_is_no_failure(tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m streams.cli stages --help >&-'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_an_interrupt_while_everything_is_imported_is_an_interrupt(tmp_path: Path) -> None:
    slow = tmp_path / "streams" / "application.py"
    slow.parent.mkdir()
    slow.write_text("import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(100)\n")
    script = (
        "import sys, types, streams; streams.__path__.insert(0, 'streams'); from streams.cli import main; "
        "sys.argv = ['semstream', 'stages']; main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    wait_for(tmp_path / "importing")
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.count(b"\n")) == (130, 1)
