import threading
from dataclasses import dataclass

import pytest

from streams.doctor import Probe
from streams.errors import TransientError
from streams.telemetry.readiness import LOOK_EVERY_S, Readiness


@dataclass
class Member:
    missing: str | None = None

    def why_not_ready(self) -> str | None:
        return self.missing


@dataclass
class Service:
    """Answers, or not, and counts how often it was asked."""

    well: bool = True
    asked: int = 0

    def __call__(self) -> str:
        self.asked += 1
        if not self.well:
            raise TransientError("it does not\nanswer")
        return "it answers"


def test_a_process_is_ready_when_every_crew_is_and_every_service_answers() -> None:
    members = [Member(), Member()]
    readiness = Readiness(members, [Probe("s3", Service())])
    assert readiness.why_not() is None
    members[1].missing = "filter: it has not joined its group yet"
    assert readiness.why_not() == "filter: it has not joined its group yet"


def test_a_service_that_does_not_answer_is_named_in_one_line() -> None:
    assert Readiness([], [Probe("s3", Service(well=False))]).why_not() == "s3: it does not answer"


def test_services_are_asked_now_and_then_however_often_somebody_wants_to_know() -> None:
    now_s, service = [100.0], Service()
    readiness = Readiness([], [Probe("s3", service)], clock=lambda: now_s[0])
    assert [readiness.why_not() for _ in range(5)] == [None] * 5
    assert service.asked == 1
    service.well = False
    now_s[0] += LOOK_EVERY_S
    assert readiness.why_not() == "s3: it does not answer"


def test_nobody_waits_long_for_a_service_that_hangs() -> None:
    released = threading.Event()

    def hangs() -> str:
        released.wait(30)
        return ""

    readiness = Readiness([], [Probe("s3", hangs)], patience_s=0.01)
    assert readiness.why_not() == "its services have not answered within 0 s"
    released.set()


@pytest.mark.parametrize("probes", [[], [Probe("kafka", Service())]])
def test_a_process_without_crews_waits_for_nothing(probes: list[Probe]) -> None:
    assert Readiness([], probes).why_not() is None
