from base64 import b64decode

import cv2
import numpy as np
import pytest

from schemas.frame import Frame, Pixels
from streams.report.pictures import MAX_SIDE_PX, OVERVIEW_SIDE_PX, GreyWindow, Part, data_uri, overview


def ramp(height: int, width: int, *, top: float = 1.0) -> Frame:
    return Frame(np.linspace(0, top, height * width, dtype=np.float32).reshape(height, width))


def decoded(uri: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    data = np.frombuffer(b64decode(uri.split(",", 1)[1]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture.astype(np.uint8)


def test_a_lossless_picture_holds_every_grey_level() -> None:
    frame = Frame.clipped(np.arange(256).reshape(16, 16) / 255)
    uri = data_uri(frame.pixels, GreyWindow(), lossless=True)
    assert uri.startswith("data:image/png;base64,")
    np.testing.assert_array_equal(decoded(uri), np.arange(256).reshape(16, 16))


def test_a_compressed_picture_stays_within_a_few_grey_levels() -> None:
    uri = data_uri(ramp(64, 64).pixels, GreyWindow(), lossless=False)
    assert uri.startswith("data:image/webp;base64,")
    error = decoded(uri).astype(float) - ramp(64, 64).pixels * 255
    assert np.sqrt((error**2).mean()) < 2


@pytest.mark.parametrize(
    ("shape", "top_left"), [((1000, 700), (244, 94)), ((512, 513), (0, 0)), ((30, 2000), (0, 744))]
)
def test_large_frames_are_cropped_at_their_centre_and_not_resampled(
    shape: tuple[int, int], top_left: tuple[int, int]
) -> None:
    pixels: Pixels = ramp(*shape).pixels
    crop = Part.of(shape)(pixels)
    assert max(crop.shape) <= MAX_SIDE_PX
    assert crop[0, 0] == pixels[top_left]


@pytest.mark.parametrize("seen", [(0, 0), (1999, 999), (1500, 20), (300, 990), (1000, 500)])
def test_a_place_that_the_centre_lacks_is_shown_within_the_frame(seen: tuple[int, int]) -> None:
    part = Part.of((1000, 2000), seen)
    assert part.holds(*seen)
    assert part(ramp(1000, 2000).pixels).shape == (MAX_SIDE_PX, MAX_SIDE_PX)
    assert (part == Part.of((1000, 2000))) == Part.of((1000, 2000)).holds(*seen)


@pytest.mark.parametrize(("shape", "seen"), [((1000, 700), (0, 0)), ((600, 2000), (1999, 599)), ((900, 900), None)])
def test_the_small_picture_of_a_whole_frame_outlines_the_part(
    shape: tuple[int, int], seen: tuple[int, int] | None
) -> None:
    part = Part.of(shape, seen)
    uri = overview(np.full(shape, 0.5, np.float32), part)
    assert uri is not None
    small = decoded(uri)
    assert max(small.shape) == OVERVIEW_SIDE_PX
    scale = OVERVIEW_SIDE_PX / max(shape)
    rows, columns = np.nonzero(small > 200)
    found = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    outline = part.top, part.left, part.top + part.height, part.left + part.width
    np.testing.assert_allclose(found, scale * np.array(outline), atol=1.5)
    centre = round(scale * (part.top + part.height / 2)), round(scale * (part.left + part.width / 2))
    assert small[centre] == pytest.approx(128, abs=20)


def test_the_small_picture_shows_a_bright_frame_around_a_dark_part() -> None:
    frame = ramp(1200, 1200).pixels + np.float32(0.0)
    frame[:512, :512] *= 0.05
    small = decoded(str(overview(frame, Part.of(frame.shape, (0, 0)))))
    assert np.mean(small > 250) < 0.1


@pytest.mark.parametrize("shape", [(20, 1800), (5000, 40)])
def test_there_is_none_of_a_frame_in_which_nothing_would_be_seen(shape: tuple[int, int]) -> None:
    assert overview(np.full(shape, 0.5, np.float32), Part.of(shape)) is None


def test_a_dark_frame_is_shown_stretched_and_a_full_one_as_it_is() -> None:
    dark = GreyWindow.of(ramp(100, 100, top=0.3).pixels)
    assert dark.stretches
    assert dark.white == pytest.approx(0.3, abs=1e-3)
    assert not GreyWindow.of(ramp(100, 100).pixels).stretches


def test_a_constant_frame_has_a_picture() -> None:
    frame = Frame(np.full((20, 20), 0.5, np.float32))
    assert (decoded(data_uri(frame.pixels, GreyWindow.of(frame.pixels), lossless=True)) == 128).all()


def test_restorations_beyond_the_raw_frames_grey_window_are_clipped_not_wrapped() -> None:
    picture = decoded(data_uri(ramp(100, 100).pixels, GreyWindow(0.2, 0.4), lossless=True))
    assert (picture[0, 0], picture[-1, -1]) == (0, 255)
