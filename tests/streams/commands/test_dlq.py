"""``semstream dlq`` as a user meets it, on topics in memory."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.adapters.sql_ledger import SqlLedger
from streams.cli import outcome_of
from streams.errors import TransientError
from streams.pipeline import DEAD_LETTERS
from streams.ports import Settlement, SettlementId, State
from streams.source import LEDGER_FILE
from streams.transport import Outgoing
from streams.wiring.ledger import ledger_of_run
from tests.events import NOON
from tests.hostile.events import CORPUS, ODD, HostileEvent
from tests.memory_log import MemoryLog
from tests.streams.test_deadletters import Scene, large

SETTINGS = """
[kafka]
bootstrap_servers = "127.0.0.1:1"
[s3]
[postgres]
url = "postgresql://nobody@127.0.0.1:1/none"
"""

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def scene() -> Scene:
    return Scene(MemoryLog(partitions=1))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    ledger = SqlLedger.sqlite(tmp_path / LEDGER_FILE)
    yield ledger
    ledger.close()


@pytest.fixture
def call(
    scene: Scene,
    ledger: SqlLedger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Run ``semstream dlq``; return its exit code, what it printed, and its last word."""
    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setattr("streams.commands.dlq.ledger_at_services", lambda _: ledger_of_run(tmp_path))
    monkeypatch.setattr("streams.commands.dlq.open_log", lambda _: scene.log)
    monkeypatch.setattr("streams.commands.dlq.open_publisher", lambda _: scene.log)

    def call(command: str, *arguments: str) -> tuple[int, str, str]:
        code, message = outcome_of(["dlq", command, *arguments, "--settings", str(tmp_path / "settings.toml")])
        return code, capsys.readouterr().out, message

    return call


def test_a_list_shows_the_newest_letters_and_tells_how_many_there_are(scene: Scene, call: Call) -> None:
    for n in range(4):
        scene.fails(name=f"day1/{n}.tif", reason=f"reason {n}")
    code, out, _ = call("list", "--limit", "2")
    assert code == 0
    assert [f"reason {n}" in out for n in range(4)] == [False, False, True, True]
    assert "2 of 4 dead letters" in out
    assert scene.letters()[3].id[:8] in out


def test_a_list_of_nothing_says_so(scene: Scene, call: Call) -> None:
    assert call("list")[1] == "no dead letters\n"
    scene.fails(name="a")
    assert call("list", "--stage", "none")[1] == "no dead letter matches\n"


def test_a_list_as_json_has_everything_but_the_messages(scene: Scene, call: Call) -> None:
    scene.fails()
    listed = json.loads(call("list", "--json", "--stage", "shade", "--since", "2026-01-01")[1])
    assert listed["total"] == 1
    (letter,) = listed["letters"]
    assert (letter["reason"], letter["lane"], letter["original"]) == ("too dark", "live", "sem.images/0/0")


def test_a_list_says_what_became_of_each_letter_since(scene: Scene, ledger: SqlLedger, call: Call) -> None:
    for name in ("mended.tif", "sent.tif", "open.tif"):
        scene.fails(name=name)
    mended, sent, _ = scene.letters()
    identity = SettlementId(mended.content.acquisition_id or "", "shade", "live", "p2", 2)
    ledger.settle([], [Settlement(identity, "i", "v", "mended.tif", State.DONE, NOON)])
    call("retry", sent.id)
    scene.fails(name="open.tif")
    lines = call("list")[1].splitlines()
    assert [" ".join(line.split()[5:-2]) for line in lines[1:4]] == [
        "1 mended mended.tif",
        "1 sent again sent.tif",
        "1 open, told 2 times open.tif",
    ]
    assert lines[-1].startswith("3 of 3 dead letters")
    rows = json.loads(call("list", "--json")[1])["letters"]
    assert [(row["since"], row["told"], row["retried"]) for row in rows] == [
        ("mended", 1, "attempt 2 done at 2026-01-02 12:00:00 UTC"),
        ("sent again", 1, "sem.images/0/3"),
        ("open", 2, None),
    ]


def test_letters_are_listed_although_the_ledger_is_away(
    scene: Scene, call: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_: object) -> None:
        raise TransientError("Postgres does not answer")

    monkeypatch.setattr("streams.commands.dlq.ledger_at_services", away)
    scene.fails()
    scene.retry()
    code, out, _ = call("list")
    assert (code, "sent again" in out) == (0, True)


def test_one_letter_is_shown_with_its_message_and_its_retry(scene: Scene, call: Call) -> None:
    scene.fails()
    beginning = scene.letters()[0].id[:8]
    _, out, _ = call("show", beginning)
    for part in (
        "too dark",
        "sem.images/0/0, key key",
        "ce_type: sem.image.v1",
        '"source_name": "a.tif"',
        "retried      no",
    ):
        assert part in out
    scene.retry()
    assert "retried      sent again: sem.images/0/1" in call("show", beginning)[1]
    shown = json.loads(call("show", beginning, "--json")[1])
    assert (shown["retried"], shown["message"]["topic"]) == ("sem.images/0/1", "sem.images")


