"""What `make bench-fidelity` says is made of the figures as the benchmarks print them."""

from pathlib import Path

import orjson
import pytest

from schemas.scores import RAW
from streams.bench.denoisers import DenoiserFigures, Standing
from streams.bench.faithful_page import BEGIN, END, ROWS, main, read_printed, section
from streams.bench.guards import Caught, EvidenceFigures
from streams.bench.judging import Cost, Judging, Stability
from streams.bench.page import rewritten
from streams.bench.results import Fidelity, FieldResult, Regret, summarise
from streams.errors import UsageError

COMMITTED = Path(__file__).parents[3] / "docs" / "benchmarks.md"
FIELD = FieldResult(
    kind="line",
    number=1,
    candidates={name: Fidelity(psnr=psnr, ssim=0.9) for name, psnr in ((RAW, 22.0), ("bm3d", 32.0), ("unet", 33.0))},
    chosen="bm3d",
    flags=(),
    risks={RAW: 6e-3, "bm3d": 5e-4, "unet": 6e-4},
    favourites={"sharpness": RAW},
)
COST = Cost(scored=0.24, of_compute=0.58, regret=Regret(mean=0.02, p95=0.09))
CAUGHT = Caught(
    images=20,
    false_alarms=0.05,
    confirmed=0,
    false_alarms_of={"bm3d": 0.1},
    maps={},
    caught={"5": 0.73, "8": 1.0},
    features=16,
)
FIGURES = {
    "fidelity": summarise([FIELD]).model_dump(),
    "denoisers": DenoiserFigures(
        fields=14,
        bm3d={"fast": Standing(psnr=32.6, kinds_psnr={}, seconds=0.2, psnr_delta=-0.07, speedup=13.2)},
        methods={},
        costs={},
    ).model_dump(),
    "judging": Judging(
        images=3,
        left_out=0,
        stability=Stability(images=3, draws=4, same=0.8, alike=0.9, least_alike=0.5),
        shares={"0.25": COST},
    ).model_dump(),
    "guards": {"evidence": EvidenceFigures(real=None, simulated=CAUGHT).model_dump()},
}
SAID = {
    "fidelity": "| selection, 1 images | 32.00 dB; always unet, the best single method: 33.00 dB |",
    "denoisers": "| BM3D `fast`, 14 images, against the authors' | 32.60 dB, -0.070 dB, 13.2 times as fast |",
    "judging": "| 0.25 of the frame to be scored | 24.0% of the pixels, 0.58 of the candidates' time, "
    "regret 0.02 (0.09) dB |",
    "guards": "| evidence guard, simulated | false alarms bm3d 10.0%; caught at SNR 5: 73.0%, 8: 100.0% |",
}


@pytest.fixture
def printed(tmp_path: Path) -> Path:
    for name, figures in FIGURES.items():
        (tmp_path / f"{name}.txt").write_bytes(b"a table\n" + orjson.dumps(figures) + b"\n")
    return tmp_path


@pytest.mark.parametrize("name", ROWS)
def test_the_figures_of_every_benchmark_are_said(name: str, printed: Path) -> None:
    assert SAID[name] in section(read_printed(printed), "2026-11-28").splitlines()


def test_what_other_criteria_lose_is_said_too(printed: Path) -> None:
    assert "| regret of sharpness | 11.00 (11.00) |" in section(read_printed(printed), "2026-11-28")


def test_only_the_marked_section_changes(printed: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    main(page, printed, "2026-11-28")
    assert page.read_text().startswith(f"before\n{BEGIN}\n\nWritten on 2026-11-28.")
    assert page.read_text().endswith(f"{END}\nafter\n")
    assert "old" not in page.read_text()


def test_a_benchmark_that_broke_off_is_told_and_nothing_is_written(printed: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    (printed / "judging.txt").write_text("a table, and no figures\n")
    with pytest.raises(UsageError, match=r"judging\.txt does not end in figures"):
        main(page, printed, "2026-11-28")
    assert page.read_text() == f"{BEGIN}\n{END}\n"


def test_the_committed_page_has_its_marks() -> None:
    text = COMMITTED.read_text()
    assert rewritten(text, section({}, "2026-11-28"), BEGIN, END).count(BEGIN) == 1
