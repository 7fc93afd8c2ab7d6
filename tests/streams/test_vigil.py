from collections.abc import Sequence

from streams.balance import Fault, Finding
from streams.errors import TransientError
from streams.telemetry.catalogue import IMBALANCE, RECONCILED
from streams.vigil import Vigil

LOST = Finding(Fault.LOST, "pick", "sem.shaded", 0, 7, "a", 1, "neither settled nor published")


def test_images_that_do_not_add_up_are_told_by_stage_and_fault_until_they_do() -> None:
    vigil = Vigil("live", ["shade", "pick"], now_s=lambda: 1000.0)
    assert vigil.why_not_ready() == "it has not looked yet"
    vigil.look(lambda: [LOST, LOST])
    assert vigil.why_not_ready() is None
    assert vigil.telemetry.total(IMBALANCE, stage="pick", lane="live", fault="lost") == 2
    assert vigil.telemetry.total(IMBALANCE) == 2
    vigil.look(list)
    assert vigil.telemetry.total(IMBALANCE) == 0


def test_what_was_found_grows_old_while_services_do_not_answer() -> None:
    now_s = [1000.0]
    vigil = Vigil("live", ["pick"], now_s=lambda: now_s[0])
    vigil.look(lambda: [LOST])
    now_s[0] = 5000.0

    def away() -> Sequence[Finding]:
        raise TransientError("Postgres does not answer")

    vigil.look(away)
    assert vigil.why_not_ready() == "Postgres does not answer"
    assert vigil.telemetry.total(IMBALANCE, fault="lost") == 1
    assert vigil.telemetry.total(RECONCILED, lane="live") == 1000
