from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from streams.feed import EVENT_GROWTH, FIRST_IMAGES, Window


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def opened(window: Window, count: int) -> Window:
    """Let images through until the window is as wide as it gets."""
    for number in range(count):
        assert window.enter(f"early-{number}", 1)
        assert window.leave(f"early-{number}", 1)
    return window


def fits(window: Window, name: str, size: int) -> bool:
    """Whether an image need not wait; then it enters."""
    return window._has_room(size) and window.enter(name, size)


def test_the_window_is_narrow_until_images_have_settled() -> None:
    window = Window()
    assert [fits(window, str(n), 1) for n in range(FIRST_IMAGES + 1)] == [True] * FIRST_IMAGES + [False]


def test_the_window_bounds_images_and_grown_bytes() -> None:
    images = opened(Window(max_images=3), 10)
    assert [fits(images, str(n), 1) for n in range(4)] == [True, True, True, False]
    grown = opened(Window(max_bytes=100 * EVENT_GROWTH), 10)
    assert [fits(grown, "a", 60), fits(grown, "b", 40), fits(grown, "c", 1)] == [True, True, False]


def test_the_window_learns_that_events_grow_more() -> None:
    window = opened(Window(max_bytes=1000), 10)
    assert window.enter("a", 1)
    assert window.leave("a", 400)
    assert [fits(window, "b", 1), fits(window, "c", 1), fits(window, "d", 1)] == [True, True, False]


def test_an_image_larger_than_the_window_travels_alone() -> None:
    window = Window(max_bytes=10)
    assert fits(window, "a", 1000)
    assert not fits(window, "b", 1)


def test_leaving_makes_room_once_and_tells_repeats(pool: ThreadPoolExecutor) -> None:
    window = Window(max_images=1)
    assert window.enter("a", 1)
    waiting = pool.submit(window.enter, "b", 1)
    assert window.leave("a", 1)
    assert waiting.result(timeout=30)
    assert not window.leave("a", 1)
    assert not window.leave("stranger", 1)
    assert window.open_images == 1
