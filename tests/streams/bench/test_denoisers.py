import pytest

from stages.filter.bm3d.profiles import PROFILES
from stages.filter.mean import Mean
from streams.bench.denoisers import PACKAGE, measure_denoisers
from streams.bench.simulated_fields import simulated_fields


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.bench.denoisers.SIZES", ((64, 64),))
    monkeypatch.setattr("streams.bench.denoisers.PROFILES", {"fast": PROFILES["fast"]})  # each is a process of its own


@pytest.mark.usefixtures("small")
def test_every_profile_stands_beside_the_package_and_the_candidates_by_themselves() -> None:
    noted: list[int] = []
    figures = measure_denoisers(simulated_fields(2), {"mean": Mean()}, note=lambda: noted.append(1))
    assert len(noted) == figures.fields == 2
    package = figures.bm3d[PACKAGE]
    ours = figures.bm3d["fast"]
    assert ours.psnr > figures.methods["mean"].psnr
    assert ours.psnr_delta == pytest.approx(ours.psnr - package.psnr, abs=2e-4)
    assert ours.speedup is not None
    assert ours.seconds > 0
    assert set(figures.costs["fast"]) == {"64x64"}
    assert set(package.kinds_psnr) == {"white", "white, jitter"}
