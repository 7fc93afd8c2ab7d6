"""A server is started once, found again, and ended for certain; what is in its way is said in one line."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import keeper
from deploy.local.keeper import Keeper, free_port, running
from deploy.local.process import Process
from deploy.local.programs import Programs, StackError
from tests.deploy.pages import FAILS, LAST_WILL, SERVES, STUBBORN, WITH_A_CHILD, Page

Keep = Callable[..., Keeper]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Make keepers of pages in one folder; what still runs at the end is killed."""
    made: list[Keeper] = []

    def _keep(script: str = SERVES, port: int | None = None) -> Keeper:
        page = Page(port or free_port(), script)
        made.append(Keeper(page, tmp_path / "page", tmp_path / "logs" / "page.log", Programs(tmp_path / "programs")))
        return made[-1]

    yield _keep
    for one in made:
        one.kill()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_was_started_answers_and_is_found_again(keep: Keep) -> None:
    first = keep()
    assert first.start()
    assert first.server.answers()
    assert keep().process() == first.process() is not None


def test_who_runs_is_not_started_again(keep: Keep) -> None:
    first = keep()
    first.start()
    process = first.process()
    assert not first.start()
    assert first.process() == process


def test_stopping_leaves_the_data_and_nothing_that_runs(keep: Keep) -> None:
    page = keep()
    page.start()
    assert page.stop()
    assert page.process() is None
    assert not listens(page.server.port)
    assert [entry.name for entry in page.folder.iterdir()] == ["data"]
    assert not page.stop()


def test_who_does_not_want_to_end_is_killed(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "STOP_S", 0.1)
    page = keep(STUBBORN)
    page.start()
    process = page.process()
    assert page.stop()
    assert process is not None
    assert not process.alive()


def test_who_was_frozen_ends_in_good_order(keep: Keep, tmp_path: Path) -> None:
    page = keep(LAST_WILL)
    page.start()
    process = page.process()
    assert process is not None
    process.send(signal.SIGSTOP)
    page.stop()
    assert not process.alive()
    assert (page.folder / "will").exists()


def test_a_kill_takes_the_children_along_and_frees_the_port(keep: Keep) -> None:
    page = keep(WITH_A_CHILD)
    page.start()
    process = page.process()
    assert process is not None
    family = process.family()
    assert len(family) == 2
    page.kill()
    assert not any(member.alive() for member in family)
    assert page.start()


@pytest.mark.parametrize("noted", [f"{os.getpid()} 1\n", "", "nonsense", "2000000000 7\n"])
def test_a_stale_note_of_a_process_is_nobodys(keep: Keep, noted: str) -> None:
    page = keep()
    page.folder.mkdir()
    (page.folder / "pid").write_text(noted)
    assert page.process() is None
    assert not page.stop()
    (page.folder / "pid").write_text(noted)
    assert page.start()


def test_a_port_that_another_process_has_is_named(keep: Keep) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"page needs port {port}, which a process outside this stack has"):
            keep(port=port).start()


def test_who_ends_while_it_starts_has_the_last_word(keep: Keep) -> None:
    page = keep(FAILS)
    with pytest.raises(StackError, match="page ended while it started: the disk is full"):
        page.start()
    assert page.process() is None


def test_who_stays_silent_is_named(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "START_S", 0.1)
    with pytest.raises(StackError, match=r"page runs but does not answer at port \d+"):
        keep("import time; time.sleep(600)").start()


def test_a_copy_of_ones_own_ends_with_its_block(tmp_path: Path) -> None:
    with running(Page(free_port()), tmp_path / "page", Programs(tmp_path)) as page:
        process = page.process()
        assert process is not None
        assert process.memory_bytes() > 1 << 20
    assert not process.alive()


def test_this_very_process_lives() -> None:
    me = Process.of(os.getpid())
    assert me is not None
    assert me.alive()
    assert Process(me.pid, me.started + 1).alive() is False
