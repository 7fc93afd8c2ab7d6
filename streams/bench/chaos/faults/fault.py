"""What a fault is."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from streams.bench.chaos.scene import Scene

Heal = Callable[[], object]


def nothing() -> None:
    """There is nothing to heal: it happened at one moment, and was over."""


def always(_: Scene) -> str | None:
    """It can always be had."""
    return None


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    ``inject`` does it, by dice where there is a choice, and returns what puts it right; it lasts between ``hold_s``
    seconds. ``missing`` says what the machine lacks for it, if anything. Two faults of one ``target`` never happen at
    one time.
    """

    name: str
    target: str
    inject: Callable[[Scene, random.Random], Heal]
    hold_s: tuple[float, float] = (0.0, 0.0)
    missing: Callable[[Scene], str | None] = always
