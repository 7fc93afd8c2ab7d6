"""The trends as a Faust application: two agents and a table."""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import faust
import structlog

from streams.adapters.faust_driver import ReadCommittedApp, credentials
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing, Partition
from streams.trends.desk import TABLE, TrendsDesk, kept
from streams.trends.watch import InstrumentWatch

SHOWN_EVERY_S = 5.0
"""How often it is shown what is known of instruments."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")

log = structlog.get_logger()


@dataclass(frozen=True)
class TrendsOptions:
    """What a trends application is told besides where Kafka is."""

    sources: Sequence[str]
    """Topics of scored and selected images."""
    partitions: int
    state: Path
    """A folder that Faust asks for; with tables in memory it stays empty."""
    now: Callable[[], datetime]
    show: Callable[[Sequence[InstrumentWatch]], None]
    end: Callable[[int], None]
    """Ends the process, nothing of what is in hand acknowledged."""


class FaustTrends:
    """One process of the trends.

    The first agent turns events into observations, which go to a topic keyed by instrument and recipe; the second
    keeps the watches in a table, whose changes go to a compacted topic, and tells of their health. What is sent is
    acknowledged before a watch is kept, and both before an offset is: after a crash the same is sent again, with the
    same ids. Faust acknowledges what an agent raised on, so what is no bad record ends the process instead; it also
    commits past what could not be sent, so the first agent's events are held until theirs has arrived.
    """

    def __init__(self, kafka: KafkaSettings, desk: TrendsDesk, options: TrendsOptions) -> None:
        self._desk = desk
        self._options = options
        self.app = _application(kafka, desk.name, options.state)
        self._table: Any = self.app.Table(TABLE, partitions=options.partitions, key_type=bytes, value_type=bytes)
        self._topics: dict[str, Any] = {}
        self._places: dict[bytes, int] = {}
        self.app.agent(self._raw(*options.sources), name="note")(self._note)
        self.app.agent(self._raw(desk.observations), name="watch")(self._watch)
        self.app.timer(SHOWN_EVERY_S)(self._show)

    @property
    def watches(self) -> list[InstrumentWatch]:
        """Return what is known of the instruments that this process watches.

        Of a partition that went to another process, Faust's table drops what it once read from the changelog, but not
        what was set here: that is left out.
        """
        assigned = self.app.assignor.assigned_actives()
        mine = {place.partition for place in assigned if place.topic == self._desk.observations}
        rows = [(key, value) for key, value in list(self._table.items()) if self._places.get(key) in {None, *mine}]
        return [watch for _, value in rows if (watch := kept(value)) is not None]

    def run(self) -> int:
        """Work until SIGTERM or SIGINT; return the exit code."""
        worker = faust.Worker(
            self.app,
            loop=asyncio.new_event_loop(),
            override_logging=False,
            redirect_stdouts=False,
            quiet=True,
            loglevel="WARNING",
        )
        _log_to_structlog()
        try:
            worker.execute_from_commandline()
        except SystemExit as ended:
            return int(ended.code or 0)

    async def _note(self, stream: Any) -> None:  # noqa: ANN401 - Faust's streams have no types
        async for event in stream.events():
            with self._ending(event):
                sent = self._desk.noted(_message(event.message), self._options.now())
                if sent is not None:
                    await self._held(event, sent)

    async def _held(self, event: Any, sent: Outgoing) -> None:  # noqa: ANN401 - Faust's events have no types
        """Send, and count one more who needs the event until the brokers have it: nobody waits, many are on the way."""
        event.message.incref()
        pending = await self._send(sent)
        pending.add_done_callback(partial(self._arrived, event))

    def _arrived(self, event: Any, pending: asyncio.Future[Any]) -> None:  # noqa: ANN401 - as above
        with self._ending(event):
            pending.result()
            event.ack()

    async def _watch(self, stream: Any) -> None:  # noqa: ANN401 - Faust's streams have no types
        async for event in stream.events():
            with self._ending(event):
                await self._taken(_message(event.message))

    async def _taken(self, message: Message) -> None:
        key = message.key or b""
        before = kept(self._table.get(key))
        after, sent = self._desk.taken(message, before, self._options.now())
        for outgoing in sent:
            await (await self._send(outgoing))
        if after is not None and after is not before:
            self._table[key] = after.to_json()
            self._places[key] = message.partition.number

    @contextmanager
    def _ending(self, event: Any) -> Iterator[None]:  # noqa: ANN401 - Faust's events have no types
        """End the process where an agent fails."""
        try:
            yield
        except Exception:
            message = event.message
            log.exception("trends_failed", topic=message.topic, partition=message.partition, offset=message.offset)
            self._options.end(1)
            raise

    async def _send(self, sent: Outgoing) -> asyncio.Future[Any]:
        """Return what is done when the brokers have it, or fails where they never will."""
        pending: asyncio.Future[Any] = await self._raw(sent.topic).send(
            key=sent.key, value=sent.value, headers=list(sent.headers)
        )
        return pending

    async def _show(self) -> None:
        self._options.show(self.watches)

    def _raw(self, *names: str) -> Any:  # noqa: ANN401 - Faust's topics have no types
        place = ",".join(names)
        if place not in self._topics:
            self._topics[place] = self.app.topic(
                *names, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
            )
        return self._topics[place]


def _application(kafka: KafkaSettings, name: str, state: Path) -> ReadCommittedApp:
    brokers = [f"kafka://{address}" for address in kafka.bootstrap_servers.split(",")]
    return ReadCommittedApp(
        name,
        broker=brokers,
        broker_credentials=credentials(kafka),
        broker_session_timeout=10.0,
        broker_heartbeat_interval=1.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_linger=0.005,
        store="memory://",
        datadir=state,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )


def _message(message: Any) -> Message:  # noqa: ANN401 - Faust's
    return Message(
        partition=Partition(message.topic, message.partition),
        offset=message.offset,
        timestamp_ms=int(1000 * (message.timestamp or 0)),
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
    )


class _Structlog(logging.Handler):
    """Passes what Faust and aiokafka log on to where everything else is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, "faust_says", logger=record.name, said=COLOUR.sub("", record.getMessage()))


def _log_to_structlog() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Structlog(logging.WARNING)]
    root.setLevel(logging.WARNING)
