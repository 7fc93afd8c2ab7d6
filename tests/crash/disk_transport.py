"""A transport on disk: what Kafka keeps across the end of a process, in two files, with real transactions."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from streams.transport import Message, Outgoing, Partition, PartitionsFn, Positions

Line = dict[str, str]


class DiskTransport:
    """One partition of one topic.

    ``input.jsonl`` holds the messages; ``committed.json`` the position and every event published with it, replaced
    whole, so both move or neither. ``torn`` publishes first and moves the position later, as a broker without
    transactions would: whoever dies in between is redelivered.
    """

    def __init__(self, folder: Path, *, torn: bool = False) -> None:
        self._input = folder / "input.jsonl"
        self._committed = folder / "committed.json"
        self._torn = torn
        self._next = self.position()
        self.between: Callable[[], None] = lambda: None

    def subscribe(self, topic: str, *, on_assign: PartitionsFn, on_revoke: PartitionsFn, on_lost: PartitionsFn) -> None:
        on_assign([Partition(topic, 0)])

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        lines = self._input.read_text().splitlines()[self._next : self._next + limit]
        messages = [_message(json.loads(line), self._next + n) for n, line in enumerate(lines)]
        self._next += len(messages)
        return messages

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def membership(self) -> None:
        return None

    def lag(self) -> dict[Partition, int]:
        return {}

    def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        events = self.events() + [_line(event) for event in outgoing]
        (position,) = positions.offsets.values()
        if self._torn:
            self._write(self.position(), events)
            self.between()
        self._write(position, events)

    def close(self) -> None:
        pass

    def feed(self, events: Sequence[Outgoing]) -> None:
        with self._input.open("a") as lines:
            lines.writelines(json.dumps(_line(event)) + "\n" for event in events)

    def position(self) -> int:
        return self._state()[0] if self._committed.exists() else 0

    def events(self) -> list[Line]:
        return self._state()[1] if self._committed.exists() else []

    def _state(self) -> tuple[int, list[Line]]:
        state = json.loads(self._committed.read_text())
        return int(state["position"]), list(state["events"])

    def _write(self, position: int, events: list[Line]) -> None:
        part = self._committed.with_suffix(".part")
        part.write_text(json.dumps({"position": position, "events": events}))
        part.replace(self._committed)


def _line(event: Outgoing) -> Line:
    headers = {name: (value or b"").decode() for name, value in event.headers}
    return {"topic": event.topic, "value": base64.b64encode(event.value).decode(), **headers}


def _message(line: Line, offset: int) -> Message:
    headers = [(name, text.encode()) for name, text in line.items() if name not in {"topic", "value"}]
    value = base64.b64decode(line["value"])
    return Message(Partition(line["topic"], 0), offset, 0, b"key", value, headers)
