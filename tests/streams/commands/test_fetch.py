"""``semstream fetch`` as a user meets it, on topics in memory."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.adapters.folder_store import FolderStore
from streams.adapters.sql_ledger import SqlLedger
from streams.cli import outcome_of
from streams.frames import Frames
from streams.result_files import ResultFiles
from streams.wiring.fetching import Shelves
from tests.events import NOON
from tests.streams.commands.test_dlq import SETTINGS
from tests.streams.test_fetch import Site
from tests.streams.test_results import Stitching
from tests.toys import ToyDecoder

PIPELINE = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    yield Site(tmp_path / "results", FolderStore(tmp_path / "objects"), ledger)
    ledger.close()


@pytest.fixture
def call(here: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run ``semstream fetch``; return its exit code, what it printed, and its last word."""

    @contextmanager
    def shelves(_: object, folder: Path) -> Iterator[Shelves]:
        decoder = Stitching()
        files = ResultFiles(folder, here.store, Frames(here.store, ToyDecoder()), decoder)  # type: ignore[arg-type]
        yield Shelves(here.flowing.log, here.ledger, files)

    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    monkeypatch.setattr("streams.commands.fetch.shelves_at_services", shelves)
    monkeypatch.setattr("streams.commands.fetch.utc_now", lambda: NOON)
    files = ["--settings", str(tmp_path / "settings.toml"), "--pipeline", str(tmp_path / "pipeline.toml")]

    def call(*arguments: str) -> tuple[int, str, str]:
        code, message = outcome_of(["fetch", *arguments, "--out", str(here.folder), *files])
        return code, capsys.readouterr().out, message

    return call


def test_what_was_written_is_told_by_its_path(here: Site, call: Call) -> None:
    here.publish("lot/a.tif")
    here.work()
    path = here.folder / "lot" / "a.tif"
    assert call("a.tif")[:2] == (0, f"{path}\n1 written to {here.folder}, 0 not\n")
    assert path.is_file()
    told = json.loads(call("--since", "2026-01-01", "--json")[1])
    assert ([row["path"] for row in told["written"]], told["missing"]) == ([str(path)], [])


def test_what_was_not_is_told_with_its_state_and_ends_with_1(here: Site, call: Call) -> None:
    here.publish("a.tif")
    here.work("shade")
    code, out, _ = call("a.tif", "no\x1bne.tif")
    assert code == 1
    first, second, last = out.splitlines()
    assert first.startswith("a.tif (image ")
    assert "waits for pick" in first
    assert second.startswith("no\\x1bne.tif: neither the ledger nor sem.images knows it")
    assert last == f"0 written to {here.folder}, 2 not"
    assert [row["name"] for row in json.loads(call("a.tif", "--json")[1])["missing"]] == ["a.tif"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say which results"),
        (("a.tif", "--since", "1h"), "images are named, so leave --since and --instrument away"),
        (("--instrument", "SEM 1"), "--instrument 'SEM 1' is no id"),
        (("a.tif", "--lane", "My Lane"), "--lane 'My Lane'"),
        (("",), "name an image"),
    ],
)
def test_a_call_that_means_nothing_is_refused(call: Call, arguments: tuple[str, ...], said: str) -> None:
    code, _, message = call(*arguments)
    assert (code, said in message) == (2, True)
