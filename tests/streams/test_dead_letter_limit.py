"""A stage stops before it empties a topic into the dead letters."""

import pytest

from streams.dead_letter_limit import DeadLetterLimit, TooManyDeadLetters


def note(limit: DeadLetterLimit, rejected: list[bool]) -> None:
    with limit.noting(rejected):
        pass


def test_a_row_of_rejections_stops_the_stage_and_says_what_to_do() -> None:
    limit = DeadLetterLimit("filter", in_a_row=3)
    note(limit, [True, True])
    with pytest.raises(TooManyDeadLetters, match=r"stage filter stops: 3 images in a row .* dlq list --stage filter"):
        note(limit, [True])


def test_one_good_image_ends_a_row() -> None:
    limit = DeadLetterLimit("filter", in_a_row=3, window=1000)
    for _ in range(100):
        note(limit, [True, True, False])


def test_a_share_of_rejections_stops_the_stage_once_the_window_is_full() -> None:
    limit = DeadLetterLimit("filter", in_a_row=100, ratio=0.5, window=10)
    note(limit, [True, False, True, True, False, True, True, False, True])
    with pytest.raises(TooManyDeadLetters, match="7 of the last 10"):
        note(limit, [True])


def test_a_share_below_the_ratio_is_lived_with() -> None:
    limit = DeadLetterLimit("filter", in_a_row=100, ratio=0.5, window=10)
    for _ in range(50):
        note(limit, [True, False])


def test_a_batch_that_is_tried_again_and_again_counts_once() -> None:
    limit = DeadLetterLimit("filter", in_a_row=3)
    for _ in range(100):
        with pytest.raises(ConnectionError), limit.noting([True]):
            raise ConnectionError
    note(limit, [True])
    note(limit, [True])
    with pytest.raises(TooManyDeadLetters):
        note(limit, [True])
