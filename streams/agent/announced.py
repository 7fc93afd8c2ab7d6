"""Which events stand in their topic already, although nobody wrote that down."""

from collections.abc import Sequence

from schemas.headers import WIRE_NAMES
from streams.agent.journal import Pending
from streams.topic_log import CLOCK_SKEW, TopicLog


def announced_in(log: TopicLog, events: Sequence[Pending]) -> set[str]:
    """Return the acquisitions of these events that their topics hold; read from when the first of them was made."""
    since = min(pending.event.acquisition.published_at for pending in events) - CLOCK_SKEW
    wanted = {pending.event.acquisition.acquisition_id for pending in events}
    messages = (
        message
        for topic in {pending.topic for pending in events}
        for message in log.read(topic, log.extent(topic, since=since))
    )
    found = {(dict(message.headers).get(WIRE_NAMES["id"]) or b"").decode(errors="replace") for message in messages}
    return wanted & found
