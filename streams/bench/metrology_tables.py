"""What is known of dimensions, as a person reads it."""

from rich.console import Console
from rich.table import Table

from stages.metrics.names import MEANINGS, Score
from stages.metrics.patterns import HOLES, LINES
from streams.bench.metrology import MetrologyFigures, PatternFigures


def print_metrology(console: Console, figures: MetrologyFigures) -> None:
    """Print a table a recipe."""
    both: tuple[tuple[str, PatternFigures], ...] = ((LINES, figures.lines), (HOLES, figures.holes))
    for name, pattern in both:
        table = Table("from the truth", "selected, mean", "95 % below", "within aim", "unguarded, mean", title=name)
        for score, below in pattern.p95.items():
            row = (getattr(pattern, score), below, pattern.within[score], pattern.unguarded.get(score))
            table.add_row(MEANINGS[Score(score)].label, *map(_shown, row))
        console.print(table)
        console.print(
            f"{pattern.images} images, {pattern.measured} measured, raw frame kept of {pattern.kept}; vetoed: "
            f"{_shown(pattern.fires_inside)} of {pattern.inside} favourites within all aims "
            f"({_shown(pattern.fires_inside_all)} of all candidates), {_shown(pattern.fires_outside)} of "
            f"{pattern.outside} candidates beyond twice an aim",
            highlight=False,
        )
        console.print(_methods(name, pattern))


def _methods(recipe: str, pattern: PatternFigures) -> Table:
    """Each method by itself: mean, 95 % below and share within the aim of each dimension, and the share vetoed."""
    titles = [f"{MEANINGS[Score(score)].label}: mean, 95 % below, within" for score in pattern.p95]
    table = Table("by itself", "images", *titles, "vetoed", title=recipe)
    for name, one in pattern.methods.items():
        cells = (", ".join(map(_shown, (mean, one.p95[score], one.within[score]))) for score, mean in one.mean.items())
        table.add_row(name, str(one.images), *cells, _shown(one.vetoed))
    return table


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
