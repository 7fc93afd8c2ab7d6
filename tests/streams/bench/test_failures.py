import pytest

from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from streams.bench.failures import FailureFigures, check_rivals, failures
from streams.bench.results import Choice, Fidelity, FieldResult
from streams.errors import UsageError


def result(specimen: str, dose: str, psnr: dict[str, float], chosen: str, **smaller: str) -> FieldResult:
    classical = tuple(name for name in psnr if name != "unet")
    return FieldResult(
        kind="scan",
        number=1,
        candidates={name: Fidelity(psnr=value, ssim=0.5) for name, value in psnr.items()},
        chosen=chosen,
        flags=(),
        risks={},
        conditions={"specimen": specimen, "dose": dose},
        networks=tuple({"unet"} & set(psnr)),
        smaller_pools={"without networks": Choice(smaller.get("without", "bm3d"), classical)},
    )


WON = result("lines", "15 e/px", {"raw": 20, "bm3d": 30, "unet": 32}, "unet")
SEEN = result("lines", "120 e/px", {"raw": 25, "bm3d": 34, "unet": 33}, "bm3d")
MISSED = result("grains", "120 e/px", {"raw": 25, "bm3d": 34, "unet": 31}, "unet")
NEARLY = result("grains", "15 e/px", {"raw": 20, "bm3d": 30.05, "unet": 30}, "unet")
ALL = [WON, SEEN, MISSED, NEARLY]


def figures(*results: FieldResult) -> FailureFigures:
    found = failures(results)
    assert found is not None
    return found


def test_a_network_is_compared_with_its_rival_by_every_condition_and_by_all_together() -> None:
    (unet,) = figures(*ALL).networks
    assert unet.every.gain_db == pytest.approx((2 - 1 - 3 - 0.05) / 4)
    assert (unet.every.lost, unet.every.worst_db) == (0.75, -3)
    assert list(unet.by) == ["specimen", "dose"]
    assert {name: duel.lost for name, duel in unet.by["specimen"].items()} == {"lines": 0.5, "grains": 1}
    assert {name: duel.gain_db for name, duel in unet.by["dose"].items()} == {"15 e/px": 0.975, "120 e/px": -2}
    assert unet.together["lines, 15 e/px"].lost == 0
    assert len(unet.together) == 4


def test_picks_are_right_where_the_best_is_chosen_and_near_within_a_tenth_of_a_decibel() -> None:
    (unet,) = figures(*ALL).networks
    assert (unet.every.picks.right, unet.every.picks.near) == (0.5, 0.75)
    there = unet.every.picks_where_lost
    assert there is not None
    assert (there.images, there.chosen) == (3, {"bm3d": 1, "unet": 2})
    assert there.right == pytest.approx(1 / 3, abs=1e-4)
    assert there.near == pytest.approx(2 / 3, abs=1e-4)
    assert unet.together["lines, 15 e/px"].picks_where_lost is None


def test_pools_tell_what_networks_gain_on_average_and_what_they_spoil() -> None:
    pools = figures(*ALL).pools
    assert list(pools) == ["whole", "without networks"]
    assert pools["whole"].psnr == pytest.approx((32 + 34 + 31 + 30) / 4)
    assert pools["without networks"].psnr == pytest.approx((30 + 34 + 34 + 30.05) / 4, abs=1e-4)
    assert pools["without networks"].best_psnr == pools["without networks"].psnr
    assert pools["without networks"].regret == pytest.approx(0.5)
    assert (pools["without networks"].better, pools["without networks"].better_db) == (0.25, 3)
    assert (pools["whole"].better, pools["whole"].better_db) == (0, 0)


def test_an_image_of_which_a_method_was_skipped_is_no_duel_and_counts_in_the_pools() -> None:
    kept = result("lines", "15 e/px", {"raw": 20}, "raw", without="raw")
    found = figures(kept, WON)
    assert found.networks[0].every.picks.images == 1
    assert found.pools["whole"].psnr == 26


def test_without_networks_there_is_nothing_to_tell() -> None:
    assert failures([result("lines", "15 e/px", {"raw": 20, "bm3d": 30}, "bm3d")]) is None


def test_a_pipeline_that_lacks_either_is_told_before_anything_is_computed() -> None:
    with pytest.raises(UsageError, match="the pipeline has not both"):
        check_rivals([Filter(candidates={"bm3d": Gaussian()})])
