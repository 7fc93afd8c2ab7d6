import json

import pytest
from typer.testing import CliRunner

from streams.bench.modes import compared
from streams.commands.bench import bench
from tests.events import image_event, object_ref
from tests.services import FILE, settings


def test_events_that_differ_in_nothing_that_lasts_are_the_same() -> None:
    event = image_event()
    elsewhere = event.image.but(object=event.image.object.but(store="s3", bucket="other"))
    measured = compared([event], [event.but(image=elsewhere)])
    assert measured.differences == ()
    assert (measured.images, measured.identical_events) == (1, 1)


def test_what_differs_is_named_with_its_place() -> None:
    event = image_event()
    other = event.but(image=event.image.but(object=object_ref("ff" * 32)))
    measured = compared([event], [other])
    assert measured.identical_events == 0
    assert measured.differences[0].startswith(f"{event.acquisition.source_name} > image > object > ")


@pytest.mark.parametrize("times", [0, 2])
def test_an_image_that_is_missing_or_there_twice_is_a_difference(times: int) -> None:
    event = image_event()
    measured = compared([event], [event] * times)
    assert measured.differences == (f"{event.acquisition.source_name}: 1 events embedded, {times} at services",)
    assert measured.identical_pixels == 0


def test_the_last_line_is_one_json_object() -> None:
    settings()
    result = CliRunner().invoke(bench(()), ["modes", "--images", "6", "--settings", str(FILE), "--json"])
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures == {
        "images": 6,
        "identical_pixels": 6,
        "identical_selections": 6,
        "identical_events": 6,
        "differences": [],
    }
    assert result.exit_code == 0
