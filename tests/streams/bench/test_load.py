import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.samples import Sample

from streams.bench.load import Files, Grown, Load, servers_here
from streams.bench.load_figures import Io, Throughput, Utilisation, measure_io, measure_throughput
from streams.bench.scraped import Scraped
from streams.bench.small_images import small_images
from streams.bench.usage import MachineUsage, Usage
from streams.commands.bench.embedded import CHEAP
from streams.commands.bench.load import numbers
from streams.errors import UsageError
from streams.telemetry import Activity, Thread
from streams.telemetry.catalogue import WORKER_SECONDS
from streams.wiring.bench import services_run
from tests.services import settings

USAGE = Usage(cpu=0.5, read_mb_per_s=None, written_mb_per_s=1.0)


def load(processes: int, rate: float) -> Load:
    return Load(
        processes=processes,
        threads=1,
        node_cache=True,
        images=10,
        seconds=1,
        images_per_s=rate,
        mb_per_s=rate / 4,
        usage={"workers": USAGE, **({"kafka": USAGE} if processes > 1 else {})},
        machine=MachineUsage(cpu=0.9, loopback_mb_per_s=1, network_mb_per_s=0),
        gpu=None,
        shares={activity.value: 0.1 for activity in Activity},
        read_mb_per_image=0.3,
        written_mb_per_image=0.6,
        reads_per_image=1,
    )


def spent(**seconds: float) -> Scraped:
    return Scraped(tuple(_sample(activity, value) for activity, value in seconds.items()))


def _sample(activity: str, seconds: float) -> Sample:
    labels = {"stage": "filter", "lane": "live", "thread": Thread.HANDLER.value, "activity": activity}
    return Sample(WORKER_SECONDS.series, labels, seconds)


def test_shares_are_of_the_time_with_work_and_of_the_run_alone() -> None:
    before = [spent(fetch=1.0, compute=5.0, idle=100.0), Scraped()]
    after = [spent(fetch=2.0, compute=7.0, idle=300.0, slot=50.0), spent(store=1.0)]
    shares = Grown(before, after).shares()
    assert (shares["fetch"], shares["compute"], shares["store"]) == (0.25, 0.5, 0.25)
    assert not {"idle", "slot"} & shares.keys()
    assert sum(shares.values()) == 1


def test_the_best_rate_is_at_the_top_of_the_figures() -> None:
    figures = Throughput(levels=(load(1, 3.0), load(2, 5.0), load(4, 4.0))).figures()
    assert (figures["images_per_s"], figures["processes"]) == (5.0, 2)


@pytest.mark.parametrize("measured", [Throughput(levels=(load(1, 3.0), load(2, 5.0))), Utilisation(load=load(2, 5.0))])
def test_what_is_not_told_can_be_drawn(measured: Throughput | Utilisation) -> None:
    assert len({chart.picture().shape for chart in measured.charts()}) == 1


def test_files_of_a_folder_are_those_that_can_be_read(tmp_path: Path) -> None:
    for name, data in small_images(3):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "broken.tif").write_bytes(b"II*\0 and no more")
    (tmp_path / "notes.txt").write_text("none")
    assert len(Files(tmp_path, 10).drawn(1)) == 3
    assert len(Files(tmp_path, 2).drawn(1)) == 2


def test_a_folder_without_images_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image that can be read"):
        Files(tmp_path, 10).drawn(1)


def test_simulated_files_are_others_in_every_run() -> None:
    files = Files(None, 2)
    assert files.drawn(1) == files.drawn(1)
    assert not set(files.drawn(1)) & set(files.drawn(2))


@pytest.mark.parametrize("text", ["", "0", "1,x", "1,,2", "65", "-1"])
def test_numbers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--clients"):
        numbers(text, "--clients", at_most=64)


def test_the_servers_of_this_machine_are_found_by_their_ports() -> None:
    found = servers_here(settings())
    assert {"kafka", "postgres"} <= found.keys()
    assert all(len(pids) >= 1 for pids in found.values())


def test_images_go_through_any_number_of_processes_whose_work_is_seen(tmp_path: Path) -> None:
    for name, data in small_images(6):
        (tmp_path / name).write_bytes(data)
    open_run, files = partial(services_run, settings(), CHEAP), Files(tmp_path, 6)
    measured = measure_throughput(open_run, files, [2], threads=1, seed=1)
    again = measure_throughput(open_run, files, [2], threads=1, seed=1)
    for (level,) in (measured.levels, again.levels):  # of the same images nobody knows an outcome the second time
        assert level.images == 6
        assert level.usage["workers"].cpu > 0
        assert level.shares[Activity.COMPUTE] > 0
        assert level.read_mb_per_image > 0
    json.dumps(measured.figures())


def test_without_copies_on_the_node_more_is_read_from_the_store() -> None:
    measured = measure_io(partial(services_run, settings(), CHEAP), Files(None, 4), rounds=1, seed=123)
    assert _read(measured)[0] < _read(measured)[1]
    assert 0 < measured.with_node_cache.io_share < 1
    assert measured.with_node_cache.written_mb_per_image == pytest.approx(
        measured.without_node_cache.written_mb_per_image, rel=0.5
    )


def _read(measured: Io) -> Sequence[float]:
    return measured.with_node_cache.reads_per_image, measured.without_node_cache.reads_per_image
