"""The mean of a network and BM3D, and networks that are asked only once."""

from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from schemas.frame import Frame
from schemas.scores import RAW, Candidate
from stages.denoise import Denoise
from stages.denoise import network as module
from stages.denoise.blend import Blend
from stages.denoise.network import UNetDenoiser
from stages.denoise.recent import recall, remember, remembering
from stages.denoise.resident import NoWeights
from stages.filter.bm3d import Bm3d
from stages.noise import measure
from stages.stage import Done, Part, Task, config_hash_of
from tests.events import image_event
from tests.networks import small_network
from tests.stages.scan import scanned, scene

FRAME = scanned(scene(height=64, width=72), electrons=60, lag1=0.4)
LAW = measure(FRAME)


def test_it_is_the_weighted_mean_of_both() -> None:
    (by_network,), (by_bm3d,), (blend,) = (m([FRAME], [LAW]) for m in (UNetDenoiser(), Bm3d(), Blend(share=0.6)))
    np.testing.assert_allclose(blend, 0.6 * by_network + 0.4 * by_bm3d, atol=1e-6)


def test_its_network_is_of_the_size_that_the_weights_are_of(tmp_path: Path) -> None:
    weights = str(small_network(tmp_path / "small.safetensors"))
    network = UNetDenoiser(weights, widths=(8, 16), blocks=1)
    (by_network,), (by_bm3d,), (blend,) = (m([FRAME], [LAW]) for m in (network, Bm3d(), Blend(weights=weights)))
    np.testing.assert_allclose(blend, 0.7 * by_network + 0.3 * by_bm3d, atol=1e-6)


def test_whatever_it_is_made_of_is_in_its_hash() -> None:
    hashes = {config_hash_of(blend) for blend in (Blend(), Blend(share=0.6), Blend(profile="fast"))}
    assert len({*hashes, config_hash_of(UNetDenoiser()), config_hash_of(Bm3d())}) == 5


def test_weights_that_are_absent_are_noticed_at_once() -> None:
    with pytest.raises(NoWeights, match=r"there are no weights at absent\.safetensors"):
        Blend(weights="absent.safetensors")


def _told(part: Part) -> object:
    """All that is said of a candidate but for the time it took."""
    assert isinstance(part.record, Candidate)
    assert part.frame is not None
    return part.record.but(seconds=None), part.frame.pixels.tobytes()


def test_candidates_with_one_network_ask_it_once_and_come_out_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    forward = module.fitted

    def counted(inputs: Tensor, *arguments: object, **options: object) -> Tensor:
        shapes.append(tuple(inputs.shape))
        return forward(inputs, *arguments, **options)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(module, "fitted", counted)

    def parts(stage: Denoise) -> dict[str, object]:
        event = image_event()
        (done,) = stage([Task(event, tuple(stage.parts(event)), {RAW: Frame(FRAME)})])
        assert isinstance(done, Done)
        return {name: _told(part) for name, part in done.parts.items()}

    alone = [parts(Denoise({name: method})) for name, method in (("unet", UNetDenoiser()), ("blend", Blend()))]
    calls, shapes = len(shapes) // 2, []
    together = parts(Denoise({"unet": UNetDenoiser(), "blend": Blend()}))
    assert together == {**alone[0], **alone[1]}
    assert len(shapes) == calls > 0


def test_nothing_is_remembered_beyond_a_call() -> None:
    remember(("a",), FRAME)
    assert recall(("a",)) is None
    with remembering():
        remember(("a",), FRAME)
        np.testing.assert_array_equal(recall(("a",)), FRAME)
    assert recall(("a",)) is None
