import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.frame import Frame
from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.limits import Limits
from streams.formats.process import ChildProcess
from streams.formats.reading import describe, specimen
from streams.formats.sandbox import Decoder
from streams.formats.writing import stitched
from tests.hostile import blocks
from tests.hostile.blocks import scene, tiff

DATA = tiff(scene())
ROI = Roi(x=8, y=4, width=100, height=70)
ROOT = Path(__file__).parents[3]
PATIENCE_S = 20.0


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


def children(of: int | str = "self") -> set[int]:
    """Process ids of the decoders that a process has started."""
    threads = Path(f"/proc/{of}/task").iterdir()
    pids = {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}
    return {pid for pid in pids if b"streams.formats.child" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def wait_until_gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(pid)


def the_one_started_since(before: set[int]) -> int:
    """The decoder that is starting: it has no name for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while not (started := children() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    (pid,) = started
    return pid


def strike(pid: int, sent: signal.Signals) -> threading.Timer:
    """Send a signal to a decoder that was stopped with a file in hand."""

    def act() -> None:
        os.kill(pid, sent)
        os.kill(pid, signal.SIGCONT)

    timer = threading.Timer(0.2, act)
    timer.start()
    return timer


def test_the_calls_are_those_of_the_reader_and_the_writer(decoder: Decoder) -> None:
    assert decoder.describe(DATA) == describe(DATA)
    frame = decoder.specimen(DATA, 0, ROI)
    np.testing.assert_array_equal(frame.pixels, specimen(DATA, 0, ROI).pixels)
    dim = tiff(blocks.scene(80, 120).astype(np.uint16))
    np.testing.assert_array_equal(decoder.specimen(dim, 0, ROI, 12).pixels, specimen(dim, 0, ROI, 12).pixels)
    assert decoder.stitched(DATA, 0, ROI, frame) == stitched(DATA, 0, ROI, frame)


def test_a_reason_is_the_reader_s(decoder: Decoder) -> None:
    with pytest.raises(InvalidImage, match="a colour image"):
        decoder.describe(tiff(blocks.true_colour(), photometric="rgb"))
    with pytest.raises(InvalidImage, match="empty"):
        decoder.describe(b"")
    with pytest.raises(InvalidImage, match="outside the page"):
        decoder.specimen(DATA, 0, Roi(x=120, y=0, width=9, height=1))
    with pytest.raises(InvalidImage, match="does not fit"):
        decoder.stitched(DATA, 0, ROI, Frame(np.zeros((70, 99), np.float32)))


def test_no_child_runs_before_the_first_file_and_one_serves_many(decoder: Decoder) -> None:
    before = children()
    first = decoder.describe(DATA)
    started = children() - before
    assert len(started) == 1
    assert [decoder.describe(DATA) for _ in range(5)] == [first] * 5
    assert children() - before == started


def test_a_warm_decoder_reads_its_first_file_with_the_child_that_it_began_with(decoder: Decoder) -> None:
    before = children()
    decoder.warm()
    decoder.warm()
    pid = the_one_started_since(before)
    assert decoder.describe(DATA).page_count == 1
    assert children() - before == {pid}


def test_a_warm_decoder_that_is_never_asked_leaves_no_child() -> None:
    before = children()
    with Decoder() as decoder:
        decoder.warm()
        pid = the_one_started_since(before)
    assert not is_running(pid)


def test_another_child_is_started_where_none_gets_idle() -> None:
    before = children()
    with Decoder(children=2) as decoder, ThreadPoolExecutor(2) as threads:
        decoder.describe(DATA)
        (busy,) = children() - before
        os.kill(busy, signal.SIGSTOP)
        calls = [threads.submit(decoder.describe, DATA) for _ in range(2)]
        done, _ = wait(calls, timeout=PATIENCE_S, return_when=FIRST_COMPLETED)
        assert len(done) == 1
        assert len(children() - before) == 2
        os.kill(busy, signal.SIGCONT)
        assert [call.result().page_count for call in calls] == [1, 1]


Harm = Callable[[int, Callable[[int], object]], None]


@pytest.fixture
def harmed(monkeypatch: pytest.MonkeyPatch) -> Harm:
    """Stop the decoder at each of the next files, and do something to it while it has the file in hand."""

    def install(times: int, act: Callable[[int], object]) -> None:
        ask, left = ChildProcess.ask, iter(range(times))

        def asked(child: ChildProcess, *arguments: Any, **options: Any) -> Any:
            if next(left, None) is not None:
                (pid,) = children()
                os.kill(pid, signal.SIGSTOP)
                act(pid)
            return ask(child, *arguments, **options)

        monkeypatch.setattr(ChildProcess, "ask", asked)

    return install


@pytest.mark.parametrize("sent", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_file_whose_decoder_dies_is_read_by_another(decoder: Decoder, harmed: Harm, sent: signal.Signals) -> None:
    decoder.describe(DATA)
    (pid,) = children()
    harmed(1, lambda stopped: strike(stopped, sent))
    assert decoder.describe(DATA).page_count == 1
    assert children().isdisjoint({pid})


@pytest.mark.parametrize("sent", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_file_that_kills_two_decoders_is_refused_and_the_next_is_read(
    decoder: Decoder, harmed: Harm, sent: signal.Signals
) -> None:
    harmed(2, lambda stopped: strike(stopped, sent))
    with pytest.raises(InvalidImage, match=rf"the decoder died \(signal {int(sent)}\b"):
        decoder.describe(DATA)
    assert decoder.describe(DATA).page_count == 1


def test_a_decoder_that_died_idle_costs_no_image(decoder: Decoder) -> None:
    decoder.describe(DATA)
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    assert wait_until_gone(pid)
    assert decoder.describe(DATA).page_count == 1


def test_a_freeze_that_outlasts_the_patience_costs_no_image(harmed: Harm) -> None:
    with Decoder(timeout_s=2) as decoder:
        frozen: list[int] = []
        harmed(1, frozen.append)
        assert decoder.describe(DATA).page_count == 1
        assert wait_until_gone(*frozen)


def test_a_file_that_takes_too_long_twice_is_refused_and_its_decoders_ended(harmed: Harm) -> None:
    with Decoder(timeout_s=2) as decoder:
        stopped: list[int] = []
        harmed(2, stopped.append)
        with pytest.raises(InvalidImage, match=r"longer than the 2 s"):
            decoder.describe(DATA)
        assert len(stopped) == 2
        assert all(wait_until_gone(pid) for pid in stopped)
        assert decoder.describe(DATA).page_count == 1


def test_a_file_that_needs_too_much_memory_is_refused_and_its_decoder_lives() -> None:
    limits = Limits(max_ratio=10**9)
    with Decoder(limits=limits, memory_bytes=200 * 1024**2) as decoder:
        decoder.describe(DATA)
        before = children()
        with pytest.raises(InvalidImage, match="more memory"):
            decoder.describe(blocks.deflate_bomb())
        assert decoder.describe(DATA).page_count == 1
        assert children() == before


def test_ctrl_c_and_a_stop_of_the_service_leave_a_decoder_at_its_work(decoder: Decoder) -> None:
    decoder.describe(DATA)
    (pid,) = children()
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pid, sent)
    assert decoder.describe(DATA).page_count == 1
    assert children() == {pid}
    assert os.getpgid(pid) != os.getpgid(0)


def test_a_decoder_ends_when_its_parent_is_killed() -> None:
    script = (
        "import time; from streams.formats.sandbox import Decoder; from tests.hostile.blocks import scene, tiff\n"
        "decoder = Decoder(); decoder.describe(tiff(scene())); print('ready', flush=True); time.sleep(600)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (pid,) = children(parent.pid)
        parent.kill()
    assert wait_until_gone(pid)


def test_a_decoder_sees_no_credential(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    decoder.describe(DATA)
    (pid,) = children()
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"PYTHONPATH" in environment
    assert b"hush" not in environment


def test_a_decoder_can_open_neither_a_file_nor_a_connection() -> None:
    script = (
        "import socket; from streams.formats.child import confine; confine(10**9)\n"
        "for attempt in (lambda: open('/etc/hostname'), socket.socket, lambda: bytearray(2 * 10**9)):\n"
        "    try: attempt(); print('allowed')\n"
        "    except (OSError, MemoryError) as error: print(type(error).__name__)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, env=environment)
    assert done.stdout.split() == ["OSError", "OSError", "MemoryError"]


def test_a_decoder_carries_none_of_what_stages_compute_with(decoder: Decoder) -> None:
    decoder.describe(DATA)
    (pid,) = children()
    libraries = Path(f"/proc/{pid}/maps").read_text()
    assert "cv2" in libraries
    assert not any(name in libraries for name in ("/torch/", "/confluent_kafka/", "/scipy/", "/pandas/"))


def test_threads_share_children_and_each_gets_its_own_answer() -> None:
    images = [tiff(np.full((64, 64), level, np.uint8)) for level in range(40)]
    roi = Roi(x=0, y=0, width=64, height=64)
    before = children()
    with Decoder(children=2) as decoder, ThreadPoolExecutor(4) as threads:
        frames = list(threads.map(lambda data: decoder.specimen(data, 0, roi), images))
        assert 1 <= len(children() - before) <= 2
    for level, frame in enumerate(frames):
        assert set(np.unique(frame.pixels)) == {np.float32(level / 255)}


def test_a_closed_decoder_has_no_children_and_reads_no_more() -> None:
    before = children()
    decoder = Decoder(children=2)
    decoder.describe(DATA)
    decoder.close()
    decoder.close()
    assert children() == before
    with pytest.raises(RuntimeError, match="closed"):
        decoder.describe(DATA)


def test_a_decoder_that_does_not_start_blames_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    with Decoder() as decoder:
        with monkeypatch.context() as broken:
            broken.setattr(sys, "executable", "/bin/false")
            for _ in range(2):
                with pytest.raises(RuntimeError, match=r"does not start \(exit code 1\)"):
                    decoder.describe(DATA)
        assert decoder.describe(DATA).page_count == 1
