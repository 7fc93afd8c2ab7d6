from pathlib import Path

import cv2
import pytest

from stages.denoise import Denoise
from stages.denoise.blend import Blend
from stages.denoise.network import UNetDenoiser
from stages.filter import Filter
from stages.filter.mean import Mean
from stages.metrics import Metrics
from stages.selector import Selector
from streams.bench.gallery import SIDE_PX, _of_one_kind, write_gallery
from streams.bench.panels import GAP_PX, MAGNIFIED, TITLE_PX
from streams.bench.simulated_fields import simulated_fields
from streams.errors import UsageError

STAGES = (Filter(candidates={"mean": Mean()}), Metrics(), Selector())


def test_a_specimen_is_a_row_of_panels(tmp_path: Path) -> None:
    (path,) = write_gallery(tmp_path, STAGES, {"some": simulated_fields(1)[0]})
    picture = cv2.imread(str(path))
    assert picture is not None
    assert path == tmp_path / "some.png"
    panels = 5  # raw, classical, selected, map, truth: this pipeline has no network
    assert picture.shape[0] == TITLE_PX + MAGNIFIED * SIDE_PX
    assert picture.shape[1] == panels * (MAGNIFIED * SIDE_PX + GAP_PX) - GAP_PX


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        list(write_gallery(tmp_path / "absent", STAGES, {"some": simulated_fields(1)[0]}))


def test_the_best_network_is_a_network_and_no_blend() -> None:
    stage = Denoise(candidates={"unet": UNetDenoiser(), "blend": Blend()})
    assert list(_of_one_kind(stage)) == ["unet"]
