from pathlib import Path

import cv2
import numpy as np
import pytest

from streams.bench.chart import BOTTOM, COLOURS, HEIGHT, WIDTH, Bars, Chart, Lines, Picture, tick_step, write_charts
from streams.errors import UsageError

SERIES = {"p50": [1.0, 2.0, 4.0], "p99": [3.0, 5.0, 9.0]}


def lines() -> Chart:
    return Lines("Wait", "ms", "clients", ["1", "2", "4"], SERIES)


def pixels_of(picture: Picture, number: int) -> int:
    return int(np.count_nonzero((picture == COLOURS[number]).all(axis=2)))


@pytest.mark.parametrize("kind", [Lines, Bars])
def test_every_series_is_drawn_in_a_colour_of_its_own(kind: type[Chart]) -> None:
    picture = kind("Wait", "ms", "clients", ["1", "2", "4"], SERIES).picture()
    assert picture.shape == (HEIGHT, WIDTH, 3)
    legend = 13 * 13
    assert all(pixels_of(picture, number) > legend + 100 for number in range(2))
    assert pixels_of(picture, 2) == 0


def test_a_bar_twice_as_high_has_twice_the_pixels() -> None:
    bars = Bars("", "", "", ["a", "b"], {"": [1.0, 2.0]})
    bottom = bars.y(0, 2)
    assert bottom - bars.y(2, 2) == pytest.approx(2 * (bottom - bars.y(1, 2)), abs=1)


@pytest.mark.parametrize("values", [[], [0.0, 0.0, 0.0]])
def test_nothing_and_zero_can_be_drawn(values: list[float]) -> None:
    bars = Bars("", "", "", ["1", "2", "3"][: len(values)], {"x": values} if values else {})
    assert bars.y(0, 1) == HEIGHT - BOTTOM
    assert bars.picture().shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("highest", [0.003, 0.7, 1, 43, 12_345])
def test_ticks_are_few_and_reach_the_highest_value(highest: float) -> None:
    assert highest <= 5 * tick_step(highest) <= 2.6 * highest


def test_charts_stand_side_by_side_in_one_file(tmp_path: Path) -> None:
    write_charts(tmp_path / "two.png", [lines(), lines()])
    picture = cv2.imread(str(tmp_path / "two.png"))
    assert picture is not None
    assert picture.shape == (HEIGHT, 2 * WIDTH, 3)


def test_a_file_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--out"):
        write_charts(tmp_path / "absent" / "one.png", [lines()])
