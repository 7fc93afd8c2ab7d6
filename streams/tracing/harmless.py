"""Whatever goes wrong with a span, the image goes on without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

HINT = "images go on without spans; report this, or set OTEL_TRACES_EXPORTER=none for no traces"
Made = TypeVar("Made")

log = structlog.get_logger()


@dataclass
class Harmless:
    """Stands between a tracer and the work that is traced; a failure is told once, as it will come with every image."""

    told: bool = False

    def __call__(self, act: Callable[[], Made]) -> Made | None:
        """Return what an act makes; None where it fails, of whatever kind: a stage must not stop for its traces."""
        try:
            return act()
        except Exception as error:
            if not self.told:
                self.told = True
                log.warning("span_lost", reason=" ".join(f"{type(error).__name__} {error}".split()), hint=HINT)
            return None
