"""Questions to Prometheus that panels ask again and again."""

LANE = 'lane=~"$lane"'
STAGE = f'{LANE}, stage=~"$stage"'
INSTRUMENT = f'{LANE}, instrument=~"$instrument"'

RATE = "$__rate_interval"
"""The shortest time that holds enough scrapes for a rate, at the resolution shown."""

RANGE = "$__range"
"""The whole time shown."""


def per_second(counter: str, where: str, by: str, over: str = RATE) -> str:
    """Return how fast counters grow.

    Examples
    --------
    >>> per_second("semstream_images_total", 'lane="live"', "stage", "5m")
    'sum by (stage) (rate(semstream_images_total{lane="live"}[5m]))'
    """
    return f"sum by ({by}) (rate({counter}{_where(where)}[{over}]))"


def grown(counter: str, where: str, by: str, over: str) -> str:
    """Return by how much counters have grown over a time."""
    return f"sum by ({by}) (increase({counter}{_where(where)}[{over}]))"


def counted(counter: str, where: str, by: str, over: str = RANGE) -> str:
    """Return what was counted over a time, by default all that is shown.

    A series that was not there at its beginning has counted from zero since, so all of its count is taken; ``increase``
    alone would miss the count that it begins with.
    """
    series = f"{counter}{_where(where)}"
    older = f"(increase({series}[{over}]) and {series} offset {over})"
    return f"sum by ({by}) ({older} or last_over_time({series}[{over}]))"


def ratio(part: str, whole: str) -> str:
    """Return a share or a mean; where there is nothing to divide by there is no answer."""
    return f"{part} / ({whole} > 0)"


def or_zero(part: str, whole: str) -> str:
    """Return the part, or 0 where there is a whole and nobody has counted any part of it."""
    return f"({part} or 0 * {whole})"


def share(part: str, by: str, whole: str) -> str:
    """Return each series' share of the ``whole`` that has the labels ``by``."""
    return f"{part} / on ({by}) group_left () ({whole} > 0)"


def mean(metric: str, where: str, by: str, over: str = RATE) -> str:
    """Return the mean of what a histogram or summary observed."""
    return ratio(grown(f"{metric}_sum", where, by, over), grown(f"{metric}_count", where, by, over))


def signed_mean(summary: str, where: str, by: str, over: str) -> str:
    """Return the mean of what a summary observed that may be negative.

    Its sum may fall, which ``increase`` takes for a restart; so plain differences, of processes that did not restart.
    """
    steady = f"resets({summary}_count{_where(where)}[{over}]) == 0"
    observed, count = (
        f"sum by ({by}) (delta({summary}_{end}{_where(where)}[{over}]) and {steady})" for end in ("sum", "count")
    )
    return ratio(observed, count)


def quantile(q: float, histogram: str, where: str, by: str = "", over: str = RATE) -> str:
    """Return a quantile of what a histogram observed, between the bounds of its buckets.

    Examples
    --------
    >>> quantile(0.5, "semstream_stage_seconds", "", "stage", "5m")
    'histogram_quantile(0.5, sum by (stage, le) (rate(semstream_stage_seconds_bucket[5m])))'
    """
    labels = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({q:g}, {per_second(f'{histogram}_bucket', where, labels, over)})"


def _where(where: str) -> str:
    return f"{{{where}}}" if where else ""
