"""Machines: disks that fill up, clocks that go wrong."""

import random
from functools import partial

from streams.bench.chaos.clock import INSTALL
from streams.bench.chaos.disk import Disk
from streams.bench.chaos.faults.fault import Fault, Heal
from streams.bench.chaos.scene import Scene

SKEW_S = 600
"""S3 servers refuse what was signed more than fifteen minutes away from their own time."""


def _fill_worker(scene: Scene, _: random.Random) -> Heal:
    return _filled(scene.worker_disk)


def _fill_publisher(scene: Scene, _: random.Random) -> Heal:
    return _filled(scene.publisher_disk)


def _filled(disk: Disk) -> Heal:
    disk.fill()
    return disk.free


def _set_clock(ahead_s: int, scene: Scene, _: random.Random) -> Heal:
    scene.clock.set(ahead_s=ahead_s)
    return partial(scene.clock.set, ahead_s=0)


def _no_disk(scene: Scene) -> str | None:
    return None if scene.worker_disk.own and scene.publisher_disk.own else "mounting a small disk is not permitted"


def _no_clock(scene: Scene) -> str | None:
    return None if scene.clock.library else f"libfaketime is not installed: {INSTALL}"


FAULTS = (
    Fault("worker's disk full", "disk", _fill_worker, (4, 8), _no_disk),
    Fault("publisher's disk full", "publisher", _fill_publisher, (4, 8), _no_disk),
    Fault("clock ten minutes ahead", "clock", partial(_set_clock, SKEW_S), (4, 8), _no_clock),
    Fault("clock ten minutes back", "clock", partial(_set_clock, -SKEW_S), (4, 8), _no_clock),
)
