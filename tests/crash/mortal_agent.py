"""An agent that dies on purpose: it publishes a folder and ends at the port call it is told.

``python mortal_agent.py FOLDER`` prints one JSON line a scenario; see `tests.crash.mortal`. In every second scenario
something is written between the two lives: another content of a file, another second frame of one that had one, and the
second frame of one that had none.
"""

import base64
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.events import ImageEvent
from streams.agent.journal import FeedId, Journal
from streams.agent.once import publish_once
from streams.transport import Outgoing
from tests.agents import OPTIONS, Site, tiff
from tests.crash.mortal import Fate, in_child

JOURNAL_CALLS = ("notes", "write", "acquisitions", "uploaded", "pending", "published")


class DiskBrokers:
    """Keep messages in a file, one line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, events: Iterable[Outgoing]) -> None:
        with self._path.open("a") as file:
            for event in events:
                file.write(json.dumps([event.topic, base64.b64encode(event.value).decode()]) + "\n")

    def close(self) -> None:
        pass

    def events(self) -> list[tuple[str, ImageEvent]]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        values = [base64.b64decode(json.loads(line)[1]) for line in lines]
        return [(value.decode(), ImageEvent.from_json(value)) for value in values]


class MortalJournals:
    """Journals whose every call may be the last."""

    def __init__(self, site: Site, fate: Fate) -> None:
        self._site = site
        self._fate = fate

    def of(self, feed: FeedId) -> Journal:
        journal = self._site.journals.of(feed)
        for call in JOURNAL_CALLS:
            setattr(journal, call, self._fate.tempt(f"journal.{call}", getattr(journal, call)))
        return journal


def work(root: Path, fate: Fate) -> None:
    """Publish everything, as one life."""
    site = Site(root)
    brokers: Any = DiskBrokers(root / "messages")
    brokers.publish = fate.tempt("publisher.publish", brokers.publish)
    store: Any = site.store
    store.put = fate.tempt("store.put", store.put)
    confirm = fate.tempt("store.confirm", store.get)
    world = replace(site.world(), publisher=brokers, confirm=confirm, journals=MortalJournals(site, fate))
    publish_once([site.folder], replace(OPTIONS, second_suffix="_f2"), world)


def prepare(root: Path) -> None:
    """Write images, one of two pages, one with a second frame, a text, and a file that is cut off."""
    for name, data in (
        ("a.tif", tiff(1, pages=2)),
        ("b.tif", tiff(2)),
        ("c.txt", b"c"),
        ("d.tif", tiff(3)[:-9]),
        ("e.tif", tiff(5)),
        ("e_f2.tif", tiff(6)),
    ):
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def rewrite(root: Path) -> None:
    """Write what comes between the two lives."""
    for name, data in (("a.tif", tiff(4, pages=2)), ("b_f2.tif", tiff(8)), ("e_f2.tif", tiff(7))):
        (root / "in" / name).write_bytes(data)


def scenario(root: Path, at: int | None, moment: str, *, rewritten: bool) -> dict[str, Any]:
    """Live, die at a call, live again to the end."""
    prepare(root)
    first = in_child(lambda: work(root, Fate(at, moment)))
    if rewritten:
        rewrite(root)
    second = in_child(lambda: work(root, Fate(None, moment)))
    events = DiskBrokers(root / "messages").events()
    site = Site(root)
    journal = site.journals.of(FeedId(OPTIONS.provenance.source, OPTIONS.topic, str(site.folder)))
    notes = journal.notes(["a.tif", "b.tif", "b_f2.tif", "c.txt", "d.tif", "e.tif", "e_f2.tif"])
    return {
        "at": at,
        "moment": moment,
        "rewritten": rewritten,
        "lives": [first, second],
        "values": [value for value, _ in events],
        "events": [
            [
                e.acquisition.source_name,
                e.image.object.sha256,
                e.image.second.sha256 if e.image.second else None,
                e.image.page,
                e.acquisition.acquisition_id,
            ]
            for _, e in events
        ],
        "supersedes": {e.acquisition.acquisition_id: e.acquisition.supersedes for _, e in events},
        "states": {name: note.state.value for name, note in notes.items()},
        "pending": len(journal.pending(limit=10)),
    }


def main(root: Path) -> None:
    """Run every scenario."""
    prepare(root / "calls")
    fate = Fate(None, "before")
    work(root / "calls", fate)
    print(json.dumps({"calls": fate.calls}))
    for rewritten in (False, True):
        print(json.dumps(scenario(root / f"whole-{rewritten}", None, "never", rewritten=rewritten)))
        for at in range(len(fate.calls)):
            for moment in ("before", "after"):
                print(json.dumps(scenario(root / f"{rewritten}-{at}-{moment}", at, moment, rewritten=rewritten)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
