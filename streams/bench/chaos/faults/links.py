"""The network: slow, reset, silent, cut; and an object store that answers as a sick one does."""

import random
import threading
from collections.abc import Callable
from functools import partial

from streams.bench.chaos.faults.fault import Fault, Heal
from streams.bench.chaos.network import Toxic
from streams.bench.chaos.s3_faults import Answer, Delayed, Request, Reset, Shortened, Truncated
from streams.bench.chaos.s3_faults import Fault as Sickness
from streams.bench.chaos.scene import Scene

SLOW = Toxic("latency", {"latency": 400, "jitter": 300})
RESET = Toxic("reset_peer", {"timeout": 100})
SILENT = Toxic("timeout", {"timeout": 3000})
"""Nothing gets through any more; the connection ends after this many milliseconds."""

LINKS = {"Redis": "redis", "Postgres": "postgres", "S3": "s3"}


def _poison(link: str, toxic: Toxic, scene: Scene, _: random.Random) -> Heal:
    scene.servers.network.poison(link, toxic)
    return partial(scene.servers.network.cure, link, toxic)


def _cut(link: str, scene: Scene, _: random.Random) -> Heal:
    scene.servers.network.cut(link)
    return partial(scene.servers.network.join, link)


def _sicken(kinds: tuple[Sickness, ...], share: float, scene: Scene, dice: random.Random) -> Heal:
    """Let a share of the requests meet one of these."""
    store = scene.servers.s3_faults
    store.policy = _policy(kinds, share, dice.getrandbits(32))

    def heal() -> None:
        store.policy = lambda request: None

    return heal


def _policy(kinds: tuple[Sickness, ...], share: float, seed: int) -> Callable[[Request], Sickness | None]:
    dice, lock = random.Random(seed), threading.Lock()  # noqa: S311 - no secret

    def policy(_: Request) -> Sickness | None:
        with lock:
            return dice.choice(kinds) if dice.random() < share else None

    return policy


HOLD_S = (3.0, 9.0)

FAULTS = (
    *(Fault(f"{name} slow", link, partial(_poison, link, SLOW), HOLD_S) for name, link in LINKS.items()),
    *(Fault(f"{name} resets connections", link, partial(_poison, link, RESET), HOLD_S) for name, link in LINKS.items()),
    *(Fault(f"{name} falls silent", link, partial(_poison, link, SILENT), HOLD_S) for name, link in LINKS.items()),
    *(Fault(f"{name} cut off", link, partial(_cut, link), HOLD_S) for name, link in LINKS.items()),
    Fault("S3 answers 503", "s3", partial(_sicken, (Answer(503, "SlowDown"),), 0.8), HOLD_S),
    Fault("S3 answers 500", "s3", partial(_sicken, (Answer(500), Answer(500, late=True)), 0.8), HOLD_S),
    Fault("S3 truncates bodies", "s3", partial(_sicken, (Truncated(), Shortened()), 0.6), HOLD_S),
    Fault("S3 is late", "s3", partial(_sicken, (Delayed(1.0), Delayed(3.0)), 0.7), HOLD_S),
    Fault("S3 breaks off", "s3", partial(_sicken, (Reset(), Reset(late=True)), 0.6), HOLD_S),
)
