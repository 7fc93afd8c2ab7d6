"""Points in time as people write them on a command line."""

from datetime import UTC, datetime

from streams.durations import WRITTEN, duration
from streams.errors import UsageError


def moment(text: str, *, now: datetime) -> datetime:
    """Return the time that is meant: so long ago (``90s``, ``15m``, ``2h``, ``3d``), or an ISO 8601 time.

    A time without a zone is UTC.

    >>> moment("2h", now=datetime(2026, 1, 2, 12, tzinfo=UTC)).isoformat()
    '2026-01-02T10:00:00+00:00'
    >>> moment("2026-01-02", now=datetime.now(UTC)).isoformat()
    '2026-01-02T00:00:00+00:00'

    Raises
    ------
    UsageError
        If it is neither.
    """
    try:
        if WRITTEN.fullmatch(text):
            return now - duration(text)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"'{text}' is no time: write 15m, 2h, 3d or 2026-01-31T12:00") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
