"""Conservation on the real broker: a member's transactions, aborted ones between, and what a reader sees of them."""

from collections.abc import Iterable, Iterator, Mapping

import pytest

from schemas.events import ImageEvent
from streams.adapters.kafka_log import KafkaLog
from streams.balance import Balance, Fault, Scope
from streams.job import Desk, dead_letter, done_event, parse
from streams.pipeline import DEAD_LETTERS, Step
from streams.reconcile import conservation
from streams.transport import Message, Outgoing, Partition
from tests.events import NOON, headers_of, image_event
from tests.kafka_world import PATIENCE_S, World, poll_until, real_kafka
from tests.toys import Shade

IMAGES = 60


@pytest.fixture
def kafka() -> Iterator[World]:
    world = World(real_kafka())
    yield world
    world.close()


class Scene:
    """One stage on topics of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log = KafkaLog(world.kafka, open_s=PATIENCE_S)
        self.step = Step(Shade(), world.topic("images"), world.topic("shaded"))
        self.desk = Desk(self.step, "live", "p1")
        self.letters = world.topic("letters")

    def committed(self, step: Step) -> Mapping[int, int]:
        return self.log.committed(self.world.group(), step.consumes)

    def seeded(self, step: Step) -> Mapping[int, int]:
        return self.world.seeds.seeded(self.world.group(), step.consumes)

    def read(self, topic: str) -> Iterable[Message]:
        found = self.letters if topic == DEAD_LETTERS else topic
        return self.log.read(found, self.log.extent(found))

    def balance(self) -> Balance:
        (found,) = conservation(Scope([self.step], "live", ["p1"]), self, self.read, None)
        return found

    def publish(self, numbers: Iterable[int]) -> None:
        self.world.publisher.publish([image(self.step.consumes, n) for n in numbers])

    def answer(self, message: Message) -> Outgoing:
        job = parse(message, self.desk, now=NOON)
        if int(job.event.acquisition.source_name) % 7 == 0:
            letter = dead_letter(message, "a seventh", self.desk, NOON, job)
            return Outgoing(self.letters, letter.key, letter.value, letter.headers)
        return done_event(job, job.event, self.desk, NOON)


def image(topic: str, number: int) -> Outgoing:
    event = image_event(name=str(number))
    return Outgoing(topic, str(number).encode(), event.to_json(), headers_of(event).to_wire())


def number_of(message: Message) -> int:
    return int(ImageEvent.from_json(message.value or b"").acquisition.source_name)


def test_what_was_answered_in_flight_lost_and_doubled_is_told_apart(kafka: World) -> None:
    scene = Scene(kafka)
    scene.publish(range(IMAGES))
    foreign = kafka.producer("foreign")
    member = kafka.join(scene.step.consumes)
    messages = poll_until(lambda got: len(got) >= IMAGES, member)
    lost, doubled = messages[3], next(m for m in messages[10:] if number_of(m) % 7)
    for start in range(0, IMAGES, 10):
        batch = messages[start : start + 10]
        answers = [scene.answer(message) for message in batch if message is not lost]
        foreign.begin_transaction()
        for answer in answers:
            foreign.produce(answer.topic, answer.value, answer.key, headers=list(answer.headers))
        foreign.flush(30)
        foreign.abort_transaction(30)
        member.commit(answers + [scene.answer(m) for m in batch if m is doubled], batch)
    scene.publish(range(IMAGES, IMAGES + 8))
    scene.publish([2, 2])

    found = scene.balance()

    sevenths = sum(number_of(m) % 7 == 0 for m in messages if m is not lost)
    assert (found.acquisitions, found.repeats) == (IMAGES + 8, 2)
    assert (found.dead_lettered, found.done) == (sevenths, IMAGES - sevenths)
    assert (found.in_flight, found.lost, found.doubled) == (10, 1, 1)
    told = {(one.fault, Partition(one.topic, one.partition), one.offset) for one in found.findings}
    assert told == {(Fault.LOST, lost.partition, lost.offset), (Fault.DOUBLED, doubled.partition, doubled.offset)}


def test_a_stage_that_answers_while_it_is_read_is_not_accused(kafka: World) -> None:
    scene = Scene(kafka)
    scene.publish(range(IMAGES))
    member = kafka.join(scene.step.consumes)
    waiting = poll_until(lambda got: len(got) >= IMAGES, member)
    read = scene.read

    def answer_some() -> None:
        batch = [waiting.pop(0) for _ in range(min(6, len(waiting)))]
        if batch:
            member.commit([scene.answer(message) for message in batch], batch)

    def read_meanwhile(topic: str) -> Iterator[Message]:
        answer_some()
        for message in read(topic):
            answer_some()
            yield message

    answer_some()
    (found,) = conservation(Scope([scene.step], "live", ["p1"]), scene, read_meanwhile, None)
    assert found.findings == []
    assert found.done > 6
