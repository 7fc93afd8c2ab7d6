"""Promotion: what a lane selected becomes what the live lane selected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from schemas.headers import Headers
from schemas.image import event_id_of
from streams.balance import EDGE
from streams.sightings import sighting_of
from streams.topic_log import TopicLog, stamped
from streams.transport import Message, Outgoing, Publisher

AT_ONCE = 500


@dataclass(frozen=True)
class Origin:
    """Whose events are promoted: of a lane, by the last stage of a pipeline."""

    lane: str
    stage: str
    pipeline: str
    topic: str
    """What that stage writes in the lane."""


@dataclass
class Promoted:
    """What a promotion comes to."""

    published: int = 0
    already: int = 0
    """Events that an earlier promotion published."""
    by_others: int = 0
    """Events of the lane that another pipeline selected."""


def promote(
    log: TopicLog,
    publisher: Publisher | None,
    origin: Origin,
    *,
    into: str,
    now: Callable[[], datetime],
    only: Callable[[str], bool] = lambda acquisition_id: True,
) -> Promoted:
    """Publish what was selected in a lane to the topic ``into``, each event once; only count without a publisher.

    ``ce_id`` is derived from acquisition, lane and pipeline. What bears it already is found there and left out, so a
    promotion that was interrupted goes on, and one that was done does nothing. ``only`` tells which acquisitions.
    """
    outcome = Promoted()
    done = _promoted_ids(log, origin, into)
    fresh = _fresh(log, origin, done, outcome, only)
    while some := list(islice(fresh, AT_ONCE)):
        if publisher is not None:
            publisher.publish([_promotion(message, identity, origin, into, now()) for message, identity in some])
        outcome.published += len(some)
    return outcome


def _fresh(
    log: TopicLog, origin: Origin, done: set[str], outcome: Promoted, only: Callable[[str], bool]
) -> Iterator[tuple[Message, str]]:
    seen: set[str] = set()
    for message in log.read(origin.topic, log.extent(origin.topic)):
        sighting = sighting_of(message)
        acquisition = sighting.delivery.acquisition_id if sighting.delivery else ""
        if not acquisition or not only(acquisition):
            continue
        if sighting.event_id != event_id_of(acquisition, origin.stage, origin.lane, origin.pipeline):
            outcome.by_others += 1
            continue
        identity = event_id_of(acquisition, "promoted", origin.lane, origin.pipeline)
        if identity not in seen and identity in done:
            outcome.already += 1
        elif identity not in seen:
            yield message, identity
        seen.add(identity)


def _promoted_ids(log: TopicLog, origin: Origin, into: str) -> set[str]:
    """Return the ids of what was promoted from the lane since its oldest event."""
    stamps = (message.timestamp_ms for message in log.read(origin.topic, log.extent(origin.topic)))
    oldest_ms = min(stamps, default=None)
    if oldest_ms is None:
        return set()
    oldest = datetime.fromtimestamp(oldest_ms / 1000, UTC) - EDGE
    promoted = map(sighting_of, stamped(log, into, since=oldest))
    return {sighting.event_id for sighting in promoted if sighting.source == _source(origin)}


def _source(origin: Origin) -> str:
    return f"/promote/{origin.lane}"


def _promotion(message: Message, identity: str, origin: Origin, into: str, now: datetime) -> Outgoing:
    headers = replace(Headers.from_wire(message.headers), id=identity, source=_source(origin), time=now)
    return Outgoing(into, message.key, message.value or b"", headers.to_wire())
