import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frame import Frame
from streams import pixels
from streams.errors import InvalidImage


def frame(seed: int, height: int, width: int) -> Frame:
    return Frame(np.random.default_rng(seed).random((height, width), dtype=np.float32))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40))
def test_a_frame_comes_back_as_encoding_said_it_would(seed: int, height: int, width: int) -> None:
    original = frame(seed, height, width)
    data, rounded = pixels.encode(original)
    assert np.array_equal(pixels.decode(data).pixels, rounded.pixels)
    assert np.abs(rounded.pixels - original.pixels).max() <= 0.5001 / 65535
    assert pixels.encode(rounded)[0] == data


def test_black_and_white_and_every_level_survive() -> None:
    levels = np.arange(65536, dtype=np.float32).reshape(256, 256) / np.float32(65535)
    data, rounded = pixels.encode(Frame(levels))
    assert np.array_equal(rounded.pixels, levels)
    assert (rounded.pixels.min(), rounded.pixels.max()) == (0, 1)
    assert np.array_equal(pixels.decode(data).pixels, levels)


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert pixels.encode(frame(1, 64, 64))[0] == pixels.encode(frame(1, 64, 64))[0]


def test_what_is_read_back_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        pixels.decode(pixels.encode(frame(1, 4, 4))[0]).pixels[0, 0] = 0.5


@pytest.mark.parametrize(
    "data",
    [
        b"garbage",
        pixels.encode(frame(1, 64, 64))[0][:200],
        cv2.imencode(".tif", np.zeros((4, 4), np.uint8))[1].tobytes(),
        cv2.imencode(".tif", np.zeros((4, 4, 3), np.uint16))[1].tobytes(),
    ],
)
def test_what_encoding_never_wrote_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage, match="no 16-bit grey TIFF"):
        pixels.decode(data)
