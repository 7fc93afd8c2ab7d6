import pytest

from schemas.events import ImageEvent
from schemas.headers import Headers
from schemas.health import Quantity
from schemas.scores import RAW, Candidate, NoiseRecord, Selection
from streams.errors import InvalidImage
from streams.transport import Message, Partition
from streams.trends.observation import Observation, observed_in, parsed
from tests.events import NOON, headers_of, image_event

NOISE = NoiseRecord(sigma=0.06, gain=0.01, offset=0.001, row_acf=(1.0,), column_lag1=0.0, saturated=0.0, holds=True)
SCORES: dict[str, float | None] = {"snr_db": 7.0, "texture_fine": 2.0}
SELECTION = Selection(chosen=RAW, rule="least risk", reason="because")


def _event(
    *, noise: NoiseRecord | None = NOISE, scores: dict[str, float | None] = SCORES, selection: Selection | None = None
) -> ImageEvent:
    raw = Candidate(name=RAW, stage="metrics", method=RAW, config_hash=RAW, scores=scores)
    event = image_event()
    image = event.image.but(instrument_id="sem-1", recipe="lines")
    return event.but(image=image, noise=noise, candidates=(raw,), selection=selection)


def _message(event: ImageEvent, headers: Headers | None = None) -> Message:
    wire = (headers or headers_of(event)).to_wire()
    return Message(Partition("sem.scored", 3), 17, 0, b"key", event.to_json(), wire)


def _seen(event: ImageEvent) -> Observation:
    seen = observed_in(_message(event), now=NOON)
    assert seen is not None
    return seen


def test_a_scored_image_tells_of_its_noise_and_sharpness() -> None:
    seen = _seen(_event())
    assert seen.values == {Quantity.SIGMA: 0.06, Quantity.GAIN: 0.01, Quantity.SNR: 7.0, Quantity.SHARPNESS: -7.0}
    assert (seen.raw, seen.key, seen.place, seen.offset) == (None, b"sem-1|lines", "sem.scored/3", 17)
    assert parsed(seen.to_json()) == seen


def test_a_noise_law_that_does_not_hold_tells_nothing() -> None:
    assert set(_seen(_event(noise=NOISE.but(holds=False))).values) == {Quantity.SNR, Quantity.SHARPNESS}
    assert set(_seen(_event(noise=None)).values) == {Quantity.SNR, Quantity.SHARPNESS}


@pytest.mark.parametrize("gain", [0.0, -0.001])
def test_a_gain_that_is_none_tells_nothing(gain: float) -> None:
    assert Quantity.GAIN not in _seen(_event(noise=NOISE.but(gain=gain))).values


@pytest.mark.parametrize(
    "scores", [{}, {"snr_db": None, "texture_fine": 2.0}, {"texture_fine": None}, {"snr_db": 1.0, "texture_fine": 0.9}]
)
def test_without_texture_above_the_noise_there_is_no_sharpness(scores: dict[str, float | None]) -> None:
    assert Quantity.SHARPNESS not in _seen(_event(scores=scores)).values


@pytest.mark.parametrize(("chosen", "raw"), [(RAW, True), ("unet", False)])
def test_a_selected_image_tells_whether_its_raw_frame_was(chosen: str, raw: bool) -> None:
    seen = _seen(_event(selection=SELECTION.but(chosen=chosen)))
    assert (seen.raw, seen.values) == (raw, {})


def test_what_is_replayed_says_nothing_of_the_instrument_now() -> None:
    event = _event()
    old = Headers("id", "sem.image.v1", "/test", event.image.image_id, NOON, replay_of="other")
    assert observed_in(_message(event, old), now=NOON) is None


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b"[1]"])
def test_what_is_no_event_is_an_invalid_image(value: bytes | None) -> None:
    with pytest.raises(InvalidImage):
        observed_in(Message(Partition("sem.scored", 0), 0, 0, None, value, headers_of(_event()).to_wire()), now=NOON)


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        (Quantity.SIGMA, 0.0),
        (Quantity.SIGMA, -1.0),
        (Quantity.GAIN, 0.0),
        (Quantity.SNR, 1e200),
        (Quantity.SNR, -1e200),
    ],
)
def test_what_no_chart_could_take_is_no_observation(quantity: Quantity, value: float) -> None:
    data = _seen(_event()).but(values={quantity: value}).to_json()
    with pytest.raises(InvalidImage, match=f"{quantity} of an image cannot be"):
        parsed(data)


def test_an_observation_without_a_zone_is_none() -> None:
    with pytest.raises(InvalidImage, match="published_at"):
        parsed(_seen(_event()).but(published_at=NOON.replace(tzinfo=None)).to_json())


def test_an_event_with_scores_that_no_chart_could_take_is_an_invalid_image() -> None:
    with pytest.raises(InvalidImage, match="snr_db of an image cannot be"):
        observed_in(_message(_event(scores={"snr_db": 1e200})), now=NOON)


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff"])
def test_what_is_no_observation_is_one_neither(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="no observation"):
        parsed(data)
