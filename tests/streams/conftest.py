import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from streams.adapters.sql_ledger import SqlLedger
from streams.intake import Provenance
from streams.pipeline import load_pipeline
from streams.session import run_embedded
from streams.source import folder_files
from streams.summary import Summary
from tests.crews import Start, crews
from tests.folders import TOYS, Run
from tests.workbench import Bench, CountingStore


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(folder: Path, *, out: str = "out", pipeline: str | Path = TOYS, retry_failed: bool = False) -> Summary:
        if isinstance(pipeline, str):
            (tmp_path / "pipeline.toml").write_text(pipeline)
            pipeline = tmp_path / "pipeline.toml"
        console = Console(file=io.StringIO())
        files = folder_files(folder)
        loaded = load_pipeline(pipeline)
        place = tmp_path / out
        return run_embedded(
            files,
            place,
            loaded,
            console=console,
            title="test",
            provenance=Provenance("/test"),
            retry_failed=retry_failed,
        )

    return run


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    ledger = SqlLedger.sqlite(tmp_path / "ledger.sqlite")
    yield Bench(CountingStore(tmp_path / "objects"), ledger)
    ledger.close()


@pytest.fixture
def start() -> Iterator[Start]:
    with crews() as start:
        yield start
