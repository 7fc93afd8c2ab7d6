import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid

import pytest

from streams.bench.usage import Account, Reading, listeners, reading_of, watching

SPINS = "import time\nprint(flush=True)\nend = time.process_time() + 60\nwhile time.process_time() < end: pass"
WITH_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {SPINS!r}])"
SLEEPS = "import time\nprint(flush=True)\ntime.sleep(60)"


class Looked:
    """Waits until somebody has looked so often."""

    def __init__(self, times: int) -> None:
        self._left = threading.Semaphore(0)
        self._times = times

    def once(self) -> None:
        self._left.release()

    def wait(self) -> None:
        assert all(self._left.acquire(timeout=60) for _ in range(self._times))


@contextmanager
def started(script: str) -> Iterator[int]:
    """Run a script, which prints a line when it is at it."""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            for pid in [*_children(process.pid), process.pid]:
                subprocess.run(["kill", "-9", str(pid)], check=False)


def _children(pid: int) -> list[int]:
    return [*map(int, subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False).stdout.split())]


def test_who_computes_takes_processors_and_who_sleeps_takes_none() -> None:
    looked = Looked(3)
    with started(SPINS) as busy, started(SLEEPS) as idle:
        before = reading_of(busy)
        with watching({"busy": {busy}, "idle": {idle}}, looked.once) as watched:
            looked.wait()
        after = reading_of(busy)
    assert before is not None
    assert after is not None
    assert after.cpu_s > before.cpu_s
    assert watched.groups["busy"].cpu > watched.groups["idle"].cpu == 0
    assert watched.machine.cpu >= watched.groups["busy"].cpu / 2


def test_what_children_take_counts() -> None:
    looked = Looked(3)
    with started(WITH_A_CHILD) as parent, watching({"it": {parent}}, looked.once) as watched:
        looked.wait()
    assert watched.groups["it"].cpu > 0


def test_a_process_that_came_later_has_taken_all_that_it_has() -> None:
    account = Account([], first={1: Reading(5.0, 0, 0)}, last={1: Reading(6.0, 0, 0), 2: Reading(3.0, 2_000_000, 0)})
    usage = account.usage(1.0)
    assert usage.read_mb_per_s == 2.0
    assert usage.cpu == pytest.approx(4 * Account([], last={3: Reading(1.0)}).usage(1.0).cpu, rel=0.01)


def test_what_the_system_does_not_tell_is_not_zero() -> None:
    account = Account([], last={1: Reading(1.0, None, None), 2: Reading(1.0, 5, 5)})
    assert account.usage(1.0).read_mb_per_s is None
    assert Account([]).usage(1.0).written_mb_per_s is None


def test_what_goes_wrong_while_it_looks_is_seen() -> None:
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"), watching({}, fail):
        assert failed.wait(60)


def test_who_listens_at_a_port_is_found() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        assert listeners(port) == set()
        listening.listen()
        assert listeners(port) == {getpid()}
