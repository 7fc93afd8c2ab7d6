"""A process that dies on purpose: it works through a batch on disk and ends at the port call it is told.

``python mortal.py FOLDER`` prints one JSON line a scenario. Each scenario runs in forked children of this process,
which has imported everything and started no thread.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from streams.adapters.dict_cache import DictCache
from streams.adapters.folder_store import FolderStore
from streams.adapters.sql_ledger import SqlLedger
from streams.frames import Frames
from streams.job import Desk
from streams.pipeline import Step
from streams.slots import Slots
from streams.surroundings import Surroundings
from streams.telemetry import Telemetry
from streams.transport import Outgoing, Partition, Positions
from streams.worker import Worker
from tests.crash.disk_transport import DiskTransport
from tests.events import NOON, headers_of, image_event
from tests.toys import SIDE, Shade, ToyDecoder, toy_file

DIED = 9
CALLS = ("poll", "commit", "get", "put", "vanished", "bodies", "settlements", "settle")


class Fate:
    """Counts port calls and ends the process at one of them, before or after its effect."""

    def __init__(self, at: int | None, moment: str) -> None:
        self._at = at
        self._moment = moment
        self.calls: list[str] = []

    def tempt(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def tempted(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            mine = len(self.calls) - 1 == self._at
            if mine and self._moment == "before":
                os._exit(DIED)
            result = call(*args, **kwargs)
            if mine and self._moment == "after":
                os._exit(DIED)
            return result

        return tempted

    def upon(self, port: Any, name: str) -> Any:
        for call in CALLS:
            if hasattr(port, call):
                setattr(port, call, self.tempt(f"{name}.{call}", getattr(port, call)))
        return port


def work(folder: Path, fate: Fate, *, torn: bool) -> None:
    """Answer everything in the input, as one worker life."""
    transport = DiskTransport(folder, torn=torn)
    transport.between = fate.tempt("transport.between", lambda: None)
    fate.upon(transport, "transport")
    store = fate.upon(FolderStore(folder / "objects"), "store")
    ledger = fate.upon(SqlLedger.sqlite(folder / "ledger.sqlite"), "ledger")
    cache = fate.upon(DictCache(), "cache")
    frames = Frames(store, ToyDecoder())
    around = Surroundings(store, cache, ledger, frames, Slots(1), Telemetry(), lambda: NOON)
    desk = Desk(Step(Shade(), "sem.images", "sem.shaded"), "live", "p1")
    worker = Worker(desk, transport, around)
    while messages := transport.poll(limit=2, timeout_s=0):
        answers = worker.answer(messages)
        worker.publish(answers, Positions({Partition("sem.images", 0): messages[-1].offset + 1}))


def prepare(folder: Path) -> None:
    """Write three images and publish them; the second is sent twice, the third cannot be decoded."""
    store = FolderStore(folder / "objects")
    events = []
    for name, data in (("a", toy_file(1)), ("b", toy_file(2)), ("b", toy_file(2)), ("c", b"broken")):
        ref = store.put(data, folder="raw/sim-1", suffix=".toy", media_type="application/octet-stream")
        event = image_event(ref, name=name, width=SIDE, height=SIDE)
        events.append(Outgoing("sem.images", b"key", event.to_json(), headers_of(event).to_wire()))
    DiskTransport(folder).feed(events)


def in_child(run: Callable[[], None]) -> int:
    """Fork, run, and return the exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            run()
        except BaseException as error:  # reported by the exit status and on stderr
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def outcome(folder: Path) -> dict[str, Any]:
    """Return what the world sees afterwards."""
    events = DiskTransport(folder).events()
    ledger = SqlLedger.sqlite(folder / "ledger.sqlite")
    settlements = [s for name in "abc" for s in ledger.history(name)[1]]
    keys = sorted({row.key for name in "abc" for row in ledger.history(name)[0]})
    ledger.close()
    return {
        "events": [[event["ce_id"], event["topic"], event["value"]] for event in events],
        "settlements": sorted([s.source_name, s.state.value] for s in settlements),
        "outcomes": keys,
        "objects": sorted(path.name for path in (folder / "objects").rglob("*.tif")),
        "parts": [path.name for path in (folder / "objects").rglob(".*")],
    }


def scenario(folder: Path, at: int | None, moment: str, *, torn: bool) -> dict[str, Any]:
    """Live, die at a call, live again to the end."""
    folder.mkdir(parents=True)
    prepare(folder)
    first = in_child(lambda: work(folder, Fate(at, moment), torn=torn))
    second = in_child(lambda: work(folder, Fate(None, moment), torn=torn))
    return {"at": at, "moment": moment, "torn": torn, "first": first, "second": second, **outcome(folder)}


def calls_of_a_life(folder: Path, *, torn: bool) -> list[str]:
    """Return the names of the port calls that an undisturbed life makes."""
    folder.mkdir(parents=True)
    prepare(folder)
    fate = Fate(None, "before")
    work(folder, fate, torn=torn)
    return fate.calls


def main(folder: Path) -> None:
    """Run every scenario."""
    cv2.setNumThreads(0)
    for torn in (False, True):
        calls = calls_of_a_life(folder / f"calls-{torn}", torn=torn)
        print(json.dumps({"calls": calls, "torn": torn}))
        print(json.dumps(scenario(folder / f"whole-{torn}", None, "never", torn=torn)))
        for at in range(len(calls)):
            for moment in ("before", "after"):
                print(json.dumps(scenario(folder / f"{torn}-{at}-{moment}", at, moment, torn=torn)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
