"""The same images at Kafka, S3, Redis and Postgres come to the same as in the embedded mode, and nothing twice."""

import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tifffile

from stages.simulation.series import simulated_images
from streams.adapters.s3_client import s3_client
from streams.bench.modes import compared
from streams.cli import outcome_of
from streams.pipeline import load_pipeline
from streams.telemetry.catalogue import PARTS
from tests.folders import Run, events_of
from tests.site import Site, site

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))
IMAGES = 12


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(load_pipeline(CHEAP), tmp_path) as prepared:
        yield prepared


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images that no test had before: the dedup cache is shared."""
    place = tmp_path / "in"
    place.mkdir()
    seed = secrets.randbits(31)
    for number, image in enumerate(simulated_images(images=IMAGES, seed=seed, size_px=96)):
        tifffile.imwrite(place / f"{number:03d}.tif", image.noisy)
    return place


def test_images_come_to_the_same_in_both_modes(here: Site, folder: Path, run: Run, tmp_path: Path) -> None:
    run(folder, pipeline=CHEAP)
    here.publish(str(folder))
    with here.worker():
        events = here.selected(IMAGES)
    measured = compared(events_of(tmp_path / "out"), events)
    assert measured.differences == ()
    assert measured.images == IMAGES
    assert (measured.identical_pixels, measured.identical_selections, measured.identical_events) == (IMAGES,) * 3


def test_work_done_by_one_worker_is_known_to_another_with_a_disk_of_its_own(here: Site, folder: Path) -> None:
    here.publish(str(folder), source="/first")
    with here.worker("a") as first:
        here.selected(IMAGES)
    assert first.total(PARTS, stage="filter", source="computed") > 0
    here.publish(str(folder), source="/second")
    with here.worker("b") as second:
        events = here.selected(2 * IMAGES)
    assert len({event.acquisition.acquisition_id for event in events}) == 2 * IMAGES
    for stage in here.pipeline.stages:
        assert second.total(PARTS, stage=stage.name, source="computed") == 0, stage.name
    assert second.total(PARTS, stage="filter", source="cache") > 0


def test_publishing_again_and_starting_again_repeats_nothing(here: Site, folder: Path) -> None:
    here.publish(str(folder))
    with here.worker():
        here.selected(IMAGES)
    here.publish(str(folder))
    with here.worker():
        events = here.selected(IMAGES)
    assert len(events) == IMAGES


def test_results_are_fetched_as_a_run_writes_them(here: Site, folder: Path, run: Run, tmp_path: Path) -> None:
    run(folder, pipeline=CHEAP)
    here.publish(str(folder))
    with here.worker():
        here.selected(IMAGES)
    at_site = ["--lane", here.lane, "--settings", str(tmp_path / "settings.toml"), "--pipeline", str(CHEAP)]
    assert outcome_of(["fetch", "000.tif", "--out", str(tmp_path / "one"), *at_site]) == (0, "")
    assert outcome_of(["fetch", "--since", "1h", "--out", str(tmp_path / "all"), *at_site]) == (0, "")
    written = {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").glob("*.tif")}
    assert len(written) == IMAGES
    assert {path.name: path.read_bytes() for path in (tmp_path / "all").glob("*.tif")} == written
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").glob("*.tif")} == {
        "000.tif": written["000.tif"]
    }


def test_a_network_is_adapted_to_images_that_a_query_of_the_ledger_names(
    here: Site, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here.publish(str(folder))
    with here.worker():
        here.selected(IMAGES)
    capsys.readouterr()
    at_site = ["--lane", here.lane, "--settings", str(tmp_path / "settings.toml")]
    some = "select image_id from settlement where file_name < '008.tif'"
    adapt = ["adapt", "--from", some, "--out", "w.safetensors", "--steps", "1", "--threads", "1", *at_site]
    code, said = outcome_of(adapt)
    assert code == 2, "images of 96 px are too small to learn from, if nothing worse is said of one"
    assert "0 frames can be learned from and 8 cannot" in said
    told = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()]
    assert sorted(told) == [f"left out {number:03d}.tif" for number in range(8)]
    other = [*adapt, "--instrument", "sem-99"]
    assert "0 frames can be learned from and 0 cannot" in outcome_of(other)[1]
    none = ["adapt", "--from", "select image_id from settlement where false", *adapt[3:]]
    assert outcome_of(none)[0] == 2
    assert "has no selected image that --from names" in outcome_of(none)[1]


@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_an_image_whose_object_was_lost_is_published_again_and_retried_as_its_letter_says(
    here: Site, folder: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    services = ["--settings", str(tmp_path / "settings.toml")]
    of_image = ["--lane", here.lane, "--image", "000.tif", *services]
    here.publish(str(folder / "000.tif"))
    sha256 = hashlib.sha256((folder / "000.tif").read_bytes()).hexdigest()
    client = s3_client(here.settings.s3, connections=1)
    (held,) = [found for found in _keys(client, here.settings.s3.bucket) if sha256 in found]
    client.delete_object(Bucket=here.settings.s3.bucket, Key=held)
    if damage == "altered":
        client.put_object(Bucket=here.settings.s3.bucket, Key=held, Body=b"something else")
    capsys.readouterr()

    def letter() -> dict[str, object]:
        outcome_of(["dlq", "list", "--json", *of_image])
        found: list[dict[str, object]] = json.loads(capsys.readouterr().out.splitlines()[-1])["letters"]
        assert len(found) <= 1
        return found[0] if found else {}

    with here.worker():
        deadline = time.monotonic() + 60
        while not letter():
            assert time.monotonic() < deadline
        assert "publish its file again (semstream publish --state NEW FILE), then semstream dlq retry" in str(
            letter()["reason"]
        )
        here.publish(str(folder / "000.tif"), state="new")
        assert outcome_of(["dlq", "retry", str(letter()["id"]), *services]) == (0, "")
        (event,) = here.selected(1)
    assert event.acquisition.source_name == "000.tif"
    capsys.readouterr()
    assert letter()["since"] == "mended"
    assert outcome_of(["dlq", "retry", "--all", *of_image]) == (0, "")
    assert "0 sent again, 0 refused, 1 retried already" in capsys.readouterr().out


def _keys(client: Any, bucket: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="raw/")
    return [str(item["Key"]) for page in pages for item in page.get("Contents", [])]
