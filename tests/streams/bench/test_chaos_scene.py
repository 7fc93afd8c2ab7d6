"""The parts of a scene: a supervisor, a small disk, an instrument, a watch."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.bench.chaos.disk import small_disk
from streams.bench.chaos.feeder import TWIN_EVERY, feeding, spooled
from streams.bench.chaos.supervisor import Unit, supervising
from streams.bench.chaos.watch import watching
from streams.transport import Message, Partition
from tests.events import image_event

PATIENCE_S = 30.0


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def unit(folder: Path, program: str) -> Unit:
    return Unit("one", (sys.executable, "-c", program), {}, folder / "log")


def lives(folder: Path) -> int:
    log = folder / "log"
    return log.read_text().count("life") if log.exists() else 0


SLEEPER = "import time; print('life', flush=True); time.sleep(60)"


def test_a_unit_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with supervising() as supervisor:
        one = unit(tmp_path, SLEEPER)
        supervisor.add(one)
        wait_until(lambda: lives(tmp_path) == 1)
        one.send(signal.SIGKILL)
        wait_until(lambda: lives(tmp_path) == 2)
        assert (supervisor.restarts, dict(supervisor.ends), supervisor.complaints) == (1, {-signal.SIGKILL: 1}, [])


@pytest.mark.parametrize("code", [2, 3])
def test_a_unit_that_wants_a_person_is_not_started_again(tmp_path: Path, code: int) -> None:
    with supervising() as supervisor:
        supervisor.add(unit(tmp_path, f"import sys; sys.exit({code})"))
        wait_until(lambda: bool(supervisor.complaints))
        assert supervisor.units() == []


def test_nothing_that_was_started_is_left(tmp_path: Path) -> None:
    with supervising() as supervisor:
        one = unit(tmp_path, SLEEPER)
        supervisor.add(one)
        process = one.process
    assert process is not None
    assert process.poll() == -signal.SIGKILL


def test_a_retired_unit_is_asked_to_end_and_stays_so(tmp_path: Path) -> None:
    polite = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('life', flush=True)"
    )
    with supervising() as supervisor:
        one = unit(tmp_path, polite + "; time.sleep(60)")
        supervisor.add(one)
        wait_until(lambda: lives(tmp_path) == 1)
        assert supervisor.retire(one) == 0
        assert supervisor.units() == []


def test_who_still_starts_can_be_waited_for_until_it_would_end_well(tmp_path: Path) -> None:
    slow_to_listen = (
        "import signal, sys, time; print('life', flush=True); time.sleep(1);"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"
    )
    with supervising() as supervisor:
        one = unit(tmp_path, slow_to_listen)
        supervisor.add(one)
        wait_until(lambda: lives(tmp_path) == 1)
        one.wait_until_it_listens(PATIENCE_S)
        assert supervisor.retire(one) == 0


def test_who_never_listens_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with supervising() as supervisor:
        one = unit(tmp_path, SLEEPER)
        supervisor.add(one)
        wait_until(lambda: lives(tmp_path) == 1)
        one.wait_until_it_listens(0.1)
        assert supervisor.retire(one) == -signal.SIGTERM


def test_who_ends_at_once_waits_longer_each_time() -> None:
    one = Unit("one", (), {}, Path())
    waits = []
    for _ in range(5):
        one.started_at = 100.0
        one.rest(100.0)
        waits.append(one.due_at - 100.0)
    assert waits == [1, 2, 4, 5, 5]
    one.rest(111.0)
    assert one.due_at == 112.0


def test_a_full_disk_takes_no_byte_until_it_is_freed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        if not disk.own:
            pytest.skip("mounting is not permitted here")
        disk.fill()
        with pytest.raises(OSError, match="No space"):
            (disk.folder / "more").write_bytes(b"x" * 5000)
        disk.free()
        (disk.folder / "more").write_bytes(b"x" * 5000)
    assert not list((tmp_path / "disk").iterdir())


def test_the_instrument_writes_no_more_than_it_may_and_some_images_twice(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", TWIN_EVERY + 1)
    assert len(set(spool.acquisitions)) == TWIN_EVERY + 1
    assert spool.files[TWIN_EVERY - 1].read_bytes() == spool.files[TWIN_EVERY - 2].read_bytes()
    with feeding(spool, tmp_path / "inbox", per_s=500) as feeder:
        feeder.allow(3)
        wait_until(lambda: feeder.written == 3)
        feeder.allow(1000)
        wait_until(lambda: feeder.written == TWIN_EVERY + 1)
    assert len(list((tmp_path / "inbox").iterdir())) == TWIN_EVERY + 1


class Scripted:
    """A reader that hands out what it was given, one at a poll."""

    def __init__(self, *names: str) -> None:
        self.events = [image_event(name=name) for name in names]
        self._left = list(self.events)

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        if not self._left:
            time.sleep(timeout_s)
            return []
        value = self._left.pop(0).to_json()
        return [Message(Partition("sem.selected", 0), 0, 0, None, value, [])]

    def close(self) -> None:
        return


def test_a_watch_knows_when_each_selection_came_and_which_did_not() -> None:
    reader = Scripted("a.tif", "b.tif", "a.tif")
    first, second, _ = (event.acquisition.acquisition_id for event in reader.events)
    before = time.monotonic()
    with watching(reader) as watch:
        assert watch.wait_for([first, second], before + PATIENCE_S)
        assert before < watch.first_after(before) <= watch.last_of([first, second])
        assert watch.selected == 2
        assert not watch.wait_for([first, "another"], time.monotonic() + 0.1)


def test_a_watch_that_fails_says_so() -> None:
    class Broken(Scripted):
        def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
            raise RuntimeError("no topic")

    with watching(Broken()) as watch, pytest.raises(RuntimeError, match="no topic"):
        watch.wait_for(["one"], time.monotonic() + PATIENCE_S)


def test_a_child_that_outlives_its_parent_is_noticed(tmp_path: Path) -> None:
    leave = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    with supervising() as supervisor:
        one = unit(tmp_path, leave)
        supervisor.add(one)
        wait_until(lambda: (tmp_path / "log").read_text().endswith("\n"))
        child = int((tmp_path / "log").read_text())
        assert supervisor.left_behind() == []
        one.send(signal.SIGKILL)
        wait_until(lambda: supervisor.left_behind() == [child])
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: supervisor.left_behind() == [])
