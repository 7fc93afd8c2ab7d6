"""Asking a ledger by the command line: the services' by settings, an embedded run's by its folder."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.adapters.sql_database import Database
from streams.adapters.sql_evictions import SqlEvictions
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_schema import migrate
from streams.adapters.sql_suspects import SqlSuspects
from streams.cli import outcome_of
from streams.ports import OutcomeRow, Settlement, SettlementId, State
from streams.settings import PostgresSettings
from tests.databases import empty_database

Call = Callable[..., tuple[int, str, str]]
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
CANDIDATE = b'{"name":"mean","stage":"filter","method":"m","config_hash":"c1","object":null}'


@pytest.fixture
def server() -> Iterator[PostgresSettings]:
    with empty_database() as found:
        yield found


@pytest.fixture
def call(
    server: PostgresSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run a command in an empty folder with ``settings.toml``; return its exit code, message and output."""
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text(
        f'[kafka]\nbootstrap_servers = "localhost:9"\n[s3]\n[postgres]\nurl = "{server.url}"\n'
    )

    def call(*arguments: str) -> tuple[int, str, str]:
        code, message = outcome_of(arguments)
        assert "\n" not in message.strip()
        return code, message, capsys.readouterr().out

    return call


SETTINGS = ("--settings", "settings.toml")


def answer(
    acquisition: str, stage: str, *, ago: timedelta, reason: str | None = None, chosen: str | None = None
) -> Settlement:
    state = State.DONE if reason is None else State.REJECTED
    identity = SettlementId(acquisition, stage, "live", "p1", 1)
    name = f"lot/{acquisition}.tif"
    return Settlement(identity, f"id-{acquisition}", "v", name, state, NOW - ago, reason=reason, chosen=chosen)


def fill(server: PostgresSettings) -> None:
    """Settle three images: one selected, one failed, one long ago; and one suspect."""
    database = Database.postgres(server, connections=1)
    migrate(database)
    ledger = SqlLedger(database)
    outcomes = [OutcomeRow(f"id-a:v:filter:{n}", CANDIDATE, NOW - 2 * HOUR) for n in range(2)]
    done = [answer("a", "filter", ago=HOUR / 4), answer("a", "selector", ago=HOUR / 6, chosen="mean")]
    failed = [
        answer("b", "filter", ago=HOUR / 3, reason="zeros only"),
        answer("c", "filter", ago=100 * HOUR, reason="NaN"),
    ]
    ledger.settle(outcomes, [*done, *failed])
    SqlEvictions(database).evict(["id-a:v:filter:1"], at=NOW - 90 * HOUR)
    SqlSuspects(database).report([SettlementId("d", "denoise", "live", "p1", 1)], at=NOW, host="node-1")
    ledger.close()


def test_a_server_is_prepared_once_and_checked_at_any_time(call: Call) -> None:
    assert call("ledger", "check", *SETTINGS)[:2] == (2, call("status", *SETTINGS)[1])
    code, message, _ = call("ledger", "check", *SETTINGS)
    assert (code, "has no tables yet: run semstream ledger migrate" in message) == (2, True)
    assert "brought to this version" in call("ledger", "migrate", *SETTINGS)[2]
    assert "of this version already" in call("ledger", "migrate", *SETTINGS)[2]
    code, _, out = call("ledger", "check", *SETTINGS)
    assert (code, "is of this version" in out) == (0, True)


def test_status_sums_up_by_lane_stage_and_method(call: Call, server: PostgresSettings) -> None:
    fill(server)
    code, _, out = call("status", *SETTINGS)
    lines = [line.split() for line in out.splitlines()]
    assert code == 0
    assert "live: 3 images, 1 selected, 1 failed in the last hour" in out
    assert ["1", "x", "mean"] in lines
    (filtered,) = [line for line in lines if line[:2] == ["live", "filter"]]
    assert filtered[2:6] == ["1", "2", "0", "2"]
    standing = json.loads(call("status", *SETTINGS, "--json")[2])
    assert [(s["stage"], s["done"], s["rejected"], s["suspects"]) for s in standing["stages"]] == [
        ("filter", 1, 2, 0),
        ("selector", 1, 0, 0),
        ("denoise", 0, 0, 1),
    ]
    assert standing["lanes"][0]["selected"] == {"mean": 1}


