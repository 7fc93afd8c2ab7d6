"""Everything that may go wrong goes wrong mid-stream, on servers of the test's own: no image is lost or doubled.

`make chaos` is the long version.
"""

from pathlib import Path

import pytest

from deploy.local.programs import Programs
from streams.bench.chaos.faults.catalogue import CATALOGUE
from streams.bench.chaos.run import Plan, run_chaos
from streams.bench.chaos.script import Round
from tests.services import STACK, settings

ROUNDS = (
    ("worker killed", "Redis stopped"),
    ("S3 answers 503",),
    ("broker stopped",),
    ("Postgres' clients ended, then itself",),
    ("all workers killed",),
    ("S3 truncates bodies", "publisher killed"),
    ("Postgres cut off", "worker's disk full"),
    ("worker asked to end", "clock ten minutes ahead"),
)
HOLD_S = 2.0


def script() -> list[Round]:
    faults = {fault.name: fault for fault in CATALOGUE}
    return [
        Round(tuple(faults[name] for name in names), after_s=0.5, hold_s=HOLD_S, dice=number)
        for number, names in enumerate(ROUNDS)
    ]


@pytest.mark.timeout(600)  # of which a quiet machine needs a hundred
def test_whatever_goes_wrong_every_acquisition_is_selected_once(tmp_path: Path) -> None:
    settings()  # who has not run make up does not want programs fetched by a test
    plan = Plan(1, 150, script(), Programs(STACK.resolve() / "programs"))
    figures = run_chaos(plan, tmp_path, print)
    assert (figures.lost, figures.doubled, figures.dead_letters) == (0, 0, 0)
    assert figures.problems == ()
    assert figures.ends.get("-9", 0) >= 4, "workers and the publisher were killed"
    assert len(figures.rounds) + len(figures.left_out) >= len(ROUNDS)
    print(figures.to_json().decode())
