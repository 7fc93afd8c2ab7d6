"""A plant: an instrument that writes while an agent lives, dies, and lives again."""

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from schemas.events import ImageEvent
from streams.errors import TransientError
from tests.agents import Site, Watcher
from tests.instrument import Instrument

CALLS = {
    "store": ("put",),
    "journal": ("notes", "names", "write", "forget", "acquisitions", "uploaded", "pending", "published"),
    "brokers": ("publish",),
}


class Died(BaseException):
    """The agent's process has ended."""


class Fate:
    """Ends an agent's life at some calls, before or after their effect, and lets services be away at others."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.deaths = self.outages = 0
        self.rests = False

    def upon(self, port: Any, calls: tuple[str, ...], *, fails: bool) -> Any:
        for name in calls:
            setattr(port, name, self._tempted(getattr(port, name), fails=fails))
        return port

    def _tempted(self, call: Callable[..., Any], *, fails: bool) -> Callable[..., Any]:
        def tempted(*args: Any, **kwargs: Any) -> Any:
            if fails and self._chance.random() < 0.1:
                self.outages += 1
                raise TransientError("away")
            self._die(0.02)
            result = call(*args, **kwargs)
            self._die(0.02)
            return result

        return tempted

    def _die(self, risk: float) -> None:
        if not self.rests and self._chance.random() < risk:
            self.deaths += 1
            raise Died


class Plant:
    """An instrument that writes while an agent lives, dies, and lives again."""

    def __init__(
        self, root: Path, seed: int, *, writer: type[Instrument] = Instrument, second_suffix: str | None = None
    ) -> None:
        self._second_suffix = second_suffix
        self._chance = random.Random(seed)
        self.fate = Fate(random.Random(seed + 1))
        self.site = Site(root)
        self.published: list[tuple[str, str, str | None]] = []
        """Name, sha256 and the second frame's sha256 of every event, repeats included."""
        start = self.site.clock()
        self.instrument = writer(
            self.site.folder, self._chance, start=start, images=25, is_published=self._is_published
        )
        self._sleep, self.site.clock.sleep = self.site.clock.sleep, self._pass  # type: ignore[method-assign]
        self.fate.upon(self.site.brokers, CALLS["brokers"], fails=True)
        self.fate.upon(self.site.store, CALLS["store"], fails=True)
        self._reopen()

    def run(self) -> None:
        """Run until the instrument has finished and the agent has had its time."""
        self._watch_while(lambda: not self.instrument.idle)
        end = self.site.clock() + 200
        self._watch_while(lambda: self.site.clock() < end)

    def states(self) -> dict[str, str]:
        self.fate.rests = True
        with closing(Watcher(self.site, second_suffix=self._second_suffix)) as watcher:
            return watcher.states()

    def _watch_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            try:
                with closing(Watcher(self.site, second_suffix=self._second_suffix)) as watcher:
                    while condition():
                        watcher.run(1)
            except Died:
                self.site.clock.sleep(self._chance.choice([0, 0.1, 5, 20]))
                self._reopen()

    def _reopen(self) -> None:
        self.site.reopen()
        of = self.site.journals.of
        self.site.journals.of = lambda feed: self.fate.upon(of(feed), CALLS["journal"], fails=False)  # type: ignore[method-assign]

    def _pass(self, seconds: float) -> None:
        self._sleep(seconds)
        self.instrument.act(self.site.clock())

    def _is_published(self, name: str, sha256: str, second: str | None) -> bool:
        new = self.site.brokers.messages[len(self.published) :]
        self.published += [_told(ImageEvent.from_json(message.value)) for message in new]
        return (name, sha256, second) in self.published


def _told(event: ImageEvent) -> tuple[str, str, str | None]:
    second = event.image.second
    return event.acquisition.source_name, event.image.object.sha256, second.sha256 if second else None
