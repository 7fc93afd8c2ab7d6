"""Traces at real services: the agent begins them, a worker goes on, and a retry and a replay begin their own."""

import secrets
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from streams.pipeline import load_pipeline
from tests.folders import write_images
from tests.site import Site, site
from tests.spans import Collecting, collector

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))
STAGES = ("publish", "filter", "metrics", "selector")
IMAGES = 3


@pytest.fixture
def collecting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collecting]:
    with collector() as collecting:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collecting.url)
        yield collecting


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(load_pipeline(CHEAP), tmp_path) as prepared:
        yield prepared


def test_an_image_has_one_trace_from_the_agent_to_its_selection(
    here: Site, collecting: Collecting, tmp_path: Path
) -> None:
    write_images(tmp_path / "in", IMAGES, first=secrets.randbits(30))
    with here.worker():
        here.publish(str(tmp_path / "in"))
        assert len(here.selected(IMAGES)) == IMAGES
    spans = collecting.spans(*STAGES)
    by_trace = {span.trace_id: {one.name: one for one in spans if one.trace_id == span.trace_id} for span in spans}
    assert [set(found) for found in by_trace.values()] == [set(STAGES)] * IMAGES
    for found in by_trace.values():
        parents = [found[name].parent_span_id for name in STAGES]
        assert parents == [b"", *(found[name].span_id for name in STAGES[:-1])]
