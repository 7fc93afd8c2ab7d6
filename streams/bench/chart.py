"""Charts of figures as PNG, plainly drawn: places across, values upwards from zero."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil, log10
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streams.errors import UsageError

WIDTH, HEIGHT = 720, 460
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 76, 66
"""Pixels around the place where values are drawn."""
COLOURS = ((217, 116, 50), (45, 135, 55), (42, 22, 196), (0, 168, 224), (179, 59, 143), (139, 134, 0), (110, 110, 110))
"""Blue, green, red, as OpenCV has them; used in turns."""
BLACK, GREY, PALE = (30, 30, 30), (110, 110, 110), (226, 226, 226)
STEPS = (1, 2, 2.5, 5, 10)
TICKS = 5
LETTER_PX = 9
"""About the width of a letter."""

Picture = NDArray[np.uint8]
"""``(H, W, 3)``."""
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Chart(ABC):
    """Series of values at the same places; letters are ASCII only, as OpenCV draws no others."""

    title: str
    unit: str
    """Of the values."""
    across: str
    """What the places are."""
    places: Sequence[str]
    series: Mapping[str, Sequence[float]]
    """By name, a value for each place."""

    @abstractmethod
    def draw_values(self, picture: Picture, top: float) -> None:
        """Draw every series, where ``top`` is the value at the upper end."""

    def y(self, value: float, top: float) -> int:
        """Return the height of a value in the picture."""
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top)

    def x(self, place: float) -> int:
        """Return where the middle of a place is; they share the width."""
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / len(self.places))

    def picture(self) -> Picture:
        """Draw it."""
        picture: Picture = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        highest = max((value for values in self.series.values() for value in values), default=0.0)
        step = tick_step(highest)
        ticks = [step * number for number in range(1 + max(1, ceil(highest / step)))]
        self._draw_axes(picture, ticks)
        self.draw_values(picture, ticks[-1])
        self._draw_legend(picture)
        return picture

    def _draw_axes(self, picture: Picture, ticks: Sequence[float]) -> None:
        _write(picture, self.title, (LEFT, 26), BLACK, size=0.6)
        _write(picture, self.unit, (8, TOP - 10), GREY)
        for tick in ticks:
            height = self.y(tick, ticks[-1])
            cv2.line(picture, (LEFT, height), (WIDTH - RIGHT, height), PALE if tick else GREY, 1)
            text = f"{tick:g}"
            _write(picture, text, (LEFT - 8 - LETTER_PX * len(text), height + 5), GREY)
        for number, name in enumerate(self.places):
            _write(picture, name, (self.x(number) - LETTER_PX * len(name) // 2, HEIGHT - BOTTOM + 22), GREY)
        middle = (LEFT + WIDTH - RIGHT - LETTER_PX * len(self.across)) // 2
        _write(picture, self.across, (middle, HEIGHT - 14), GREY)

    def _draw_legend(self, picture: Picture) -> None:
        left = LEFT
        for name, colour in zip(self.series, _colours(), strict=False):
            cv2.rectangle(picture, (left, 42), (left + 12, 54), colour, cv2.FILLED)
            _write(picture, name, (left + 18, 53), BLACK)
            left += 36 + LETTER_PX * len(name)


class Lines(Chart):
    """A line for each series, with a mark at each place."""

    def draw_values(self, picture: Picture, top: float) -> None:
        """Draw lines and marks."""
        for values, colour in zip(self.series.values(), _colours(), strict=False):
            points = [(self.x(number), self.y(value, top)) for number, value in enumerate(values)]
            cv2.polylines(picture, [np.array(points, np.int32)], False, colour, 2, cv2.LINE_AA)
            for point in points:
                cv2.circle(picture, point, 4, colour, cv2.FILLED, cv2.LINE_AA)


class Bars(Chart):
    """A bar for each series beside each other at each place."""

    def draw_values(self, picture: Picture, top: float) -> None:
        """Draw bars."""
        share = 0.8 / max(1, len(self.series))
        for which, (values, colour) in enumerate(zip(self.series.values(), _colours(), strict=False)):
            for number, value in enumerate(values):
                left, right = (self.x(number - 0.4 + share * (which + side)) for side in (0, 1))
                corner = (max(left, right - 2), self.y(0, top))
                cv2.rectangle(picture, (left, self.y(value, top)), corner, colour, cv2.FILLED)


def tick_step(highest: float) -> float:
    """Return a round number of which `TICKS` or fewer reach the highest value.

    >>> tick_step(43), tick_step(0.9), tick_step(0)
    (10.0, 0.2, 1.0)
    """
    if highest <= 0:
        return 1.0
    power = 10.0 ** np.floor(log10(highest / TICKS))
    return next(float(round(step * power, 12)) for step in STEPS if step * power * TICKS >= highest)


def write_charts(path: Path, charts: Sequence[Chart]) -> None:
    """Write charts side by side as a PNG; raises `UsageError` where the file cannot be written."""
    row = np.concatenate([chart.picture() for chart in charts], axis=1)
    if not cv2.imwrite(str(path), row, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise UsageError(f"cannot write {path}: give another folder by --out")


def _colours() -> Iterator[Colour]:
    return cycle(COLOURS)


def _write(picture: Picture, text: str, place: tuple[int, int], colour: Colour, *, size: float = 0.45) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
