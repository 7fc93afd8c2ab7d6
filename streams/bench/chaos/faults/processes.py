"""Workers and the publisher: killed, frozen, asked to leave, joined by others."""

import random
import signal
import time
from functools import partial

from streams.bench.chaos.faults.fault import Fault, Heal, nothing
from streams.bench.chaos.scene import PUBLISHER, Scene

SESSION_S = 10.0
"""Of `deploy.local.kafka_properties`: who is silent for longer has lost its partitions."""
START_S = 60.0
JOINING_S = 3.0


def _kill_worker(scene: Scene, dice: random.Random) -> Heal:
    dice.choice(scene.workers()).send(signal.SIGKILL)
    return nothing


def _kill_workers(scene: Scene, _: random.Random) -> Heal:
    for worker in scene.workers():
        worker.send(signal.SIGKILL)
    return nothing


def _freeze_worker(scene: Scene, dice: random.Random) -> Heal:
    worker = dice.choice(scene.workers())
    worker.send(signal.SIGSTOP)
    return partial(worker.send, signal.SIGCONT)


def _ask_worker(scene: Scene, dice: random.Random) -> Heal:
    dice.choice(scene.workers()).send(signal.SIGTERM)
    return nothing


def _add_worker(scene: Scene, _: random.Random) -> Heal:
    """Let one more join; it leaves when it has worked for a while, however long its start took."""
    worker = scene.add_worker(slot=False)

    def leave() -> None:
        deadline = time.monotonic() + START_S
        while not worker.has_said("worker_started") and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(JOINING_S)
        scene.supervisor.retire(worker)

    return leave


def _kill_publisher(scene: Scene, _: random.Random) -> Heal:
    for publisher in scene.supervisor.units(PUBLISHER):
        publisher.send(signal.SIGKILL)
    return nothing


FAULTS = (
    Fault("worker killed", "workers", _kill_worker),
    Fault("all workers killed", "workers", _kill_workers),
    Fault("worker frozen past its session", "workers", _freeze_worker, hold_s=(SESSION_S + 2, SESSION_S + 6)),
    Fault("worker asked to end", "workers", _ask_worker),
    Fault("worker added, then asked to end", "workers", _add_worker, hold_s=(1, 6)),
    Fault("publisher killed", "publisher", _kill_publisher),
)
