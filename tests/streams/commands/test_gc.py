import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.image import ObjectRef
from schemas.scores import Candidate
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.cli import FAILED, WRONG_USAGE, outcome_of
from streams.ports import OutcomeRow
from streams.settings import S3Settings
from tests.buckets import OwnBucket, s3
from tests.databases import migrated_database
from tests.folders import Run, events_of, write_images
from tests.gateways import gateway

MONTHS_AGO = datetime.now(UTC) - timedelta(days=90)


def gc(capsys: pytest.CaptureFixture[str], *options: str | Path) -> dict[str, Any]:
    code, message = outcome_of(["gc", "--json", *map(str, options)])
    assert (code, message) == (0, "")
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def refused(*options: str | Path) -> str:
    code, message = outcome_of(["gc", *map(str, options)])
    assert code == WRONG_USAGE
    assert "\n" not in message
    return message


def test_what_an_embedded_run_did_not_select_goes_and_is_computed_again_when_it_is_wanted(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path / "in", 4)
    run(tmp_path / "in")
    before = events_of(tmp_path / "out")
    (tmp_path / "out" / "images" / "0000.tif").unlink()
    rehearsed = gc(capsys, "--out", tmp_path / "out", "--older-than", "0s", "--dry-run")
    account = gc(capsys, "--out", tmp_path / "out", "--older-than", "0s")
    assert {**rehearsed, "dry_run": False} == account
    assert (account["evicted"], account["deleted"]["objects"], account["listed"]["objects"]) == (4, 4, 8)
    assert gc(capsys, "--out", tmp_path / "out", "--older-than", "0s")["deleted"] == {"objects": 0, "bytes": 0}
    again = run(tmp_path / "in")
    assert (again.selected, again.failed, again.computed) == (4, 0, 4)
    assert [event.selection for event in events_of(tmp_path / "out")] == [event.selection for event in before]
    assert (tmp_path / "out" / "images" / "0000.tif").is_file()


def test_what_a_young_run_computed_stays(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_images(tmp_path / "in", 2)
    run(tmp_path / "in")
    assert gc(capsys, "--out", tmp_path / "out")["evicted"] == 0
    again = run(tmp_path / "in")
    assert (again.selected, again.computed) == (2, 0)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert "there is no ledger" in refused("--out", tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--older-than", "a month"], "'a month' is no duration; write a number and d, h, m or s"),
        (["--older-than", "36h"], "--older-than 36h is less than 2d"),
        (["--older-than", "3d"], "--older-than 3d is less than [redis] ttl_s, 7d"),
        (["--older-than", "3d", "--grace", "0s"], "--older-than 3d is less than [redis] ttl_s, 7d"),
    ],
)
def test_what_could_take_an_object_in_use_is_refused(tmp_path: Path, options: list[str], reason: str) -> None:
    file = tmp_path / "settings.toml"
    tables = [
        "[kafka]\nbootstrap_servers='a:1'",
        "[s3]",
        "[redis]\nurl='redis://a:1'",
        "[postgres]\nurl='postgresql://a'",
    ]
    file.write_text("\n".join(tables))
    assert reason in refused("--settings", file, *options)


class Services:
    """A ledger on Postgres and a bucket with old candidates, and the settings file that names both."""

    def __init__(self, folder: Path, ledger: SqlLedger, store: S3Store, s3_settings: S3Settings, url: str) -> None:
        self.ledger = ledger
        self.store = store
        self.file = folder / "settings.toml"
        secret = s3_settings.secret_key.get_secret_value() if s3_settings.secret_key else ""
        self.file.write_text(
            f'[kafka]\nbootstrap_servers = "127.0.0.1:1"\n[postgres]\nurl = "{url}"\n[s3]\n'
            f'endpoint_url = "{s3_settings.endpoint_url}"\nbucket = "{s3_settings.bucket}"\n'
            f'access_key = "{s3_settings.access_key}"\nsecret_key = "{secret}"\n'
        )

    def candidate(self, name: str) -> ObjectRef:
        ref = self.store.put(name.encode(), folder="candidates", suffix=".tif", media_type="image/tiff")
        body = Candidate(name=name, stage="filter", method="m", config_hash=name, object=ref).to_json()
        self.ledger.settle([OutcomeRow(f"image:v1:filter:{name}", body, MONTHS_AGO)], [])
        return ref


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    bucket = OwnBucket(s3())
    with migrated_database() as postgres:
        ledger = SqlLedger.postgres(postgres, connections=1)
        store = S3Store(bucket.settings)
        yield Services(tmp_path, ledger, store, bucket.settings, postgres.url)
        store.close()
        ledger.close()
    bucket.remove()


def test_at_the_services_outcomes_are_evicted_and_objects_follow(
    services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    services.candidate("mean")
    orphan = services.store.put(b"orphan", folder="candidates", suffix=".tif", media_type="image/tiff")
    raw = services.store.put(b"raw", folder="raw/sem-1", suffix=".tif", media_type="image/tiff")
    young = gc(capsys, "--settings", services.file)
    assert (young["evicted"], young["deleted"]["objects"], young["listed"]["objects"]) == (1, 0, 2)
    assert services.ledger.bodies(["image:v1:filter:mean"]) == {}
    now = gc(capsys, "--settings", services.file, "--older-than", "0s", "--grace", "0s")
    assert (now["evicted"], now["deleted"], now["orphans"]["objects"]) == (0, {"objects": 1, "bytes": 4}, 1)
    assert [one.key for one in services.store.objects("candidates")] == [orphan.key]
    assert services.store.get(raw) == b"raw"


def test_people_read_what_was_done(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services.candidate("mean")
    services.store.put(b"orphan", folder="candidates", suffix=".tif", media_type="image/tiff")
    options = ["gc", "--settings", str(services.file), "--older-than", "0s", "--grace", "0s"]
    assert outcome_of([*options, "--dry-run"]) == (0, "")
    assert capsys.readouterr().out.splitlines() == [
        "2 candidates in the store, 0.0 MB",
        "1 outcomes would be evicted: unused for 0s, and not selected",
        "1 objects would be deleted, 0.0 MB",
        "1 old objects, 0.0 MB, that no outcome of this ledger names; --orphans deletes them",
    ]
    assert outcome_of([*options, "--orphans"]) == (0, "")
    assert capsys.readouterr().out.splitlines()[2] == "2 objects deleted, 0.0 MB"
    assert list(services.store.objects("candidates")) == []


def test_a_store_that_ends_half_way_is_one_line_and_the_next_run_completes_it(
    services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(tmp_path / "gateway") as gone:
        text = services.file.read_text()
    away = tmp_path / "away.toml"
    away.write_text(text.replace(str(s3().endpoint_url), str(gone.endpoint_url)))
    services.candidate("mean")
    code, message = outcome_of(["gc", "--settings", str(away), "--older-than", "0s", "--grace", "0s"])
    assert code == FAILED
    assert "cannot list candidates/" in message
    account = gc(capsys, "--settings", services.file, "--older-than", "0s", "--grace", "0s")
    assert (account["evicted"], account["deleted"]["objects"]) == (0, 1)
