"""A dashboard with the answers of a run as one SVG, without Grafana: its panels where they are, plainly drawn."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle
from math import floor, isfinite, log10
from xml.sax.saxutils import escape

from grafana_foundation_sdk.models.dashboard import GridPos

from grafana.drawn import drawn
from grafana.panel import Board, Panel, Shape
from tests.grafana.prometheus import Series

COLOURS = ("#3274d9", "#37872d", "#e0a800", "#c4162a", "#8f3bb8", "#00868b", "#fa6400", "#6e6e6e", "#b877d9", "#1f60c4")
CELL_WIDTH, CELL_HEIGHT, GAP = 58, 34, 8
STEPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10)
TICKS = 4

Answer = tuple[str, Series]
Answers = Callable[[Panel], list[Answer]]


@dataclass(frozen=True)
class Box:
    """Where something is drawn, in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def inner(self, *, left: float, top: float, right: float, bottom: float) -> "Box":
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


@dataclass(frozen=True)
class Scale:
    """Times and values as places in a box."""

    box: Box
    begun: float
    ended: float
    low: float
    top: float

    def x(self, when: float) -> float:
        return self.box.x + self.box.width * (when - self.begun) / (self.ended - self.begun)

    def y(self, value: float) -> float:
        return self.box.bottom - self.box.height * (value - self.low) / (self.top - self.low)


def picture(board: Board, answers: Answers, begun: float, ended: float) -> str:
    """Return the SVG of a dashboard."""
    model = drawn(board)
    places = [panel.grid_pos for panel in model.panels or [] if panel.type_val != "row" and panel.grid_pos]
    rows = [panel for panel in model.panels or [] if panel.type_val == "row"]
    body = [line for row in rows if row.grid_pos for line in [_heading(_box(row.grid_pos), row.title or "")]]
    for panel, place in zip(board.panels, places, strict=True):
        body += _panel(_box(place), panel, answers(panel), (begun, ended))
    height = max(_box(place).bottom for place in places) + 2 * GAP
    head = f'<text x="{GAP}" y="26" font-size="20" font-weight="bold" fill="#222">{escape(board.title)}</text>'
    return "\n".join([_open(24 * CELL_WIDTH + GAP, height), head, *body, "</svg>", ""])


def _open(width: float, height: float) -> str:
    look = 'font-family="DejaVu Sans, Arial, sans-serif" font-size="11"'
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} {look}><rect width="100%" height="100%" fill="#eef0f3"/>'


def _box(place: GridPos) -> Box:
    x, y = place.x * CELL_WIDTH + GAP, place.y * CELL_HEIGHT + GAP + 32
    return Box(x, y, place.w * CELL_WIDTH - GAP, place.h * CELL_HEIGHT - GAP)


def _heading(box: Box, title: str) -> str:
    return (
        f'<text x="{box.x:g}" y="{box.y + 18:g}" font-size="14" font-weight="bold" fill="#444">{escape(title)}</text>'
    )


def _panel(box: Box, panel: Panel, answers: Sequence[Answer], times: tuple[float, float]) -> Iterator[str]:
    yield _rect(box, "#fff", 'rx="4" stroke="#d5d9de"')
    yield _text(box.x + 10, box.y + 18, panel.title, size=12, weight="bold")
    shown = sorted(answers, key=lambda answer: answer[0])
    if not shown:
        yield _text(box.x + 10, box.y + 44, "no data here", colour="#999")
    elif panel.shape is Shape.NUMBER:
        yield from _numbers(box, panel, shown)
    elif panel.shape is Shape.BARS:
        yield from _bars(box, panel, shown)
    else:
        yield from _curves(box, panel, shown, times)


def _numbers(box: Box, panel: Panel, answers: Sequence[Answer]) -> Iterator[str]:
    each = (box.width - 20) / len(answers)
    for place, (name, series) in enumerate(answers):
        x = box.x + 10 + place * each
        yield _text(x, box.y + 66, told(series.points[-1][1], panel.unit), size=32, colour="#37872d")
        yield _text(x, box.bottom - 12, name, colour="#666")


def _bars(box: Box, panel: Panel, answers: Sequence[Answer]) -> Iterator[str]:
    most = max(series.points[-1][1] for _, series in answers) or 1.0
    each = min(34.0, (box.height - 40) / len(answers))
    for place, (name, series) in enumerate(answers):
        value, y = series.points[-1][1], box.y + 32 + place * each
        width = (box.width - 260) * value / most
        yield _text(box.x + 10, y + each * 0.6, name)
        yield _rect(Box(box.x + 170, y, width, each * 0.75), COLOURS[1])
        yield _text(box.x + 176 + width, y + each * 0.6, told(value, panel.unit))


