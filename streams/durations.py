"""Spans of time as people write them: 30d, 12h, 90m, 45s."""

import re
from datetime import timedelta

from streams.errors import UsageError

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
WRITTEN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([dhms])")


def duration(text: str) -> timedelta:
    """Read one; raises `UsageError`.

    >>> duration("1.5h")
    datetime.timedelta(seconds=5400)
    """
    found = WRITTEN.fullmatch(text.strip())
    if not found:
        raise UsageError(f"'{text}' is no duration; write a number and d, h, m or s, as in 30d or 12h")
    return float(found[1]) * UNITS[found[2]]


def written(span: timedelta) -> str:
    """Write one, in the largest unit that gives a whole number.

    >>> written(timedelta(days=2)), written(timedelta(minutes=90))
    ('2d', '90m')
    """
    for unit, size in UNITS.items():
        if span >= size and not span % size:
            return f"{span // size}{unit}"
    return f"{span.total_seconds():g}s"
