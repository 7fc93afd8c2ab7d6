"""A stage stops before it empties a topic into the dead letters."""

import pytest

from streams.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters


def test_a_row_of_rejections_stops_the_stage_and_says_what_to_do() -> None:
    limit = DeadLetterLimit("filter", in_a_row=3)
    limit.note([True, True])
    with pytest.raises(TooManyDeadLetters, match=r"stage filter stops: 3 images in a row .* dlq list --stage filter"):
        limit.note([True])


def test_one_good_image_ends_a_row() -> None:
    limit = DeadLetterLimit("filter", in_a_row=3, window=1000)
    for _ in range(100):
        limit.note([True, True, False])


def test_a_share_of_rejections_stops_the_stage_once_the_window_is_full() -> None:
    limit = DeadLetterLimit("filter", in_a_row=100, ratio=0.5, window=10)
    limit.note([True, False, True, True, False, True, True, False, True])
    with pytest.raises(TooManyDeadLetters, match="7 of the last 10"):
        limit.note([True])


def test_a_share_below_the_ratio_is_lived_with() -> None:
    limit = DeadLetterLimit("filter", in_a_row=100, ratio=0.5, window=10)
    for _ in range(50):
        limit.note([True, False])
