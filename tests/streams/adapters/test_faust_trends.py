import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.adapters.faust_trends import FaustTrends, TrendsOptions
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing
from streams.trends.desk import TrendsDesk
from tests.events import NOON


@dataclass(frozen=True)
class BrokenDesk(TrendsDesk):
    """A desk with a bug."""

    def noted(self, message: Message, now: datetime) -> Outgoing | None:
        raise RuntimeError("a bug")


class OneEvent:
    """A stream of Faust's that holds one event."""

    async def events(self) -> AsyncIterator[SimpleNamespace]:
        message = SimpleNamespace(
            topic="sem.scored", partition=0, offset=7, timestamp=1.0, key=b"k", value=b"{}", headers=()
        )
        yield SimpleNamespace(message=message)


def test_a_bug_ends_the_process_before_faust_acknowledges_the_event(tmp_path: Path) -> None:
    ended: list[int] = []
    options = TrendsOptions(["sem.scored"], 1, tmp_path, now=lambda: NOON, show=lambda _: None, end=ended.append)
    trends = FaustTrends(KafkaSettings(bootstrap_servers="127.0.0.1:1"), BrokenDesk("live"), options)
    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(trends._note(OneEvent()))
    assert ended == [1]
