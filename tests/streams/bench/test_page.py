from pathlib import Path

import pytest

from streams.bench.hops import Hop, Latency, Replayed, Replays
from streams.bench.kept import Figures, keep
from streams.bench.load_figures import CacheIo, Io, Throughput, Utilisation
from streams.bench.page import BEGIN, END, ROWS, main, read_results, rewritten, section
from streams.bench.users import Level, Users
from streams.errors import UsageError
from tests.streams.bench.test_load import load

COMMITTED = Path(__file__).parents[3] / "docs" / "benchmarks.md"
PAGE = f"# Title\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter | text.\n"

LEVEL = Level(clients=32, images=900, images_per_s=85.4, p50_ms=346, p95_ms=625, p99_ms=722, max_ms=803, fairness=1.083)
IO = CacheIo(
    images_per_s=3,
    io_share=0.123,
    fetch_share=0.1,
    store_share=0.023,
    read_mb_per_image=1.25,
    written_mb_per_image=0.75,
    reads_per_image=4.5,
)
HOP = Hop(p50_ms=7, p95_ms=9, p99_ms=20)
REPLAYED = Replayed(references=2000, stages=1, images_per_s=4267, cpu_us_per_image=310, event_bytes=3000)
MEASURED: dict[str, Figures] = {
    "users": Users(stages=4, processes=1, seconds=5, levels=(LEVEL,)),
    "throughput": Throughput(levels=(load(1, 3.0), load(2, 5.0))),
    "utilisation": Utilisation(load=load(2, 5.0)),
    "io": Io(rounds=1, images=10, with_node_cache=IO, without_node_cache=IO),
    "latency": Latency(images=100, stages=4, p50_ms=30, p95_ms=50, p99_ms=60, max_ms=70, hops={"first": HOP}),
    "replay": Replays(one=REPLAYED, four=REPLAYED),
}
SAID = {
    "users": "32 clients: 85 images/s, p50 346 ms, p95 625 ms, p99 722 ms, fairness 1.08",
    "throughput": "1 worker process: 3.00 images/s, 0.75 MB/s; 2 worker processes: 5.00 images/s",
    "utilisation": "workers 50%, kafka 50% of the processors, everybody 90%; no GPU in use",
    "io": "with copies on the node 12.3% of the working time, 4.5 objects and 1.25 MB read, 0.75 MB written",
    "latency": "p50 30 ms, p95 50 ms, p99 60 ms; p50 of the hops, ms: first 7",
    "replay": "2,000 known references: 4,267 images/s through one stage",
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, measured in MEASURED.items():
        keep(tmp_path, name, measured)
    return tmp_path


def test_only_the_marked_section_is_replaced(results: Path) -> None:
    page = rewritten(PAGE, section(read_results(results)))
    assert page.startswith(f"# Title\n\nBefore.\n\n{BEGIN}\n")
    assert page.endswith(f"\n{END}\n\nAfter | text.\n")
    assert "old" not in page


def test_the_same_results_make_the_same_page(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    main(page, results)
    once = page.read_text()
    main(page, results)
    assert page.read_text() == once != PAGE


def test_what_was_measured_before_gives_way_to_what_is_measured_now(results: Path) -> None:
    page = rewritten(PAGE, section(read_results(results)))
    keep(results, "users", Users(stages=4, processes=1, seconds=5, levels=(LEVEL.but(clients=64),)))
    again = rewritten(page, section(read_results(results)))
    assert "32 clients" not in again
    assert "64 clients" in again


@pytest.mark.parametrize("name", ROWS)
def test_every_benchmark_has_a_line_of_its_figures(name: str, results: Path) -> None:
    (line,) = [line for line in section(read_results(results)).splitlines() if line.startswith(f"| `bench {name}` |")]
    assert SAID[name] in line
    assert line.count("|") == 4


def test_a_line_says_when_and_how_busy_the_machine_was(results: Path) -> None:
    kept = read_results(results)["users"]
    line = section({"users": {**kept, "measured_at": "2026-11-28T15:18:44+00:00", "load_average": 1.6}}).splitlines()[
        -1
    ]
    assert line.endswith("| 2026-11-28 15:18, load 2 |")


def test_benchmarks_without_results_have_no_line(tmp_path: Path) -> None:
    assert "make up" in section(read_results(tmp_path))
    keep(tmp_path, "users", MEASURED["users"])
    text = section(read_results(tmp_path))
    assert text.count("| `bench ") == 1


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}\n{BEGIN}", f"{PAGE}{PAGE}", f"{BEGIN}{BEGIN}{END}"])
def test_a_page_without_both_marks_in_order_is_left_alone(page: str, tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(page)
    with pytest.raises(UsageError, match="each once"):
        main(file, tmp_path)
    assert file.read_text() == page


def test_the_committed_page_has_its_marks() -> None:
    assert rewritten(COMMITTED.read_text(), section({}))


def test_charts_of_all_of_them_can_be_drawn(results: Path) -> None:
    assert {path.stem for path in results.glob("*.png")} == MEASURED.keys() == ROWS.keys()
