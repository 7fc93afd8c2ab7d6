from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events import ImageEvent
from streams.embedded import LOST_AFTER_POLLS, EmbeddedRun
from streams.feed import Window
from streams.transport import Message
from tests.events import image_event


class Deaf:
    """A feed that publishes one image to nowhere."""

    source = "/test"

    def __init__(self, window: Window) -> None:
        self._window = window

    def run(self, files: object, listener: Any) -> None:
        event = image_event()
        self._window.enter(event.acquisition.acquisition_id, 1)
        listener.published(event)


class Busy:
    """A crew with something in hand for so many looks."""

    name = "busy"

    def __init__(self, looks: int) -> None:
        self._looks = looks

    @property
    def in_flight(self) -> int:
        self._looks -= 1
        return int(self._looks > 0)

    def run(self) -> None:
        pass

    def stop(self) -> None:
        pass


class Silence:
    """A reader that never gets anything."""

    def __init__(self) -> None:
        self.polls = 0

    def poll(self, *, limit: int, timeout_s: float) -> Sequence[Message]:
        self.polls += 1
        return []


class NoResults:
    def output_name(self, event: ImageEvent) -> str:
        return event.acquisition.source_name


@pytest.mark.parametrize("looks", [0, 50])
def test_a_run_whose_images_are_in_nobody_s_hands_ends_instead_of_waiting_for_ever(looks: int) -> None:
    silence = Silence()
    parts: Any = SimpleNamespace(crews=(Busy(looks),), results=silence)
    feed: Any = Deaf
    results: Any = NoResults()
    run = EmbeddedRun(parts, feed, results, show=lambda progress: None)
    with pytest.raises(RuntimeError, match="1 images are on their way and no stage has them"):
        run([])
    assert silence.polls > LOST_AFTER_POLLS + max(0, looks - 1)
