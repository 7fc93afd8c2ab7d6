"""One run: set up, feed, hurt, heal, wait, judge."""

import math
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.programs import Programs
from streams.bench.chaos.faults.fault import Fault
from streams.bench.chaos.feeder import Feeder, Spool, feeding, spooled
from streams.bench.chaos.figures import ChaosFigures, RoundTimes
from streams.bench.chaos.scene import PIPELINE, PUBLISHER, Scene, set_up
from streams.bench.chaos.script import Round
from streams.bench.chaos.verdict import judge
from streams.bench.chaos.watch import Watch, watching
from streams.pipeline import load_pipeline
from streams.wiring.topics import open_reader

WARM_UP = 5
"""Images before anything goes wrong."""
FIRST_PART = 0.6
"""Share of a round's images that arrive before and while something is wrong; the others arrive when it is healed."""
FIRST_PART_S = 3.0
DRAIN_S = 150.0
START_S = 180.0
CHILDREN_S = 10.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is to be done."""

    seed: int
    images: int
    script: Sequence[Round]
    programs: Programs

    @property
    def per_s(self) -> float:
        """How quickly images arrive: the fault of a round finds them on their way."""
        return FIRST_PART * self.images / len(self.script) / FIRST_PART_S


class Broken(RuntimeError):
    """The run itself did not work, whatever the pipeline did."""


def run_chaos(plan: Plan, folder: Path, say: Say) -> ChaosFigures:
    """Run a script against servers and processes of its own in an empty folder, and count afterwards.

    Raises
    ------
    Broken
        If topics or tables could not be made, or no image came through before anything was done to anything.
    StackError
        If a server could not be started.
    """
    begun = time.monotonic()
    folder.chmod(0o755)  # Postgres runs as another user where we are root
    with set_up(folder, plan.programs) as scene:
        prepare(scene)
        spool = spooled(folder / "spool", plan.images)
        left_out = {fault.name: why for fault in _faults(plan.script) if (why := fault.missing(scene))}
        with _at_work(scene, spool, plan.per_s) as (feeder, watch):
            say(f"servers up after {time.monotonic() - begun:.0f} s")
            warm_up(spool, feeder, watch)
            say(f"first results after {time.monotonic() - begun:.0f} s")
            rounds = [hurt(scene, one, spool, feeder, watch) for one in _said(plan, left_out, feeder, say)]
            feeder.allow(plan.images)
            watch.wait_for(spool.acquisitions, time.monotonic() + 2 * DRAIN_S + plan.images / plan.per_s)
        restarts, ends = scene.supervisor.restarts, dict(scene.supervisor.ends)
        complaints = [*scene.supervisor.complaints, *_rest(scene), *_left_behind(scene)]
        verdict = judge(scene, spool.acquisitions, plan.programs)
    return ChaosFigures(
        seed=plan.seed,
        images=plan.images,
        lost=verdict.lost,
        doubled=verdict.doubled,
        dead_letters=verdict.dead_letters,
        rounds=tuple(rounds),
        restarts=restarts,
        ends={str(code): count for code, count in sorted(ends.items())},
        left_out=left_out,
        problems=(*complaints, *verdict.problems),
        seconds=round(time.monotonic() - begun, 1),
    )


def prepare(scene: Scene) -> None:
    """Make topics and tables."""
    for command in (("topics", "create", "--pipeline", str(PIPELINE)), ("ledger", "migrate")):
        environment = {**os.environ, **scene.environment}
        done = subprocess.run(scene.program(*command), env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise Broken(f"semstream {' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")


@contextmanager
def _at_work(scene: Scene, spool: Spool, per_s: float) -> Iterator[tuple[Feeder, Watch]]:
    """Workers of three kinds of places, a publisher, and who watches the results."""
    last = load_pipeline(PIPELINE).steps()[-1].produces
    with feeding(spool, scene.inbox, per_s=per_s) as feeder, watching(open_reader(scene.settings, last)) as watch:
        scene.add_worker(slot=True, state=scene.worker_disk.folder)
        scene.add_worker(slot=False, own_clock=True)
        scene.add_worker(slot=True)
        scene.add_publisher()
        yield feeder, watch


def warm_up(spool: Spool, feeder: Feeder, watch: Watch) -> None:
    """See the first images through.

    Raises
    ------
    Broken
        If they do not come through, although nothing was done to anything.
    """
    feeder.allow(WARM_UP)
    if not watch.wait_for(spool.acquisitions[:WARM_UP], time.monotonic() + START_S):
        raise Broken(f"no results within {START_S:.0f} s although nothing was wrong: see the logs")


def _said(plan: Plan, left_out: dict[str, str], feeder: Feeder, say: Say) -> Iterator[tuple[Round, int]]:
    """Give each round that this machine can have, and the number of images after it."""
    share = (plan.images - WARM_UP) / len(plan.script)
    begun = time.monotonic()
    for number, one in enumerate(plan.script, 1):
        if any(fault.name in left_out for fault in one.faults):
            say(f"left out: {one.name}")
            continue
        say(f"{time.monotonic() - begun:5.0f} s, {feeder.written} images: {one.name}, {one.hold_s:.1f} s")
        yield one, WARM_UP + math.floor(number * share)


def hurt(scene: Scene, planned: tuple[Round, int], spool: Spool, feeder: Feeder, watch: Watch) -> RoundTimes:
    """Let images arrive, do what the round says, undo it, and wait until every image of the round is through."""
    one, upto = planned
    feeder.allow(feeder.written + math.ceil(FIRST_PART * (upto - feeder.written)))
    time.sleep(one.after_s)
    dice = random.Random(one.dice)  # noqa: S311 - no secret
    injected = time.monotonic()
    heals = [fault.inject(scene, dice) for fault in one.faults]
    hit = time.monotonic()
    time.sleep(one.hold_s)
    feeder.allow(upto)
    for heal in heals:
        heal()
    healed = time.monotonic() if one.hold_s else hit
    due = spool.acquisitions[:upto]
    watch.wait_for(due, healed + DRAIN_S)
    return RoundTimes(
        faults=tuple(fault.name for fault in one.faults),
        held_s=round(healed - injected, 2),
        recovery_s=_since(healed, watch.first_after(healed)),
        drained_s=_since(healed, watch.last_of(due)),
    )


def _since(start: float, end: float) -> float | None:
    return None if math.isinf(end) else round(max(0.0, end - start), 2)


def _rest(scene: Scene) -> list[str]:
    """Ask every process to end; one that has nothing to do any more must end well."""
    units = [*scene.workers(), *scene.supervisor.units(PUBLISHER)]
    for unit in units:
        unit.wait_until_it_listens(START_S)
    codes = {unit.name: scene.supervisor.retire(unit) for unit in units}
    return [f"{name} was asked to end when all was done, and ended with {code}" for name, code in codes.items() if code]


def _left_behind(scene: Scene) -> list[str]:
    """Look for children of the dead, who have had a moment to notice."""
    deadline = time.monotonic() + CHILDREN_S
    while (left := scene.supervisor.left_behind()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return [f"process {process} has outlived its parent" for process in left]


def _faults(script: Sequence[Round]) -> list[Fault]:
    return [fault for one in script for fault in one.faults]
