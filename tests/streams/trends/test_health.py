from datetime import timedelta

from schemas.headers import Headers
from schemas.health import Change, HealthEvent
from streams.trends.health import health_message
from tests.events import NOON
from tests.streams.trends.instruments import rising, simulated, told_of


def _told() -> list[HealthEvent]:
    return told_of(simulated(500, seed=1, drift=rising(start=300)))


def test_it_is_a_cloud_event_about_the_instrument() -> None:
    event = _told()[0]
    message = health_message(event, "live", NOON)
    headers = Headers.from_wire(message.headers)
    assert (message.topic, message.key) == ("sem.health", b"sem-1")
    assert (headers.type, headers.subject, headers.time) == ("sem.health.v1", "sem-1", NOON)
    assert HealthEvent.from_json(message.value) == event


def test_told_again_it_has_the_same_id_and_no_other_event_has() -> None:
    told = [*_told(), _told()[0].but(change=Change.RETURNED)]

    def ids(lane: str, hours: int) -> list[str]:
        at = NOON + timedelta(hours=hours)
        return [Headers.from_wire(health_message(event, lane, at).headers).id for event in told]

    assert ids("live", 0) == ids("live", 1)
    assert len({*ids("live", 0), *ids("replay", 0)}) == 2 * len(told)
