"""What an agent at an instrument tells of itself while it watches."""

from collections.abc import Callable

from streams.agent.journal import Pending
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import (
    AGENT_FAILED_FILES,
    AGENT_IMAGES,
    AGENT_LAST_IMAGE,
    AGENT_SERVICES_ANSWER,
    AGENT_WAITING_FILES,
)


class AgentMeter:
    """Counts what the agent of one instrument does; ``clock`` gives monotonic seconds."""

    def __init__(self, telemetry: Telemetry, instrument: str, *, clock: Callable[[], float]) -> None:
        self._telemetry = telemetry
        self._instrument = instrument
        self._clock = clock
        self._away: tuple[float, str] | None = None
        for counter in (AGENT_IMAGES, AGENT_FAILED_FILES):
            telemetry.count(counter, instrument, by=0)
        self.waiting(0)
        telemetry.set(AGENT_SERVICES_ANSWER, 1, instrument)

    def published(self, pending: Pending) -> None:
        """Count an image whose event the brokers have: it may be of another feed that this journal holds."""
        instrument = self._telemetry.instruments.bounded(pending.event.image.instrument_id)
        self._telemetry.count(AGENT_IMAGES, instrument)
        self._telemetry.set(AGENT_LAST_IMAGE, pending.event.acquisition.published_at.timestamp(), instrument)

    def failed(self) -> None:
        """Count a file that could not be published."""
        self._telemetry.count(AGENT_FAILED_FILES, self._instrument)

    def waiting(self, files: int) -> None:
        """Tell how many files are not answered yet, as far as the agent has looked."""
        self._telemetry.set(AGENT_WAITING_FILES, files, self._instrument)

    def away(self, reason: str | None) -> None:
        """Tell that the agent waits for a service or for its own disk, and why, or that it does not."""
        if reason is None:
            self._away = None
        elif self._away is None:
            self._away = self._clock(), reason
        self._telemetry.set(AGENT_SERVICES_ANSWER, self._away is None, self._instrument)

    def why_not_ready(self) -> str | None:
        """Return one line that says for what the agent waits; None where it does not."""
        away = self._away
        if away is None:
            return None
        since_s, reason = away
        return f"has waited for {self._clock() - since_s:.0f} s: {' '.join(reason.split())}"
