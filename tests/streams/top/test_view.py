"""How a fleet reads: whole values, 80 columns, and what is wrong said in words."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from streams.top.fleet import Counted, Fleet, Gpu, Process, StageAtWork
from streams.top.view import view
from tests.events import NOON

TIME = {"compute": 0.61, "fetch": 0.12, "back_pressure": 0.09, "commit_wait": 0.08, "settle": 0.06, "idle": 0.04}
STAGE = StageAtWork(
    lane="live",
    stage="filter",
    done_per_s=1234.5,
    rejected_per_s=0.0,
    lag_messages=1_234_567,
    lag_s=7_300.0,
    partitions=128,
    busy=0.96,
    time=TIME,
    parts={"computed": 0.25, "cache": 0.75},
    dead_letters=Counted(12_345, grows=True),
    retries=Counted(99, grows=False),
    rebalances=Counted(17, grows=False),
)
GPUS = (Gpu("0", 0.93, 12 * 2**30, 80 * 2**30),)
PROCESSES = (
    Process("node-2:9464", silent="connection refused"),
    Process("node-1:9464", "0.1.0", "default", "b06f8d4d0000", 1.53, 812 * 2**20, GPUS),
)
FLEET = Fleet(
    NOON,
    "http://prometheus.fab.example:9090",
    (STAGE, replace(STAGE, lane="replay-1a2b3c4d", stage="denoise")),
    PROCESSES,
    {"redis": False},
)


def shown(fleet: Fleet, *, width: int = 80, processes: int | None = None) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(view(fleet, over="1m", processes=processes))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(width: int) -> None:
    text = shown(FLEET, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for number in ("1234", "1.2M", "2.0 h", "128", "96 %", "75 %", "12k", "99", "17", "1.53", "812 MiB"):
        assert number in text, number


def test_time_is_told_with_the_most_of_it_first() -> None:
    told = "compute 61 %, fetch 12 %, back_pressure 9 %, commit_wait 8 %, settle 6 %, idle 4 %"
    assert told in shown(FLEET, width=120)


def test_what_is_wrong_is_said_in_words() -> None:
    text = " ".join(shown(FLEET).split())
    assert "1 process answers, 1 does not; cache redis is away: semstream doctor" in text
    assert "node-2:9464 - - does not answer: connection refused" in text


def test_a_gpu_stands_with_its_process() -> None:
    assert "default b06f8d4d; GPU 0 93 % busy, 12.0 GiB of 80.0 GiB" in " ".join(shown(FLEET).split())


def test_what_is_not_known_is_a_dash() -> None:
    unknown = replace(STAGE, done_per_s=None, lag_s=None, busy=None, time={}, parts={})
    lines = [line.split() for line in shown(replace(FLEET, stages=(unknown,)), width=120).splitlines()]
    assert ["live", "filter", "-", "1.2M", "-", "128", "-", "-", "12k", "99", "17"] in lines
    assert ["live", "filter", "-"] in lines


def test_a_small_terminal_shows_as_many_processes_as_it_has_room_for_and_says_how_many_more() -> None:
    many = tuple(Process(f"node-{number}:9464") for number in range(40))
    text = shown(replace(FLEET, processes=many), processes=5)
    assert text.count(":9464") == 5
    assert "and 35 more that answer: --once shows all" in text


@pytest.mark.parametrize("foreign", ["[fd00::1]:9464", "[/v2]", "[bold]x[/bold]", ":warning:"])
def test_what_others_wrote_stands_as_it_is(foreign: str) -> None:
    stage = replace(STAGE, lane=foreign, stage=foreign, time={foreign: 0.5})
    process = replace(PROCESSES[1], instance=foreign, pipeline=foreign, gpus=(Gpu(foreign, None, 1.0, 2.0),))
    fleet = replace(
        FLEET, stages=(stage,), processes=(process, Process(foreign, silent=foreign)), caches={foreign: False}
    )
    assert shown(fleet, width=300).count(foreign) == 11


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    assert "\x1b" not in shown(replace(FLEET, processes=(Process("a\x1b[2J:9464", silent="\x1b]0;gone\x07"),)))


def test_where_nobody_answers_it_says_what_to_do() -> None:
    silent = tuple(one for one in FLEET.processes if one.silent)
    assert "--metrics-port 9464" in shown(replace(FLEET, processes=silent, stages=()))
    assert "--metrics-port" not in shown(FLEET)
