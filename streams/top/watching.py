"""Processes that are looked at again and again: from totals that only grow to what they grow by in a second."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from streams.top.look import Answers, Labels
from streams.top.questions import INSTANCE, QUESTIONS, How, Question

Series = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""
SPACES = 60
"""Into so many the time that rates are of is cut, a page kept for each: a look a second at a day would be 86 400."""
COUNTERS = frozenset(question.metric.series for question in QUESTIONS if question.how is How.RATE)


@dataclass(frozen=True)
class Page:
    """The series of a process at a moment, in monotonic seconds."""

    at_s: float
    series: Mapping[Series, float]


@dataclass
class Watched:
    """Pages of one process over the last ``over_s``: the latest, and earlier ones a sixtieth of that apart."""

    instance: str
    over_s: float
    pages: deque[Page] = field(default_factory=deque)

    def add(self, page: Page) -> None:
        """Take a page; one whose counters went back is of another life of the process."""
        if self.pages and any(
            page.series.get(one, 0) < value for one, value in self.pages[-1].series.items() if one[0] in COUNTERS
        ):
            self.pages.clear()
        if len(self.pages) > 1 and self.pages[-1].at_s - self.pages[-2].at_s < self.over_s / SPACES:
            self.pages.pop()
        self.pages.append(page)
        while len(self.pages) > 2 and page.at_s - self.pages[1].at_s >= self.over_s:
            self.pages.popleft()

    def lose(self) -> None:
        """Forget it: it does not answer."""
        self.pages.clear()

    def now(self) -> Mapping[Series, float]:
        """Return the latest numbers."""
        return self.pages[-1].series if self.pages else {}

    def rates(self) -> Mapping[Series, float]:
        """Return by how much each counter grew a second; nothing after a single page."""
        if len(self.pages) < 2:
            return {}
        first, last = self.pages[0], self.pages[-1]
        seconds = last.at_s - first.at_s
        counters = ((one, value) for one, value in last.series.items() if one[0] in COUNTERS)
        return {one: (value - first.series.get(one, 0)) / seconds for one, value in counters}


PUT_TOGETHER: Mapping[How, Callable[[Iterable[float]], float]] = {
    How.RATE: sum,
    How.SUM: sum,
    How.MAX: max,
    How.MIN: min,
}


def answers_of(watched: Iterable[Watched]) -> Answers:
    """Answer every question from processes that were looked at."""
    seen = [(one.instance, one.now(), one.rates()) for one in watched]
    return {question: _answered(question, seen) for question in QUESTIONS}


def _answered(
    question: Question, seen: Iterable[tuple[str, Mapping[Series, float], Mapping[Series, float]]]
) -> Mapping[Labels, float]:
    found: dict[Labels, list[float]] = defaultdict(list)
    for instance, now, rates in seen:
        for labels, value in _of(question.metric.series, rates if question.how is How.RATE else now):
            named = {**labels, INSTANCE: instance}
            found[tuple(named.get(label, "") for label in question.by)].append(value)
    return {labels: PUT_TOGETHER[question.how](values) for labels, values in found.items()}


def _of(name: str, series: Mapping[Series, float]) -> Iterator[tuple[dict[str, str], float]]:
    return ((dict(labels), value) for (found, labels), value in series.items() if found == name)
