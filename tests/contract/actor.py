"""A worker that does as it is told, in a process that can be stopped, thawed and killed.

``python -m tests.contract.actor SETTINGS GROUP TOPIC OUT SLOT``: joins, polls until it has a message, says so, and then
obeys lines on stdin: ``open`` begins a transaction and leaves it open, ``commit`` answers what it has.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path

from confluent_kafka import KafkaException

from streams.adapters.kafka_transport import KafkaTransport
from streams.errors import TransientError
from streams.logs import log_to_stderr
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing, Positions

ROOT = Path(__file__).parents[2]


class Actor:
    """The process, as a test sees it."""

    def __init__(self, kafka: KafkaSettings, group: str, topic: str, out: str, slot: str | None) -> None:
        settings = json.dumps(kafka.model_dump(mode="json", exclude_none=True))
        command = [sys.executable, "-m", "tests.contract.actor", settings, group, topic, out, slot or ""]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def says(self) -> str:
        """Return its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def answers(out: str, messages: list[Message]) -> list[Outgoing]:
    """Answer each message with itself."""
    return [Outgoing(out, message.key, message.value or b"", message.headers) for message in messages]


def main(settings: str, group: str, topic: str, out: str, slot: str) -> None:
    log_to_stderr()
    transport = KafkaTransport(KafkaSettings.model_validate_json(settings), group, slot=slot or None)
    transport.subscribe(topic, on_assign=lambda _: None, on_revoke=lambda _: None, on_lost=lambda _: None)
    messages: list[Message] = []
    while not messages:
        messages = transport.poll(limit=1, timeout_s=0.2)
    transport.pause()
    membership = transport.membership()
    orders: list[str] = []
    threading.Thread(target=lambda: orders.append(sys.stdin.readline().strip()), daemon=True).start()
    print("holding", flush=True)
    while not orders:
        transport.poll(limit=1, timeout_s=0.05)
    if orders == ["open"]:
        producer = transport._transactions._producer
        producer.begin_transaction()
        producer.produce(out, b"never committed")
        producer.flush()
        print("open", flush=True)
        threading.Event().wait()
    positions = Positions({message.partition: message.offset + 1 for message in messages}, membership)
    try:
        transport.commit(answers(out, messages), positions)
    except (TransientError, KafkaException) as error:
        print(f"refused {type(error).__name__}", flush=True)
    else:
        print("committed", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
