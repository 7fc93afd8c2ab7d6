"""Health events as they travel."""

from datetime import datetime
from uuid import uuid5

from schemas.headers import Headers
from schemas.health import HEALTH_EVENT_TYPE, HealthEvent
from schemas.image import NAMESPACE
from streams.pipeline import HEALTH
from streams.transport import Outgoing


def health_message(event: HealthEvent, lane: str, now: datetime) -> Outgoing:
    """Return the message that tells of an instrument; told again after a crash, it has the same id."""
    identity = (event.instrument_id, event.recipe, event.quantity, event.chart, event.change, event.acquisition_id)
    headers = Headers(
        id=str(uuid5(NAMESPACE, "\n".join(["health", lane, *(str(part) for part in identity)]))),
        type=HEALTH_EVENT_TYPE,
        source="/trends",
        subject=event.instrument_id,
        time=now,
    )
    return Outgoing(HEALTH, event.instrument_id.encode(), event.to_json(), headers.to_wire())
