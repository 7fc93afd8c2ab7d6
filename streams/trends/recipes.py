"""Which recipes of an instrument are watched: what the trends keep of each, as their changelog has it."""

from streams.topic_log import TopicLog
from streams.trends.desk import TrendsDesk, kept
from streams.trends.observation import key_of
from streams.trends.watch import InstrumentWatch


def watches_of(instrument_id: str, log: TopicLog, desk: TrendsDesk) -> list[InstrumentWatch]:
    """Return the watches of an instrument, one a recipe, by the recipe's name.

    All of the changelog is read, whose older half the brokers compact.

    Raises
    ------
    UsageError
        If the trends of this lane were never started.
    TransientError
        If the brokers do not answer.
    """
    latest = dict[bytes, bytes | None]()
    for message in log.read(desk.changelog, log.extent(desk.changelog)):
        if (message.key or b"").startswith(key_of(instrument_id, None)):
            latest[message.key or b""] = message.value
    found = [
        watch for watch in map(kept, latest.values()) if watch is not None and watch.instrument_id == instrument_id
    ]
    return sorted(found, key=lambda watch: watch.recipe or "")
