from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from schemas.frame import Frame
from schemas.scores import RAW
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.metrics import Metrics
from stages.second_frame import SECOND
from stages.selector import Selector
from stages.stage import Outcome, Rejected, Stage, Task
from streams.bench.fields import Sight, read_sight
from streams.bench.rehearsal import rehearse
from streams.errors import InvalidImage
from tests.streams.bench.conftest import WritePair

STAGES = (Filter(candidates={"gaussian": Gaussian()}), Metrics(), Selector())


@dataclass(frozen=True)
class Choosy(Stage):
    name: ClassVar[str] = "choosy"

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        return [Rejected("too grey") for _ in batch]


def test_an_image_goes_through_the_stages_in_order(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    rehearsed = rehearse(STAGES, read_sight(pairs / "line" / "noisy_001.tif"), "line/001")
    assert [c.name for c in rehearsed.event.candidates] == [RAW, "gaussian"]
    assert rehearsed.event.selection is not None
    assert rehearsed.event.selection.chosen == "gaussian"
    assert set(rehearsed.frames) == {RAW, "gaussian"}


def test_the_same_image_gives_the_same_event(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    sight = read_sight(pairs / "line" / "noisy_001.tif")
    first, again = (rehearse(STAGES, sight, "line/001").event for _ in range(2))
    timeless = [[c.but(seconds=0.0) for c in event.candidates] for event in (first, again)]
    assert timeless[0] == timeless[1]
    assert first.selection == again.selection


def test_a_second_frame_goes_along_and_is_no_result(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    first, second = (read_sight(pairs / "line" / f"{name}_001.tif") for name in ("noisy", "clean"))
    rehearsed = rehearse(STAGES, first, "line/001", second)
    assert [c.name for c in rehearsed.event.candidates] == [RAW, "average", "gaussian"]
    assert rehearsed.event.image.second is not None
    assert SECOND not in rehearsed.frames


def test_a_rejection_ends_the_rehearsal_with_its_reason() -> None:
    sight = Sight(Frame(np.full((20, 20), 0.5, np.float32)), "ab-0", "ab" * 32, 9)
    with pytest.raises(InvalidImage, match="stage 'choosy' rejects it: too grey"):
        rehearse((Choosy(),), sight, "line/001")
