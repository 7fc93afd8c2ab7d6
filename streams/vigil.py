"""Conservation looked at again and again, for Prometheus."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from streams.balance import Fault, Finding
from streams.errors import TransientError
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import IMBALANCE, RECONCILED

log = structlog.get_logger()


class Vigil:
    """What was found last in a lane, in a registry of its own.

    Parameters
    ----------
    lane, stages
        What is looked at.
    now_s
        Seconds since 1970.
    """

    def __init__(self, lane: str, stages: Sequence[str], *, now_s: Callable[[], float] = time.time) -> None:
        self.telemetry = Telemetry()
        self._lane = lane
        self._stages = stages
        self._now_s = now_s
        self._missing: str | None = "it has not looked yet"

    def look(self, findings: Callable[[], Sequence[Finding]]) -> None:
        """Look once; where a service does not answer, what was found before stands and grows old."""
        try:
            found = Counter((finding.stage, finding.fault) for finding in findings())
        except TransientError as error:
            self._missing = str(error)
            log.warning("not_reconciled", lane=self._lane, reason=str(error))
            return
        for stage in self._stages:
            for fault in Fault:
                self.telemetry.set(IMBALANCE, found[stage, fault], stage, self._lane, fault)
        self.telemetry.set(RECONCILED, self._now_s(), self._lane)
        self._missing = None

    def why_not_ready(self) -> str | None:
        """Return why nothing is known; None where the last look went well."""
        return self._missing
