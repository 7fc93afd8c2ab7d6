"""An event that the brokers have, and the journal does not know of, is not published a second time."""

from collections.abc import Sequence

import pytest

from streams.adapters.sqlite_journal import FeedJournal
from streams.agent.announced import announced_in
from streams.agent.journal import Journal, Pending
from streams.agent.once import publish_once
from streams.intake import message_of
from tests.agents import OPTIONS, TOPIC, Site, tiff
from tests.events import image_event
from tests.memory_log import MemoryLog


class Killed(BaseException):
    """The process ends here."""


def test_who_dies_between_the_brokers_answer_and_the_journal_publishes_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2):
        site.put(f"{seed}.tif", tiff(seed))

    def dies(journal: Journal, events: Sequence[Pending]) -> None:
        raise Killed

    with monkeypatch.context() as context, pytest.raises(Killed):
        context.setattr(FeedJournal, "published", dies)
        publish_once([site.folder], OPTIONS, site.world())
    assert len(site.brokers.ids) == 2
    site.reopen()
    publish_once([site.folder], OPTIONS, site.world())
    site.put("3.tif", tiff(3))
    publish_once([site.folder], OPTIONS, site.world())
    assert sorted(site.brokers.names) == ["1.tif", "2.tif", "3.tif"]


def test_a_topic_is_read_for_what_it_holds_of_some_events() -> None:
    log = MemoryLog()
    pending = [Pending(number, TOPIC, image_event(name=f"{number}.tif")) for number in range(3)]
    log.create(TOPIC)
    log.publish([message_of(one.event, TOPIC) for one in pending[:2]])
    assert announced_in(log, pending) == {one.event.acquisition.acquisition_id for one in pending[:2]}
