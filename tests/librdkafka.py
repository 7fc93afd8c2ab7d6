"""Stand-ins for librdkafka's clients, whose every answer a test decides."""

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError


class FakeProducer:
    """Notes the calls of a transaction; ``failures`` are raised by the next call of a name."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.calls: list[str] = []
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.failures: list[tuple[str, Exception]] = []
        self.at_poll: Callable[[], None] = lambda: None

    def poll(self, timeout_s: float) -> None:
        self.calls.append("poll")
        self.at_poll()

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*arguments: object, **__: object) -> None:
            self.calls.append(name)
            self.arguments[name] = arguments
            if self.failures and self.failures[0][0] == name:
                raise self.failures.pop(0)[1]

        return call


class FakeConsumer:
    """Hands out whatever it is told to, and remembers its callbacks."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.messages: list[FakeMessage] = []
        self.calls: list[tuple[str, object]] = []
        self.topics: list[str] = []
        self.at_subscribe: Callable[[], None] = lambda: None

    def subscribe(self, topics: Sequence[str], **callbacks: Callable[..., None]) -> None:
        self.topics = list(topics)
        self.callbacks = callbacks
        self.at_subscribe()

    def assignment(self) -> list[object]:
        return []

    def poll(self, timeout_s: float) -> "FakeMessage | None":
        return self.messages.pop(0) if self.messages else None

    def consume(self, count: int, timeout_s: float) -> "list[FakeMessage]":
        found, self.messages = self.messages[:count], self.messages[count:]
        return found

    def consumer_group_metadata(self) -> object:
        self.calls.append(("metadata", None))
        return "metadata"

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda argument=None: self.calls.append((name, argument))


class FakeMessage:
    """A message, or an error in the place of one."""

    def __init__(self, offset: int = 0, error: KafkaError | None = None) -> None:
        self._offset = offset
        self._error = error

    def error(self) -> KafkaError | None:
        return self._error

    def topic(self) -> str:
        return "in"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        return 1, 5

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> list[tuple[str, bytes | None]]:
        return []