def test_jobs_lists_what_failed_what_is_done_and_what_is_suspected(call: Call, server: PostgresSettings) -> None:
    fill(server)
    failed = call("jobs", *SETTINGS)[2].splitlines()
    assert [line.split("  ")[-1] for line in failed] == ["zeros only", "NaN"]
    assert call("jobs", *SETTINGS, "--since", "1h", "--state", "failed")[2].splitlines() == failed[:1]
    assert call("jobs", *SETTINGS, "--limit", "1")[2].splitlines() == failed[:1]
    done = call("jobs", *SETTINGS, "--state", "done")[2].splitlines()
    assert [line.split("  ")[1:] for line in done] == [
        ["live selector", "lot/a.tif", "id-a", "mean"],
        ["live filter", "lot/a.tif", "id-a", "done"],
    ]
    (suspect,) = call("jobs", *SETTINGS, "--state", "suspect")[2].splitlines()
    assert suspect.endswith("live denoise  acquisition d  1 death")
    assert json.loads(call("jobs", *SETTINGS, "--stage", "filter", "--json")[2])["jobs"][0]["reason"] == "zeros only"
    assert call("jobs", *SETTINGS, "--since", "yesterday")[0] == 2


def test_an_image_is_shown_from_the_services_ledger(call: Call, server: PostgresSettings) -> None:
    fill(server)
    code, _, out = call("show", "a.tif", *SETTINGS)
    assert code == 0
    assert "published as lot/a.tif" in out
    assert out.count("pixels removed") == 1
    code, message, _ = call("show", "unknown.tif", *SETTINGS)
    assert (code, "knows no image 'unknown.tif'" in message) == (2, True)


def test_pruning_says_what_it_would_remove_and_removes_that(call: Call, server: PostgresSettings) -> None:
    fill(server)
    old = (*SETTINGS, "--older-than", "80h")
    assert (
        "would be removed: 1 settlements, 1 evicted outcomes, 0 suspects"
        in call("ledger", "prune", *old, "--dry-run")[2]
    )
    assert "\nremoved: 1 settlements, 1 evicted outcomes, 0 suspects" in "\n" + call("ledger", "prune", *old)[2]
    gone = json.loads(call("ledger", "prune", *old, "--json")[2])
    assert (gone["settlements"], gone["evicted_outcomes"], gone["suspects"]) == (0, 0, 0)
    assert [line.split("  ")[-1] for line in call("jobs", *SETTINGS)[2].splitlines()] == ["zeros only"]


def test_an_embedded_run_is_asked_by_its_folder_or_as_out(call: Call, server: PostgresSettings) -> None:
    fill(server)
    ledger = SqlLedger.sqlite(Path("out/.semstream/ledger.sqlite"))
    ledger.settle([], [answer("e", "filter", ago=HOUR / 2)])
    ledger.close()
    for arguments in ((), ("--out", "out")):
        assert "live: 1 images" in call("status", *arguments)[2]
        assert "lot/e.tif" in call("jobs", "--state", "done", *arguments)[2]
        assert "lot/e.tif" in call("show", "e.tif", *arguments)[2]
        assert "0 settlements" in call("ledger", "prune", "--older-than", "1d", *arguments)[2]
    code, message, _ = call("status", "--out", "out", *SETTINGS)
    assert (code, "either --out" in message) == (2, True)


def test_without_a_run_and_without_settings_nothing_can_be_asked(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMSTREAM_SETTINGS", raising=False)
    code, message, _ = call("status")
    assert (code, "no settings: run make up" in message) == (2, True)
