import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from faust.events import Event
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from structlog.testing import capture_logs

from streams.adapters.faust_trends import FaustTrends, TrendsOptions, _Structlog
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing
from streams.trends.desk import TrendsDesk
from streams.trends.watch import InstrumentWatch
from tests.events import NOON


@dataclass(frozen=True)
class BrokenDesk(TrendsDesk):
    """A desk with a bug."""

    def noted(self, message: Message, now: datetime) -> Outgoing | None:
        raise RuntimeError("a bug")


class OneEvent:
    """A stream that holds one of Faust's own events and lets it go when it is left, and the consumer that is told."""

    def __init__(self) -> None:
        self.acknowledged: list[int] = []
        self.consumer = SimpleNamespace(ack=self._ack)
        self.message = ConsumerMessage("sem.scored", 0, 7, 1.0, 0, [], b"k", b"{}", None)
        self.message.incref()

    def _ack(self, message: ConsumerMessage) -> bool:
        self.acknowledged.append(message.offset)
        return True

    async def events(self) -> AsyncIterator[Event]:
        app: Any = self
        event = Event(app, b"k", b"{}", {}, self.message)
        yield event
        event.ack()


class Brokers:
    """A topic of Faust's whose brokers answer when the test says so."""

    def __init__(self) -> None:
        self.pending: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, **_: object) -> asyncio.Future[None]:
        return self.pending


def _trends(folder: Path, ended: list[int], desk: TrendsDesk) -> FaustTrends:
    options = TrendsOptions(["sem.scored"], 1, folder, now=lambda: NOON, show=lambda _: None, end=ended.append)
    return FaustTrends(KafkaSettings(bootstrap_servers="127.0.0.1:1"), desk, options)


def test_a_bug_ends_the_process_before_faust_acknowledges_the_event(tmp_path: Path) -> None:
    ended: list[int] = []
    trends = _trends(tmp_path, ended, BrokenDesk("live"))
    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(trends._note(OneEvent()))
    assert ended == [1]


@pytest.mark.parametrize("error", [None, RuntimeError("no broker answered for 40 s")])
def test_an_event_is_let_go_when_its_observation_has_arrived_and_never_where_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    ended, event = list[int](), OneEvent()

    async def noted() -> tuple[list[int], list[int]]:
        brokers, trends = Brokers(), _trends(tmp_path, ended, TrendsDesk("live"))
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        monkeypatch.setattr(trends, "_raw", lambda *_: brokers)
        await trends._note(event)
        before = list(event.acknowledged)
        brokers.pending.set_exception(error) if error else brokers.pending.set_result(None)
        await asyncio.sleep(0)
        return before, event.acknowledged

    assert asyncio.run(noted()) == ([], [] if error else [7])
    assert ended == ([1] if error else [])


def test_what_another_process_watches_now_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trends = _trends(tmp_path, [], TrendsDesk("live"))
    watches = [InstrumentWatch(instrument_id=f"sem-{number}") for number in range(3)]
    table = {watch.instrument_id.encode(): watch.to_json() for watch in watches}
    monkeypatch.setattr(trends, "_table", table)
    monkeypatch.setattr(trends, "_places", {b"sem-1": 1, b"sem-2": 2})
    assigned = {TP("sem.trends-observations", 2), TP("sem.scored", 1)}
    monkeypatch.setattr(trends.app.assignor, "assigned_actives", lambda: assigned)
    assert [watch.instrument_id for watch in trends.watches] == ["sem-0", "sem-2"]


def test_what_faust_colours_for_a_terminal_is_plain_in_the_log() -> None:
    said = logging.LogRecord("faust", logging.WARNING, "", 0, "\x1b[1;31mlost\x1b[0m %s", ("a partition",), None)
    with capture_logs() as logs:
        _Structlog(logging.WARNING).emit(said)
    assert [line["said"] for line in logs] == ["lost a partition"]
