"""What processes tell over HTTP while they work, and that their counts are those of the ledger."""

import io
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from streams.adapters.sql_ledger import SqlLedger
from streams.intake import Provenance
from streams.pipeline import load_pipeline
from streams.session import run_embedded
from streams.source import Skipped, SourceFile, folder_files
from streams.telemetry.readiness import Readiness
from streams.wiring.readiness import worker_probes
from tests.folders import TOYS, write_images
from tests.site import Site, site
from tests.streams.telemetry.test_serving import free_port

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))
IMAGES = 7
PATIENCE_S = 60.0


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(load_pipeline(CHEAP), tmp_path) as prepared:
        yield prepared


def asked(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


@contextmanager
def worker_process(here: Site, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "streams.cli", "worker", "--all", "--threads", "1", "--pipeline", str(CHEAP)]
    place = ["--lane", here.lane, "--settings", str(here.folder / "settings.toml"), "--metrics-port", str(port)]
    environment = {**os.environ, "SEMSTREAM_WORKER_STATE": str(here.folder / "node")}
    process = subprocess.Popen([*command, *place], env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def ready(port: int) -> str:
    """Wait until it is ready; return what it said before."""
    deadline, said = time.monotonic() + PATIENCE_S, ""
    while (answer := asked(port, "/readyz"))[0] != 200:
        assert time.monotonic() < deadline, answer
        said = answer[1]
        time.sleep(0.05)
    return said


def test_a_worker_becomes_ready_and_counts_what_the_ledger_counts(here: Site, tmp_path: Path) -> None:
    write_images(tmp_path / "in", IMAGES, first=secrets.randbits(30))  # the cache is shared with other tests
    port = free_port()
    with worker_process(here, port):
        said = ready(port)
        assert said == "" or "joined" in said or "no partitions yet" in said or "Errno" in said
        assert asked(port, "/healthz")[0] == 200
        here.publish(str(tmp_path / "in"))
        events = here.selected(IMAGES)
        time.sleep(0.5)  # the counts follow the commit
        _, text = asked(port, "/metrics")
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(name: str, **labels: str) -> float:
        return sum(s.value for s in found if s.name == name and labels.items() <= s.labels.items())

    ledger = SqlLedger.postgres(here.settings.postgres, connections=1)
    settled = [one for event in events for one in ledger.history(event.image.image_id)[1]]
    ledger.close()
    for stage in here.pipeline.stages:
        of_stage = sum(one.id.stage == stage.name for one in settled)
        assert total("semstream_images_total", stage=stage.name, outcome="done") == of_stage == IMAGES
        assert total("semstream_stage_seconds_count", stage=stage.name) == IMAGES
    assert total("semstream_selections_total") == total("semstream_end_to_end_seconds_count") == IMAGES
    assert total("semstream_noise_sigma_ratio_count", lane=here.lane) == IMAGES
    assert total("semstream_store_object_bytes_sum", call="put") > 0
    assert total("semstream_partitions") == 2 * len(here.pipeline.stages)
    assert total("process_resident_memory_bytes") > 0


def test_a_worker_whose_store_is_away_says_so_and_one_that_has_all_services_is_ready(here: Site) -> None:
    nobody = here.settings.s3.model_copy(update={"endpoint_url": f"http://127.0.0.1:{free_port()}"})
    ledger = SqlLedger.postgres(here.settings.postgres, connections=1)
    well, ill = (
        Readiness([], worker_probes(settings, ledger), patience_s=30).why_not()
        for settings in (here.settings, here.settings.model_copy(update={"s3": nobody}))
    )
    ledger.close()
    assert well is None
    assert ill is not None
    assert ill.startswith("s3: ")


def test_a_run_is_watched_while_it_runs(tmp_path: Path) -> None:
    write_images(tmp_path / "in", IMAGES)
    (tmp_path / "toys.toml").write_text(TOYS)
    port, told = free_port(), list[str]()

    def watched() -> Iterator[SourceFile | Skipped]:
        yield from folder_files(tmp_path / "in")
        ready(port)
        deadline = time.monotonic() + PATIENCE_S
        done = f'semstream_images_total{{lane="live",outcome="done",stage="pick"}} {IMAGES}.0'
        while done not in (text := asked(port, "/metrics")[1]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told.append(text)

    pipeline, console = load_pipeline(tmp_path / "toys.toml"), Console(file=io.StringIO())
    run_embedded(
        watched(),
        tmp_path / "out",
        pipeline,
        console=console,
        title="test",
        provenance=Provenance("/test"),
        metrics_port=port,
    )
    assert f'pipeline_hash="{pipeline.hash}"' in told[0]
    assert f'semstream_parts_total{{lane="live",method="half",source="computed",stage="shade"}} {IMAGES}.0' in told[0]
    assert asked(port, "/healthz")[0] == 0
