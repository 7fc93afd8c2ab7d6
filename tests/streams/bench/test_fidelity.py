from pathlib import Path

import cv2
import pytest

from stages.denoise import Denoise
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.metrics import Metrics
from stages.selector import Selector
from streams.bench.fidelity import score_field, score_fields
from streams.bench.fields import find_fields
from streams.bench.results import Choice
from streams.errors import UsageError
from tests.streams.bench.conftest import WritePair

STAGES = (Filter(candidates={"gaussian": Gaussian()}), Metrics(), Selector())


def test_a_clean_image_that_moved_and_is_darker_is_brought_onto_the_noisy_one(
    pairs: Path, write_pair: WritePair
) -> None:
    write_pair("line", 1)
    result = score_field(STAGES, find_fields(pairs)[0])
    assert result.noisy.psnr == pytest.approx(23, abs=1.5)
    assert result.candidates["gaussian"].psnr > result.noisy.psnr + 3
    assert result.chosen == "gaussian"
    assert result.regret == 0
    assert set(result.risks) == {"raw", "gaussian"}


def test_what_fewer_candidates_would_have_come_to_is_decided_from_the_same_scores(
    pairs: Path, write_pair: WritePair
) -> None:
    write_pair("line", 1)
    stages = (
        Filter(candidates={"gaussian": Gaussian(), "bm3d": Gaussian(strength=0.3)}),
        Denoise(candidates={"network": Gaussian(strength=0.9)}),
        Metrics(),
        Selector(),
    )
    result = score_field(stages, find_fields(pairs)[0])
    assert result.conditions == {"real": "line"}
    assert result.networks == ("network",)
    assert result.smaller_pools["bm3d alone"] == Choice("bm3d", ("raw", "bm3d"))
    assert result.smaller_pools["without networks"].pool == ("raw", "gaussian", "bm3d")
    assert result.smaller_pools["without networks"].chosen == "gaussian"


def test_several_processes_find_what_one_finds(pairs: Path, write_pair: WritePair) -> None:
    for number in (1, 2):
        write_pair("line", number)
    fields = find_fields(pairs)
    alone, together = (list(score_fields(STAGES, fields, jobs=jobs)) for jobs in (1, 2))
    assert [r.number for r in together] == [1, 2]
    assert [r.chosen for r in together] == [r.chosen for r in alone]
    assert [r.selected.psnr for r in together] == pytest.approx([r.selected.psnr for r in alone])


def test_frames_of_two_shapes_are_no_pair(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    clean = pairs / "line" / "clean_001.tif"
    pixels = cv2.imread(str(clean), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    cv2.imwrite(str(clean), pixels[:-5])
    with pytest.raises(UsageError, match="line/001: the clean frame is"):
        score_field(STAGES, find_fields(pairs)[0])


def test_a_pipeline_without_selector_is_wrong_usage(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    with pytest.raises(UsageError, match="no stage that selects"):
        score_field(STAGES[:-1], find_fields(pairs)[0])
