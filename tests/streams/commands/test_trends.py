"""``semstream trends --relearn`` as a user meets it, on topics in memory."""

from pathlib import Path

import pytest

from streams.cli import outcome_of
from streams.transport import Message, Outgoing, Partition
from streams.trends.desk import TrendsDesk, kept
from streams.trends.observation import Observation, parsed
from streams.trends.watch import InstrumentWatch
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.streams.commands.test_dlq import SETTINGS
from tests.streams.trends.instruments import simulated

DESK = TrendsDesk("live")


class Trends:
    """The topics of the trends, and what their process keeps of three recipes of two instruments."""

    def __init__(self, file: Path) -> None:
        self.log, self.file = MemoryLog(), file
        self.table = dict[bytes, InstrumentWatch]()
        for instrument, recipe in (("sem-1", "fast"), ("sem-1", None), ("sem-10", "fast")):
            for seen in simulated(30, seed=1):
                self.take(seen.but(instrument_id=instrument, recipe=recipe))

    def take(self, seen: Observation) -> None:
        message = Message(Partition(DESK.observations, 0), seen.offset, 0, seen.key, seen.to_json(), ())
        after, _ = DESK.taken(message, self.table.get(seen.key), NOON)
        if after is not None:
            self.table[seen.key] = after
            self.log.publish([Outgoing(DESK.changelog, seen.key, after.to_json(), [])])

    def told(self, *arguments: str) -> tuple[int, str]:
        """Run the command, and let the process take what it published."""
        found = outcome_of(["trends", *arguments, "--settings", str(self.file)])
        for message in self.log.messages(DESK.observations):
            self.take(parsed(message.value or b""))
        return found

    def learning(self) -> set[bytes]:
        """Return whose baselines are empty."""
        return {key for key, watch in self.table.items() if not watch.quantities}


@pytest.fixture
def trends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trends:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    here = Trends(tmp_path / "settings.toml")
    for name in ("open_log", "open_observer"):
        monkeypatch.setattr(f"streams.commands.trends.{name}", lambda _: here.log)
    return here


def test_without_a_recipe_all_of_the_instrument_s_are_learned_anew(
    trends: Trends, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trends.told("--relearn", "sem-1") == (0, "")
    assert trends.learning() == {b"sem-1|", b"sem-1|fast"}
    assert "learned anew from its next images (images without a recipe, recipe fast)" in capsys.readouterr().out
    assert len(trends.table) == 3


def test_with_a_recipe_only_that_one_is(trends: Trends) -> None:
    assert trends.told("--relearn", "sem-1", "--recipe", "fast") == (0, "")
    assert trends.learning() == {b"sem-1|fast"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--relearn", "sem-2"], "sem-2 is not watched in lane live"),
        (
            ["--relearn", "sem-1", "--recipe", "slow"],
            "sem-1 has no recipe 'slow' that is watched; it has",
        ),
        (["--relearn", "SEM 1"], "--relearn 'SEM 1' is no id"),
        (["--recipe", "fast"], "--recipe goes with --relearn"),
    ],
)
def test_what_would_do_nothing_is_said_and_nothing_is_begun(trends: Trends, arguments: list[str], said: str) -> None:
    code, message = trends.told(*arguments)
    assert (code, said in message) == (2, True)
    assert (trends.learning(), len(trends.table)) == (set(), 3)


def test_what_is_kept_last_counts(trends: Trends) -> None:
    latest = trends.log.messages(DESK.changelog)[-1]
    assert kept(latest.value) == trends.table[b"sem-10|fast"]
