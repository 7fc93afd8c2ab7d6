"""`semstream bench trends` at the services of this machine."""

import json

import pytest
from typer.testing import CliRunner

from streams.bench.hops import Hop
from streams.bench.trends_killed import TrendsKilled
from streams.commands.bench import bench
from tests.services import FILE, settings

SOME = Hop(p50_ms=1, p95_ms=2, p99_ms=3)
GOOD = TrendsKilled(
    images=5, without=SOME, beside=SOME, killed=SOME, published=16, selected=16, distinct=16, charted=16, held=True
)


@pytest.mark.parametrize("change", [{"selected": 17}, {"distinct": 15}, {"charted": 15}, {"held": False}])
def test_anything_lost_doubled_or_forgotten_is_told(change: dict[str, int]) -> None:
    assert GOOD.holds
    assert not GOOD.but(**change).holds


def test_images_go_on_while_the_trends_are_dead_and_the_charts_miss_none() -> None:
    settings()
    result = CliRunner().invoke(bench(()), ["trends", "--images", "6", "--settings", str(FILE), "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    assert [figures[name] for name in ("published", "selected", "distinct", "charted")] == [19] * 4
