"""Two stages that answer on topics in memory, honestly or not, as a test decides."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from streams.balance import Balance, Fault, Scope, Window
from streams.deadletters import Criteria, retries, send
from streams.errors import InvalidImage
from streams.job import Desk, Job, dead_letter, done_event, parse
from streams.pipeline import DEAD_LETTERS, Step, topic
from streams.ports import Settlement, SettlementId, State
from streams.reconcile import conservation, read_from
from streams.transport import Message, Outgoing
from tests.events import NOON, headers_of, image_event
from tests.memory_log import MemoryLog
from tests.toys import Pick, Shade

PIPELINE = "p1"
STAGES = ("shade", "pick")


class Fate(Enum):
    """What a stage does with an image."""

    ANSWERED = auto()
    REJECTED = auto()
    LOST = auto()
    LOST_THOUGH_SETTLED = auto()
    DOUBLED = auto()
    UNSETTLED = auto()
    CONTRADICTED = auto()


FAULTS = {
    Fate.LOST: Fault.LOST,
    Fate.LOST_THOUGH_SETTLED: Fault.LOST,
    Fate.DOUBLED: Fault.DOUBLED,
    Fate.UNSETTLED: Fault.UNSETTLED,
    Fate.CONTRADICTED: Fault.CONTRADICTED,
}


@dataclass
class Flowing:
    """A lane of two stages. ``fates`` are by stage and source name; who has none is answered."""

    log: MemoryLog
    lane: str = "live"
    pipeline: str = PIPELINE
    fates: Mapping[tuple[str, str], Fate] = field(default_factory=dict)
    ledger: dict[SettlementId, Settlement] = field(default_factory=dict)
    injected: Counter[tuple[Fault, str, str]] = field(default_factory=Counter)
    read: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    seeds: dict[str, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = ("images", "shaded", "picked")
        topics = [topic(self.lane, word) for word in words]
        self.steps = [Step(stage, topics[n], topics[n + 1]) for n, stage in enumerate((Shade(), Pick()))]
        self.log.create(*topics, DEAD_LETTERS)

    def settlements(self, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        return {identity: self.ledger[identity] for identity in ids if identity in self.ledger}

    def publish(self, name: str, *, value: bytes | None = None) -> None:
        event = image_event(name=name)
        data = event.to_json() if value is None else value
        self.log.publish([Outgoing(self.steps[0].consumes, name.encode(), data, headers_of(event).to_wire())])

    def work(self, stage: str, *, limit: int | None = None) -> None:
        """Let a stage read up to so many messages of each partition, and answer."""
        step = self.steps[STAGES.index(stage)]
        for number, batch in self._batches(step, limit):
            answers = [answer for message in batch for answer in self._answers(message, step)]
            self.log.transaction(answers)
            self.read[stage][number] = batch[-1].offset + 1

    def retry(self, criteria: Criteria | None = None) -> None:
        for sent in send(self.log, retries(self.log, criteria or Criteria())):
            assert sent.letter

    def committed(self, step: Step) -> Mapping[int, int]:
        return dict(self.read[step.stage.name])

    def seeded(self, step: Step) -> Mapping[int, int]:
        return self.seeds.get(step.stage.name, {})

    def balances(self, window: Window | None = None) -> dict[str, Balance]:
        scope = Scope(self.steps, self.lane, [self.pipeline], window or Window())
        return {found.stage: found for found in conservation(scope, self, read_from(self.log, scope.window), self)}

    def _batches(self, step: Step, limit: int | None) -> Iterator[tuple[int, list[Message]]]:
        for number in range(self.log.partitions):
            known = self.read[step.stage.name].get(number, 0)
            waiting = [m for m in self.log.messages(step.consumes) if m.partition.number == number]
            batch = [message for message in waiting if message.offset >= known][:limit]
            if batch:
                yield number, batch

    def _answers(self, message: Message, step: Step) -> list[Outgoing]:
        desk = Desk(step, self.lane, self.pipeline)
        try:
            job = parse(message, desk, now=NOON)
        except InvalidImage as error:
            return [dead_letter(message, str(error), desk, NOON)]
        name = job.event.acquisition.source_name
        fate = self.fates.get((step.stage.name, name), Fate.ANSWERED)
        if job.headers.attempt > 1 or self.injected[FAULTS.get(fate, Fault.LOST), step.stage.name, name]:
            fate = fate if fate in (Fate.UNSETTLED, Fate.CONTRADICTED) and job.headers.attempt == 1 else Fate.ANSWERED
        elif fate in FAULTS:
            self.injected[FAULTS[fate], step.stage.name, name] += 1
        return self._fated(fate, job, desk)

    def _fated(self, fate: Fate, job: Job, desk: Desk) -> list[Outgoing]:
        rejected = fate in (Fate.REJECTED, Fate.CONTRADICTED)
        judged = replace(job, rejection="too dark") if rejected else job
        settlement = judged.settlement(desk, NOON)
        if fate not in (Fate.LOST, Fate.UNSETTLED):
            settlement = self.ledger.setdefault(settlement.id, settlement)
        if settlement.state is State.REJECTED and fate is not Fate.CONTRADICTED:
            return [dead_letter(job.message, "too dark", desk, NOON, job)]
        event = done_event(job, job.event, desk, NOON)
        copies = {Fate.LOST: 0, Fate.LOST_THOUGH_SETTLED: 0, Fate.DOUBLED: 2}
        return [event] * copies.get(fate, 1)


def findings(balances: Mapping[str, Balance]) -> Counter[tuple[Fault, str]]:
    return Counter((finding.fault, balance.stage) for balance in balances.values() for finding in balance.findings)
