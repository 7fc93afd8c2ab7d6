"""A panel: what it asks, what its answer means and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Shape(StrEnum):
    """How a panel shows its series."""

    LINES = "lines over time"
    STACKED = "areas over time, on top of each other"
    BARS = "a bar a series, of the whole time shown"
    NUMBER = "a number a series, as it is now or of the whole time shown"

    @property
    def over_time(self) -> bool:
        """Whether it shows how a value went."""
        return self in {Shape.LINES, Shape.STACKED}


@dataclass(frozen=True)
class Query:
    """A question to Prometheus, and the name of each series of its answer, with labels in double braces."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture of a dashboard.

    ``says`` is what it means, ``do`` what to do about it; ``unit`` is Grafana's id of a unit.
    """

    title: str
    says: str
    do: str
    unit: str
    queries: tuple[Query, ...]
    shape: Shape = Shape.LINES
    width: int = 8
    decimals: int | None = None
    only_where: str | None = None
    """Where it has an answer at all; None where every run gives one."""


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard; ``name`` is its file and part of its address, ``choices`` what may be chosen on it."""

    name: str
    title: str
    about: str
    choices: tuple["Choice", ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels in order."""
        return tuple(panel for row in self.rows for panel in row.panels)


class Choice(StrEnum):
    """What may be chosen at the top of a dashboard; each is a label, and stands in queries as ``$label``."""

    LANE = "lane"
    STAGE = "stage"
    INSTRUMENT = "instrument"

    @property
    def source(self) -> str:
        """A metric whose series show all values."""
        return "semstream_last_image_timestamp_seconds" if self is Choice.INSTRUMENT else "semstream_partitions"
