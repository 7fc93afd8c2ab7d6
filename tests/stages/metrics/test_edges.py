import numpy as np
import pytest

from stages.metrics.edges import Edges
from stages.metrics.names import Score
from tests.stages.metrics.conftest import Scene


def test_the_clean_frame_is_about_as_steep_as_the_raw_one_for_noise_has_no_part_in_it(scene: Scene) -> None:
    edges = Edges.of(scene.raw)
    assert edges(scene.raw)[Score.EDGE_GRADIENT] == 1
    assert edges(scene.clean)[Score.EDGE_GRADIENT] == pytest.approx(1, abs=0.06)


def test_blur_flattens_edges_and_sharpening_steepens_them(scene: Scene) -> None:
    edges = Edges.of(scene.raw)
    sharpened = scene.clean + 1.5 * (scene.clean - np.asarray(scene.blurred(2.0)))
    mild, strong, sharp = (edges(f)[Score.EDGE_GRADIENT] or 0 for f in (scene.blurred(1), scene.blurred(2), sharpened))
    assert strong < mild < 1 < sharp


def test_a_constant_frame_has_no_edges() -> None:
    flat = np.full((32, 32), 0.5, np.float32)
    assert Edges.of(flat)(flat) == {Score.EDGE_GRADIENT: None}
