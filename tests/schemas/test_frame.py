import numpy as np
import pytest

from schemas.frame import Frame, NotAFrame


def test_a_frame_cannot_be_written_to() -> None:
    frame = Frame(np.zeros((4, 5), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


def test_making_a_frame_leaves_the_given_array_writable() -> None:
    pixels = np.zeros((4, 5), np.float32)
    Frame(pixels)
    pixels[0, 0] = 1


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((2, 2, 3), np.float32), "two dimensions"),
        (np.zeros((0, 5), np.float32), "at least one pixel"),
        (np.zeros((2, 2), np.float64), "float32"),
        (np.array([[0.0, np.nan]], np.float32), "1 pixels are not finite"),
        (np.array([[0.0, 1.5]], np.float32), "outside"),
        (np.array([[-0.5, 1.0]], np.float32), "outside"),
    ],
)
def test_what_is_no_frame_says_why(pixels: np.ndarray, reason: str) -> None:
    with pytest.raises(NotAFrame, match=reason):
        Frame(pixels)


def test_clipping_makes_a_frame_of_an_overshooting_result() -> None:
    frame = Frame.clipped(np.array([[-0.2, 0.5, 1.2]]))
    assert frame.pixels.tolist() == [[0.0, 0.5, 1.0]]
