"""A fleet as its processes tell of themselves: the page ``/metrics`` of each, again and again."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

from prometheus_client.parser import text_string_to_metric_families

from streams.adapters.http_get import got
from streams.errors import TransientError
from streams.top.look import Look
from streams.top.questions import QUESTIONS
from streams.top.watching import Page, Series, Watched, answers_of

TIMEOUT_S = 2.0
OURS = "semstream_"
WANTED = frozenset(question.metric.series for question in QUESTIONS)


class MetricsPages:
    """Asks processes at their addresses; rates are of the last ``over_s``, from the second look on."""

    looks_for_rates = 2
    told_by = "the processes themselves"

    def __init__(self, urls: Sequence[str], *, over_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._watched = {url: Watched(_named(url), over_s) for url in map(_one_way, urls)}
        self._clock = clock

    def look(self) -> Look:
        """Ask all of them at one time."""
        with ThreadPoolExecutor(min(16, len(self._watched)), "look") as pool:
            reasons = list(pool.map(self._asked, self._watched))
        watched = self._watched.values()
        processes = {one.instance: reason for one, reason in zip(watched, reasons, strict=True)}
        return Look(answers_of(watched), processes)

    def _asked(self, url: str) -> str | None:
        watched = self._watched[url]
        try:
            watched.add(Page(self._clock(), series_in(got(url, timeout_s=TIMEOUT_S).decode(errors="replace"))))
        except TransientError as error:
            watched.lose()
            return str(error)
        return None


def _one_way(url: str) -> str:
    """Write an address as all do that mean the same page: who is named twice is not two processes.

    >>> _one_way("http://Node-1:9464/metrics/")
    'http://node-1:9464/metrics'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), parts.query, ""))


def _named(url: str) -> str:
    """Name a process by its address; several that stand behind one, by their paths as well.

    >>> _named("http://node-1:9464/metrics"), _named("https://gateway/worker-1/metrics")
    ('node-1:9464', 'gateway/worker-1/metrics')
    """
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.netloc}{'' if parts.path == '/metrics' else parts.path}{query}"


def series_in(text: str) -> dict[Series, float]:
    """Read the series of a page that are asked for; raises `TransientError` where it is no process's of ours."""
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise TransientError("it answers, but with no metrics: the page is /metrics") from error
    if not any(family.name.startswith(OURS) for family in families):
        raise TransientError("it answers, but is no process of semstream")
    samples = (sample for family in families for sample in family.samples if sample.name in WANTED)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
