"""`semstream top` as a person calls it: one table, JSON, exit codes, and an end without noise."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli import outcome_of
from streams.telemetry.serving import served
from tests.streams.telemetry.test_serving import free_port
from tests.streams.top.processes import Process

ROOT = Path(__file__).parents[3]


@pytest.fixture
def port() -> Iterator[int]:
    process, port = Process(), free_port()
    process.answer(5, rejected=1)
    process.fall_behind(3, 90)
    with served(process.telemetry, lambda: None, port=port):
        yield port


def test_one_table_is_printed(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(["top", "--metrics", f"127.0.0.1:{port}", "--once", "--every", "0.2"]) == (0, "")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["live", "filter", "0.00", "3", "1.5", "min", "4", "-", "-", "1", "0", "0"] in lines


def test_one_json_object_is_printed(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(["top", "--metrics", f"127.0.0.1:{port}", "--once", "--json", "--every", "0.2"]) == (0, "")
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["stages"][0]["lag_s"] == 90
    assert found["stages"][0]["dead_letters"] == {"total": 1, "grows": False}
    assert found["processes"][0]["silent"] is None


def test_where_nobody_answers_the_exit_code_is_1_and_each_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = outcome_of(["top", "--metrics", f"127.0.0.1:{free_port()}", "--once", "--every", "0.2"])
    assert (code, said) == (1, "")
    assert "does not answer: connection refused" in capsys.readouterr().out


def test_a_prometheus_that_is_away_is_one_line_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome_of(["top", "--prometheus", f"127.0.0.1:{free_port()}"]) == (1, "")
    (line,) = capsys.readouterr().err.splitlines()
    assert "connection refused; check the address, or ask the processes themselves: --metrics HOST:PORT" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prometheus", "a:1", "--metrics", "b:1"], "two answers to one question"),
        (["--metrics", "ftp://x"], "--metrics ftp://x: write an address such as"),
        (["--prometheus", "host:notaport"], "--prometheus host:notaport: write an address"),
        (["--prometheus", "http://me:secret@host:9090"], "--prometheus: an address with a name or password"),
        (["--over", "soon"], "'soon' is no duration"),
        (["--over", "0s"], "--over 0s: a second at the least"),
        (["--every", "0"], "Invalid value for '--every'"),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], said: str) -> None:
    code, message = outcome_of(["top", *arguments])
    assert (code, said in message) == (2, True), message


def test_ctrl_c_ends_the_live_view_quietly_with_0(port: int) -> None:
    above, below = pty.openpty()
    command = [sys.executable, "-m", "streams.cli", "top", "--metrics", f"127.0.0.1:{port}", "--every", "0.2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
    with subprocess.Popen(command, stdout=below, stderr=subprocess.PIPE, env=environment) as process:
        os.close(below)
        text = ""
        deadline = time.monotonic() + 60
        while text.count("semstream top") < 3:
            assert time.monotonic() < deadline
            text += os.read(above, 65536).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        while True:
            try:
                more = os.read(above, 65536)
            except OSError:  # nobody writes any more
                break
            text += more.decode(errors="replace")
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert (process.wait(60), said) == (0, "")
    os.close(above)
    assert "live filter" in text
    assert text.rstrip().endswith("\x1b[?25h\x1b[?1049l")  # the cursor is back, and what stood there before


def test_where_there_is_no_terminal_one_table_follows_the_other(port: int) -> None:
    command = [sys.executable, "-m", "streams.cli", "top", "--metrics", f"127.0.0.1:{port}", "--every", "0.2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        heads = 0
        while heads < 2:
            line = process.stdout.readline()
            assert line
            heads += line.startswith("semstream top")
        process.terminate()
        process.stdout.read()
        assert process.wait(60) == 0
