"""The count afterwards: topics, ledger and object store must tell of the same images, each once."""

import hashlib
import importlib.util
import os
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
    steps = load_pipeline(PIPELINE).steps()
    bootstrap = scene.settings.kafka.bootstrap_servers
    selected = read_committed(bootstrap, steps[-1].produces, programs)
    letters = read_committed(bootstrap, DEAD_LETTERS, programs)
    events = [ImageEvent.from_json(printed.value) for printed in selected]
    times = Counter(event.acquisition.acquisition_id for event in events)
    problems = [
        *_some("selected and never published", sorted(set(times) - set(expected))),
        *_some("dead letter", [_why(letter) for letter in letters]),
        *ledger_problems(scene, expected, events),
        *_some("object", object_problems(scene.servers.objects, events)),
        *conservation_problems(scene),
    ]
    return Verdict(
        images=len(expected),
        lost=len(set(expected) - set(times)),
        doubled=sum(count - 1 for count in times.values()),
        dead_letters=len(letters),
        problems=tuple(problems),
    )


def ledger_problems(scene: Scene, expected: Sequence[str], events: Iterable[ImageEvent]) -> Iterator[str]:
    """Compare the ledger with what was published: one settlement a stage and acquisition, the same selection."""
    url = scene.servers.postgres.server.settings()["postgres"]["url"]
    with psycopg.connect(url) as connection:
        rows = connection.execute(SETTLED).fetchall()
    stages = [stage.name for stage in load_pipeline(PIPELINE).stages]
    counts = Counter((str(stage), str(acquisition)) for stage, acquisition, _, _ in rows)
    wanted = {(stage, acquisition) for stage in stages for acquisition in expected}
    yield from _some("not settled once", [f"{place} {counts[place]} times" for place in wanted if counts[place] != 1])
    yield from _some("settled and never published", [str(place) for place in set(counts) - wanted])
    yield from _some("rejected", [f"{stage} {acquisition}" for stage, acquisition, state, _ in rows if state != "done"])
    chosen = {acquisition: choice for stage, acquisition, _, choice in rows if stage == stages[-1]}
    yield from _some(
        "another selection in the ledger",
        [
            f"{event.acquisition.acquisition_id}: {chosen.get(event.acquisition.acquisition_id)}"
            for event in events
            if event.selection is None or chosen.get(event.acquisition.acquisition_id) != event.selection.chosen
        ],
    )


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
    """Ask `semstream reconcile`, where it exists."""
    if importlib.util.find_spec("streams.commands.reconcile") is None:
        return []
    done = subprocess.run(  # noqa: S603 - this program
        scene.program("reconcile", "--pipeline", str(PIPELINE)),
        env={**os.environ, **scene.environment},
        capture_output=True,
        check=False,
    )
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    return [] if done.returncode == 0 else [f"semstream reconcile ended with {done.returncode}: {said[-1000:]}"]


def _why(letter: Printed) -> str:
    event = orjson.loads(letter.value)
    return f"{event['stage']}: {event['reason']}"


def _some(what: str, those: list[str]) -> Iterator[str]:
    """Yield a line for some, and how many more there are."""
    yield from (f"{what}: {one}" for one in those[:SHOWN])
    if len(those) > SHOWN:
        yield f"{what}: and {len(those) - SHOWN} more"
