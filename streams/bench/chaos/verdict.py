"""The count afterwards: topics, ledger and object store must tell of the same images, each once."""

import hashlib
import os
import subprocess
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg

from deploy.local.programs import Programs
from schemas.events import ImageEvent
from schemas.image import ObjectRef
from streams.bench.chaos.console import Printed, read_committed
from streams.bench.chaos.figures import Verdict
from streams.bench.chaos.scene import PIPELINE, Scene
from streams.pipeline import DEAD_LETTERS, load_pipeline

SETTLED = "SELECT stage, acquisition_id, state, chosen FROM settlement WHERE lane = 'live'"
SHOWN = 5


def judge(scene: Scene, expected: Sequence[str], programs: Programs) -> Verdict:
    """Count, when everything has come to rest."""
    pipeline = load_pipeline(PIPELINE)
    bootstrap = scene.settings.kafka.bootstrap_servers
    selected = read_committed(bootstrap, pipeline.steps()[-1].produces, programs)
    letters = read_committed(bootstrap, DEAD_LETTERS, programs)
    events = [ImageEvent.from_json(printed.value) for printed in selected]
    url = scene.servers.postgres.server.settings()["postgres"]["url"]
    with psycopg.connect(url) as connection:
        rows = [Settled(*row) for row in connection.execute(SETTLED)]
    problems = [
        *_some("dead letter", [_why(letter) for letter in letters]),
        *settlement_problems(rows, [stage.name for stage in pipeline.stages], expected),
        *selection_problems(rows, pipeline.stages[-1].name, events),
        *_some("object", object_problems(scene.servers.objects, events)),
        *conservation_problems(scene),
    ]
    return counted(expected, events).but(dead_letters=len(letters), problems=tuple(problems))


@dataclass(frozen=True)
class Settled:
    """A row of the ledger."""

    stage: str
    acquisition: str
    state: str
    chosen: str | None


def counted(expected: Sequence[str], events: Iterable[ImageEvent]) -> Verdict:
    """Count how often each acquisition was selected; one that nobody published counts as doubled."""
    times = Counter(event.acquisition.acquisition_id for event in events)
    due = Counter(expected)
    return Verdict(images=len(expected), lost=(due - times).total(), doubled=(times - due).total())


def settlement_problems(rows: Collection[Settled], stages: Sequence[str], expected: Iterable[str]) -> list[str]:
    """Look for what the ledger has not settled exactly once a stage and acquisition, and for rejections."""
    counts = Counter((row.stage, row.acquisition) for row in rows)
    wanted = [(stage, acquisition) for acquisition in expected for stage in stages]
    return [
        *_some("not settled once", [f"{place} {counts[place]} times" for place in wanted if counts[place] != 1]),
        *_some("settled and never published", [str(place) for place in set(counts) - set(wanted)]),
        *_some("rejected", [f"{row.stage} {row.acquisition}" for row in rows if row.state != "done"]),
    ]


def selection_problems(rows: Iterable[Settled], selector: str, events: Iterable[ImageEvent]) -> list[str]:
    """Compare what was selected, as the ledger and the events tell it."""
    ledger = {row.acquisition: row.chosen for row in rows if row.stage == selector}
    told = {event.acquisition.acquisition_id: event.selection.chosen if event.selection else None for event in events}
    differing = [f"{one}: {ledger.get(one)}, not {chosen}" for one, chosen in told.items() if ledger.get(one) != chosen]
    return list(_some("another selection in the ledger", differing))


def object_problems(objects: Path, events: Iterable[ImageEvent]) -> list[str]:
    """Look for every object that the events name in the folder of the store itself."""
    refs = {ref.key: ref for event in events for ref in _refs(event)}
    return [problem for ref in refs.values() if (problem := _object_problem(objects / ref.bucket / ref.key, ref))]


def _refs(event: ImageEvent) -> list[ObjectRef]:
    return [event.image.object, *(one.object for one in event.candidates if one.object is not None)]


def _object_problem(file: Path, ref: ObjectRef) -> str | None:
    if not file.is_file():
        return f"{ref.key} is not there"
    data = file.read_bytes()
    if len(data) != ref.size_bytes or hashlib.sha256(data).hexdigest() != ref.sha256:
        return f"{ref.key} has other bytes than the events say"
    return None


def conservation_problems(scene: Scene) -> list[str]:
    """Ask `semstream reconcile`."""
    done = subprocess.run(  # noqa: S603 - this program
        scene.program("reconcile", "--objects", "--pipeline", str(PIPELINE)),
        env={**os.environ, **scene.environment},
        capture_output=True,
        check=False,
    )
    said = " ".join((done.stderr + done.stdout).decode(errors="replace").split())
    return [] if done.returncode == 0 else [f"semstream reconcile ended with {done.returncode}: {said[-1000:]}"]


def _why(letter: Printed) -> str:
    event = orjson.loads(letter.value)
    return f"{event['stage']}: {event['reason']}"


def _some(what: str, those: list[str]) -> Iterator[str]:
    """Yield a line for some, and how many more there are."""
    yield from (f"{what}: {one}" for one in those[:SHOWN])
    if len(those) > SHOWN:
        yield f"{what}: and {len(those) - SHOWN} more"
