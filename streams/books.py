"""The accounts of one stage: what was asked of it, and what it answered."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from schemas.image import event_id_of
from streams.balance import Balance, Fault, Finding, Scope
from streams.pipeline import Step
from streams.ports import Settlement, SettlementId, State
from streams.sightings import Delivery, Sighting

Place = tuple[int, int]
"""Partition and offset."""
IDS_A_QUERY = 500


class Settlements(Protocol):
    """What is asked of the ledger."""

    def settlements(self, ids: Collection[SettlementId]) -> dict[SettlementId, Settlement]:
        """Return the settlements that exist."""


@dataclass(slots=True)
class Account:
    """What was asked and what was answered of one delivery. ``ours``: some event is of a pipeline that we know."""

    partition: int
    offset: int
    judged: bool
    delivered: int = 0
    """How often before where the group stood when nothing was read yet."""
    ahead: tuple[Place, ...] = ()
    """Where else, which the group may have read meanwhile."""
    events: int = 0
    letters: int = 0
    ours: bool = False

    @property
    def asked(self) -> int:
        """How often it was delivered."""
        return self.delivered + len(self.ahead)

    @property
    def answers(self) -> int:
        """How often it was answered."""
        return self.events + self.letters

    @property
    def lost(self) -> int:
        """Deliveries that the group had read at the beginning and nobody answered."""
        return max(0, self.delivered - self.answers)

    def doubled(self, committed: Mapping[int, int]) -> int:
        """Answers beyond the deliveries that the group has read by now."""
        answered = self.delivered + sum(offset < committed.get(partition, 0) for partition, offset in self.ahead)
        return max(0, self.answers - answered)


class Books:
    """The accounts of one stage: `deliver` everything first, then `answer`, then `balance`."""

    def __init__(
        self,
        step: Step,
        scope: Scope,
        committed: Mapping[int, int],
        seeded: Mapping[int, int],
        letters: Mapping[Place, int],
    ) -> None:
        self.step = step
        self._scope = scope
        self._committed = committed
        self._seeded = seeded
        self._letters = dict(letters)
        self._accounts: dict[Delivery | Place, Account] = {}
        self._balance = Balance(step.stage.name, step.consumes, bool(committed))

    def deliver(self, seen: Sighting) -> None:
        """Note a message of the topic that the stage reads."""
        place = (seen.partition, seen.offset)
        if seen.offset < self._seeded.get(seen.partition, 0):
            return
        key = seen.delivery or place
        account = self._accounts.get(key)
        if account is None:
            judged = self._scope.window.holds(seen.timestamp_ms)
            account = self._accounts[key] = Account(seen.partition, seen.offset, judged)
        if seen.offset < self._committed.get(seen.partition, 0):
            account.delivered += 1
        else:
            account.ahead = (*account.ahead, place)
        account.letters += self._letters.pop(place, 0)

    def answer(self, seen: Sighting) -> None:
        """Note a message of the topic that the stage writes.

        A message that was put there by a retry or promoted is no answer of this stage: it has another mark or source.
        """
        account = self._accounts.get(seen.delivery) if seen.delivery else None
        if account is None or seen.source != f"/{self.step.stage.name}":
            self._balance.elsewhere += 1
            return
        account.events += 1
        account.ours = account.ours or self._is_ours(seen)

    def balance(self, ledger: Settlements | None, committed: Mapping[int, int]) -> Balance:
        """Return the sum and what is wrong with it; ``committed`` is where the group stands now, all answers read."""
        self._balance.elsewhere += sum(self._letters.values())
        judged = ((key, account) for key, account in self._accounts.items() if account.judged)
        while some := dict(islice(judged, IDS_A_QUERY)):
            settled = self._settled(some, ledger) if ledger else {}
            for key, account in some.items():
                doubled = account.doubled(committed)
                self._add(key, account, doubled)
                asked_ledger = ledger is not None
                found = self._findings(key, account, settled.get(key, []), doubled=doubled, asked_ledger=asked_ledger)
                self._balance.findings += found
        return self._balance

    def _is_ours(self, seen: Sighting) -> bool:
        acquisition = seen.delivery.acquisition_id if seen.delivery else ""
        stage = self.step.stage.name
        return any(event_id_of(acquisition, stage, self._scope.lane, p) == seen.event_id for p in self._scope.pipelines)

    def _settled(
        self, accounts: Mapping[Delivery | Place, Account], ledger: Settlements
    ) -> dict[Delivery | Place, list[Settlement]]:
        wanted = {
            key: [self._identity(key, pipeline) for pipeline in self._scope.pipelines]
            for key, account in accounts.items()
            if isinstance(key, Delivery) and (account.events or account.lost)
        }
        found = ledger.settlements({identity for ids in wanted.values() for identity in ids})
        return {key: [found[identity] for identity in ids if identity in found] for key, ids in wanted.items()}

    def _identity(self, key: Delivery, pipeline: str) -> SettlementId:
        return SettlementId(key.acquisition_id, self.step.stage.name, self._scope.lane, pipeline, key.attempt)

    def _add(self, key: Delivery | Place, account: Account, doubled: int) -> None:
        balance = self._balance
        if isinstance(key, Delivery) and key.retry_of:
            balance.retries += 1
        else:
            balance.acquisitions += 1
        balance.repeats += account.asked - 1
        balance.done += account.events
        balance.dead_lettered += account.letters
        balance.lost += account.lost
        balance.doubled += doubled
        balance.in_flight += account.asked - account.answers - account.lost + doubled

    def _findings(
        self,
        key: Delivery | Place,
        account: Account,
        settled: Sequence[Settlement],
        *,
        doubled: int,
        asked_ledger: bool,
    ) -> Iterator[Finding]:
        if account.lost:
            yield self._finding(Fault.LOST, key, account, _how_lost(settled, asked_ledger=asked_ledger))
        if doubled:
            detail = (
                f"{account.events} events and {account.letters} dead letters for {account.answers - doubled} deliveries"
            )
            yield self._finding(Fault.DOUBLED, key, account, detail)
        if account.events and account.ours and asked_ledger and not settled:
            yield self._finding(Fault.UNSETTLED, key, account, "an event was published that the ledger does not know")
        if account.events and not account.letters and settled and all(s.state is State.REJECTED for s in settled):
            detail = f"an event was published; the ledger says rejected: {settled[0].reason}"
            yield self._finding(Fault.CONTRADICTED, key, account, detail)

    def _finding(self, fault: Fault, key: Delivery | Place, account: Account, detail: str) -> Finding:
        acquisition, attempt = (key.acquisition_id, key.attempt) if isinstance(key, Delivery) else (None, 1)
        stage, topic = self.step.stage.name, self.step.consumes
        return Finding(fault, stage, topic, account.partition, account.offset, acquisition, attempt, detail)


def _how_lost(settled: Sequence[Settlement], *, asked_ledger: bool) -> str:
    if settled:
        return f"settled as {settled[0].state} at {settled[0].settled_at.isoformat()}, and nothing was published"
    return "neither settled nor published" if asked_ledger else "nothing was published"
