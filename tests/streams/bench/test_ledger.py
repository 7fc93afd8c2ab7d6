"""The ledger's benchmark measures a ledger of its own, and leaves nothing behind."""

import json
from pathlib import Path

import psycopg
from typer.testing import CliRunner

from streams.commands.bench import bench
from streams.wiring.ledger import scratch_ledger
from tests.databases import empty_database
from tests.services import settings


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def test_the_last_line_is_one_json_object_and_no_database_stays(tmp_path: Path) -> None:
    with empty_database() as found:
        before = {name for name in databases(found.url) if name.startswith("semstream_bench")}
        file = tmp_path / "settings.toml"
        file.write_text(f'[kafka]\nbootstrap_servers = "localhost:9"\n[s3]\n[postgres]\nurl = "{found.url}"\n')
        arguments = ["ledger", "--rows", "1000", "--batches", "1", "--settings", str(file), "--json"]
        result = CliRunner().invoke(bench(()), arguments, catch_exceptions=False)
        after = {name for name in databases(found.url) if name.startswith("semstream_bench")}
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["rows"] == 1000
    assert figures["settle_candidates"]["calls"] == 1
    assert after <= before


def test_a_filled_ledger_counts_what_it_was_filled_with() -> None:
    with empty_database() as found:
        changed = settings().model_copy(update={"postgres": found})
        with scratch_ledger(changed) as scratch:
            scratch.fill(2000, '{"name":"mean","object":{"key":"candidates/ab/ab.tif"}}')
            outcomes, settlements = scratch.ledger.history("")
            (live,) = scratch.questions.standing(settlements[-1].settled_at).lanes
    assert (len(outcomes), len(settlements)) == (2000, 2000)
    assert live.images == 500  # of four stages
    assert sum(live.selected.values()) == sum(s.chosen is not None for s in settlements)