def test_a_letter_is_asked_for_by_a_beginning_that_no_other_has(scene: Scene, call: Call) -> None:
    assert call("show", "abc")[2] == "there is no dead letter abc; semstream dlq list shows them"
    scene.fails()
    scene.fails(name="b.tif")
    assert call("show", "")[2] == "2 dead letters begin with : give more of the id"
    assert call("show", scene.letters()[0].id)[0] == 0


@pytest.mark.parametrize("hostile", [*CORPUS, *ODD], ids=lambda hostile: hostile.name)
def test_no_letter_can_spoil_the_terminal(scene: Scene, call: Call, hostile: HostileEvent) -> None:
    bad = hostile.build()
    scene.fails(Outgoing("sem.images", bad.key, bad.value or b"", bad.headers), reason="\x1b[2J\nodd")
    for arguments in (("list",), ("show", scene.letters()[0].id)):
        code, out, _ = call(*arguments)
        assert code == 0
        assert all(char.isprintable() or char == "\n" for char in out)


def test_a_retry_sends_what_is_named_and_a_dry_run_nothing(scene: Scene, call: Call) -> None:
    scene.fails(reason="too dark")
    scene.fails(name="b.tif", reason="no frame")
    assert call("retry", "--reason", "dark", "--dry-run")[1] == "1 would be sent again, 0 refused\n"
    assert len(scene.log.messages("sem.images")) == 2
    assert call("retry", "--reason", "dark")[:2] == (0, "1 sent again, 0 refused\n")
    assert len(scene.log.messages("sem.images")) == 3
    code, out, _ = call("retry", "--all", "--json")
    told = json.loads(out)
    assert (code, len(told["sent"]), len(told["already"]), told["refused"]) == (0, 1, 1, {})
    assert call("retry", "--all")[:2] == (0, "0 sent again, 0 refused, 2 retried already\n")
    known = scene.letters()[0].id
    assert call("retry", known)[1].splitlines()[0] == (
        f"{known}: retried already (sent again: sem.images/0/2); --again sends it once more"
    )


def test_a_retry_of_what_is_not_there_is_told(scene: Scene, call: Call) -> None:
    scene.fails()
    known = scene.letters()[0].id
    code, out, _ = call("retry", known, "f00d")
    assert (code, out) == (1, "f00d: there is no such letter\n1 sent again, 1 refused\n")


def test_a_retry_of_everything_must_be_meant(call: Call) -> None:
    code, _, message = call("retry")
    assert (code, "--all" in message) == (2, True)


def test_a_letter_that_refers_to_its_message_shows_where_it_stands(scene: Scene, call: Call) -> None:
    scene.fails(large())
    out = call("show", scene.letters()[0].id)[1]
    assert f"its value, {len(large().value)} bytes with sha256" in out


def test_a_purge_deletes_what_is_old_when_it_is_meant(scene: Scene, call: Call) -> None:
    scene.fails()
    code, _, message = call("purge", "--before", "2026-01-03")
    assert (code, message) == (2, "nobody is here to be asked: add --yes")
    assert call("purge", "--before", "2026-01-01", "--yes")[1] == "0 dead letters deleted\n"
    assert call("purge", "--before", "2026-01-03", "--yes", "--json")[1] == '{"deleted":1}\n'
    assert scene.letters() == []
    assert scene.log.firsts == {(DEAD_LETTERS, 0): 1}


def test_a_purge_may_name_an_offset(scene: Scene, call: Call) -> None:
    for name in "abc":
        scene.fails(name=name)
    assert call("purge", "--offset", "0:2", "--offset", "7:5", "--yes")[1] == "2 dead letters deleted\n"
    assert [letter.content.source_name for letter in scene.letters()] == ["c"]
    assert call("purge", "--offset", "0:99", "--yes")[1] == "1 dead letters deleted\n"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--before", "1d", "--offset", "0:1"), ("--offset", "1"), ("--offset", "a:b"), ("--offset", "-1:2")],
)
def test_a_purge_must_say_what_is_old(call: Call, arguments: tuple[str, ...]) -> None:
    code, _, message = call("purge", "--yes", *arguments)
    assert (code, "PARTITION:OFFSET" in message) == (2, True)


@pytest.mark.parametrize("arguments", [("list", "--since", "yesterday"), ("purge", "--before", "never", "--yes")])
def test_a_time_that_is_none_is_told(call: Call, arguments: tuple[str, ...]) -> None:
    code, _, message = call(*arguments)
    assert (code, "is no time: write 15m, 2h, 3d" in message) == (2, True)
