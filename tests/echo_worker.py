"""A worker without a stage."""

from collections.abc import Callable, Sequence

from streams.job import Desk
from streams.transport import Message, Outgoing, Positions, Transport
from streams.worker import Answer, Worker


class EchoWorker(Worker):
    """Answers a message with itself, after whatever a test wants to happen first."""

    waited_s = 0.0

    def __init__(self, desk: Desk, transport: Transport, respond: Callable[[Sequence[Message]], None]) -> None:
        self.desk = desk
        self._transport = transport
        self._respond = respond

    def answer(self, messages: Sequence[Message]) -> list[Answer]:
        self._respond(messages)
        topic = self.desk.step.produces
        return [Answer(Outgoing(topic, None, (message.value or b"").strip(), ()), {}) for message in messages]

    def publish(self, answers: Sequence[Answer], positions: Positions) -> None:
        self._transport.commit([answer.event for answer in answers], positions)