def _curves(box: Box, panel: Panel, answers: Sequence[Answer], times: tuple[float, float]) -> Iterator[str]:
    plot = box.inner(left=62, top=30, right=24, bottom=62)
    stacked = panel.shape is Shape.STACKED
    lines = _stacked(answers) if stacked else [_finite(series) for _, series in answers]
    values = [value for line in lines for _, value in line]
    low = -_round_up(-min(values)) if min(values, default=0.0) < -1e-9 else 0.0
    scale = Scale(plot, *times, low, _round_up(max(values, default=1.0)))
    yield from _axes(scale, panel.unit)
    for line, colour in reversed(list(zip(lines, cycle(COLOURS)))):
        yield _area(scale, line, colour) if stacked else _line(scale, line, colour)
    yield from _legend(box, [name for name, _ in answers])


def _finite(series: Series) -> list[tuple[float, float]]:
    return [(when, value) for when, value in series.points if isfinite(value)]


def _stacked(answers: Sequence[Answer]) -> list[list[tuple[float, float]]]:
    """Return each line on top of those before it; where one has no value it adds nothing."""
    values = [dict(_finite(series)) for _, series in answers]
    times = sorted({when for line in values for when in line})
    sums = [list(accumulate(line.get(when, 0.0) for line in values)) for when in times]
    return [[(when, row[place]) for when, row in zip(times, sums, strict=True)] for place in range(len(values))]


def _axes(scale: Scale, unit: str) -> Iterator[str]:
    box = scale.box
    for tick in range(TICKS + 1):
        value = scale.low + (scale.top - scale.low) * tick / TICKS
        y = scale.y(value)
        yield f'<path d="M{box.x:g} {y:.1f}h{box.width:g}" stroke="#e3e6ea"/>'
        yield _text(box.x - 6, y + 4, told(value, unit), colour="#777", anchor="end")
    for tick in range(TICKS + 1):
        when = scale.begun + (scale.ended - scale.begun) * tick / TICKS
        yield _text(scale.x(when), box.bottom + 16, f"{when - scale.begun:.0f} s", colour="#777", anchor="middle")


def _line(scale: Scale, line: Sequence[tuple[float, float]], colour: str) -> str:
    path = " ".join(f"{scale.x(when):.1f},{scale.y(value):.1f}" for when, value in line)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _area(scale: Scale, line: Sequence[tuple[float, float]], colour: str) -> str:
    path = [f"{scale.x(when):.1f},{scale.y(value):.1f}" for when, value in line]
    ends = [f"{scale.x(when):.1f},{scale.box.bottom:.1f}" for when, _ in (line[-1], line[0])] if line else []
    return f'<polygon points="{" ".join([*path, *ends])}" fill="{colour}"/>'


def _legend(box: Box, names: Sequence[str]) -> Iterator[str]:
    """Draw as much of the legend as there is room for; Grafana has a scroll bar there."""
    x, y = box.x + 12, box.bottom - 24
    for name, colour in zip(names, cycle(COLOURS), strict=False):
        width = 22 + 6.6 * len(name)
        if x + width > box.x + box.width:
            x, y = box.x + 12, y + 16
        if y > box.bottom:
            return
        yield _rect(Box(x, y - 8, 10, 4), colour)
        yield _text(x + 14, y, name, colour="#444")
        x += width


def _rect(box: Box, colour: str, look: str = "") -> str:
    place = f'x="{box.x:g}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect {place} fill="{colour}" {look}/>'


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: int = 11,
    colour: str = "#222",
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    look = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'


def _round_up(value: float) -> float:
    """Return the next value that divides well."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return float(next(step * power for step in STEPS if step * power >= value * 0.999))


def told(value: float, unit: str) -> str:
    """Return a value with its unit, shortly.

    Examples
    --------
    >>> told(0.256, "percentunit"), told(1_500_000, "Bps"), told(3, "short")
    ('25.6 %', '1.5 MB/s', '3')
    """
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    ends = {"bytes": "B", "Bps": "B/s", "s": "s", "cps": "/s", "dB": "dB"}
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and unit != "s":
            return f"{value / size:.3g} {prefix}{ends.get(unit, '')}"
    return f"{value:.3g} {ends.get(unit, '')}".strip()
