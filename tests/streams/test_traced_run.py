"""One trace from publication to selection, through the embedded mode; and nothing at all where nobody collects."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from streams.bench.embedding import trial
from streams.pipeline import load_pipeline
from streams.source import folder_files
from tests.folders import TOYS, write_images
from tests.spans import collector, kept_spans
from tests.streams.telemetry.test_serving import free_port

IMAGES = 3
STAGES = ("shade", "pick")


def identity(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def test_an_image_has_one_trace_from_publication_to_selection(tmp_path: Path) -> None:
    write_images(tmp_path / "in", IMAGES)
    (tmp_path / "toys.toml").write_text(TOYS)
    with kept_spans() as kept, trial(load_pipeline(tmp_path / "toys.toml"), tracer=kept.tracer) as under:
        under.run(folder_files(tmp_path / "in"))
    assert under.progress.selected == IMAGES
    traces = {identity(span)[0]: span for span in kept.spans("publish")}
    assert len(traces) == IMAGES
    for trace_id, published in traces.items():
        mine = {span.name: span for span in kept.spans("publish", *STAGES) if identity(span)[0] == trace_id}
        assert set(mine) == {"publish", *STAGES}
        assert published.parent is None
        for span, parent in (("shade", "publish"), ("pick", "shade")):
            above = mine[span].parent
            assert above is not None
            assert (above.trace_id, above.span_id) == identity(mine[parent])
        images = {dict(span.attributes or {})["semstream.image_id"] for span in mine.values()}
        assert len(images) == 1
        times = [(span.start_time or 0, span.end_time or 0) for span in (mine[name] for name in mine)]
        assert all(begun <= ended for begun, ended in times)


def told(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the embedded mode in a process of its own, which says in the end whether OpenTelemetry was imported."""
    script = (
        "import sys; from streams.cli import outcome_of; code, said = outcome_of(sys.argv[1:]); "
        "print(said, file=sys.stderr); print('imported', 'opentelemetry' in sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "run", "in", "--out", "out", "--pipeline", "toys.toml"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    environment = {**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "in", IMAGES)
    (tmp_path / "toys.toml").write_text(TOYS)
    return tmp_path


@pytest.mark.parametrize(
    "variables", [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:1", "OTEL_TRACES_EXPORTER": "none"}]
)
def test_where_nobody_collects_opentelemetry_is_not_imported(folder: Path, variables: dict[str, str]) -> None:
    done = told(folder, **variables)
    assert (done.returncode, "imported False" in done.stdout) == (0, True), done.stderr


def test_where_it_is_wanted_and_absent_one_line_says_how_to_install_it(folder: Path) -> None:
    (folder / "opentelemetry.py").write_text("raise ModuleNotFoundError('no', name='opentelemetry')")
    here = f"{folder}{os.pathsep}{Path(__file__).parents[2]}"
    done = told(folder, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", PYTHONPATH=here)
    assert done.returncode == 2
    assert "pip install 'semstream[tracing]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_spans_are_sent_to_the_collector_that_the_standard_variables_name(folder: Path) -> None:
    with collector() as collecting:
        done = told(folder, OTEL_EXPORTER_OTLP_ENDPOINT=collecting.url, OTEL_SERVICE_NAME="fab-7")
    assert (done.returncode, "imported True" in done.stdout) == (0, True), done.stderr
    names = [span.name for span in collecting.spans()]
    assert {name: names.count(name) for name in ("publish", *STAGES)} == dict.fromkeys(("publish", *STAGES), IMAGES)
    services = {
        one.value.string_value
        for r in collecting.resources()
        for one in r.resource.attributes
        if one.key == "service.name"
    }
    assert services == {"fab-7"}


def test_a_collector_that_is_away_costs_no_image_and_is_said_in_the_log(folder: Path) -> None:
    done = told(folder, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 0, done.stderr
    assert "3 in " in done.stdout
    assert "Traceback" not in done.stderr
    logged = (folder / "out" / "semstream.log").read_text() + done.stdout
    assert "spans_not_sent" in logged
