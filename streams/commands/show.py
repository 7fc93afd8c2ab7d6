"""``semstream show``: everything the ledger knows of an image."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from schemas.events import DeadLetter
from schemas.model import Record
from schemas.scores import Candidate, NoiseRecord, Scoring, Selection
from stages.selector.claims import error_claim
from stages.selector.rounding import CONTINUOUS, GreyLevels
from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, SettingsFile, image_meant
from streams.errors import UsageError
from streams.ports import OutcomeRow, Settlement, State
from streams.source import LEDGER_FILE, readable

BODIES: Mapping[str, type[Record]] = {
    "filter": Candidate,
    "denoise": Candidate,
    "metrics": Scoring,
    "selector": Selection,
}
"""What is kept of each stage's outcome."""


def show(
    image: Annotated[
        str, typer.Argument(help="A file, an image id (or its beginning), or a name as it was published.")
    ],
    out: OutFolder = None,
    *,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Tell the whole story of one image: how each stage answered, every candidate, and what was selected why."""
    wanted = image_meant(image)
    with ledger_meant(out, settings) as found:
        outcomes, settlements = found.ledger.history(wanted)
    if not settlements:
        raise UsageError(_why_unknown(image, Path(found.place)))
    if json:
        typer.echo(orjson.dumps(_everything(outcomes, settlements)))
        return
    for image_id in dict.fromkeys(settlement.image_id for settlement in settlements):
        typer.echo(f"image {image_id}")
        for line in _story(
            [row for row in outcomes if row.key.startswith(f"{image_id}:")],
            [settlement for settlement in settlements if settlement.image_id == image_id],
        ):
            typer.echo(f"  {line}")


def _why_unknown(image: str, ledger: Path) -> str:
    """Say why the ledger has nothing: a file that failed before it became an image is in the dead letters only."""
    letters = ledger.parent.parent / "deadletters.jsonl"
    lines = letters.read_bytes().splitlines() if ledger.name == LEDGER_FILE and letters.is_file() else []
    for letter in map(DeadLetter.from_json, lines):
        if letter.source_name and letter.source_name.split("/")[-1] == Path(readable(image)).name:
            return f"{letter.source_name} failed before it became an image: {letter.reason}"
    return f"the ledger {ledger} knows no image '{image}'; give a file, an image id or a published name"


def _everything(outcomes: Sequence[OutcomeRow], settlements: Sequence[Settlement]) -> Mapping[str, object]:
    bodies = [{**asdict(row), "body": orjson.loads(row.body)} for row in outcomes]
    return {"outcomes": bodies, "settlements": list(settlements)}


def _story(outcomes: Sequence[OutcomeRow], settlements: Sequence[Settlement]) -> Iterator[str]:
    yield "published as " + ", ".join(repr(name)[1:-1] for name in dict.fromkeys(s.source_name for s in settlements))
    yield from map(_answer, settlements)
    records = [_record(row) for row in outcomes]
    scorings = [record for record in records if isinstance(record, Scoring)]
    levels = _levels(scorings)
    pixels: dict[str, str] = {}
    for row, record in zip(outcomes, records, strict=True):
        if isinstance(record, Candidate):
            if record.object is not None:
                pixels[record.config_hash] = f"bucket {record.object.bucket}, key {record.object.key}"
            gone = f", pixels removed {row.evicted_at:%Y-%m-%d}" if row.evicted_at else ""
            told = _error(_scored(record, scorings), levels)
            yield f"{record.stage:<9} {record.name:<12} {told:<48} config {record.config_hash[:12]}{gone}"
        elif isinstance(record, Scoring):
            yield f"noise     {_noise(record.noise)}"
        elif isinstance(record, Selection):
            yield f"selected  {record.chosen}: {record.reason}{''.join(f' FLAG: {flag}.' for flag in record.flags)}"
            if record.chosen_hash in pixels:
                yield f"pixels    {pixels[record.chosen_hash]}"
        else:
            yield f"{_stage(row):<9} {row.body.decode()}"


def _stage(row: OutcomeRow) -> str:
    return row.key.split(":")[2]


def _record(row: OutcomeRow) -> Record | None:
    """Read what a stage of ours computed."""
    kind = BODIES.get(_stage(row))
    return kind.from_json(row.body) if kind else None


def _levels(scorings: Sequence[Scoring]) -> GreyLevels:
    """Return the file's grey levels, which the scores name; nothing is known of them in scores older than 103."""
    return next((GreyLevels.of_bits(scoring.bits) for scoring in scorings if scoring.bits), CONTINUOUS)


def _scored(candidate: Candidate, scorings: Sequence[Scoring]) -> Candidate:
    found = [scoring.scores[candidate.name] for scoring in scorings if candidate.name in scoring.scores]
    return candidate.but(scores=found[-1]) if found else candidate


def _answer(settled: Settlement) -> str:
    identity = settled.id
    what = f"computed {', '.join(settled.computed)}" if settled.computed else "answered from outcomes"
    if settled.state is State.REJECTED:
        what = f"REJECTED: {settled.reason}"
    place = f"{identity.lane} lane, pipeline {identity.pipeline}, attempt {identity.attempt}"
    return f"{settled.settled_at:%Y-%m-%d %H:%M:%S} UTC  {identity.stage:<9} {what} ({place})"


def _error(candidate: Candidate, levels: GreyLevels) -> str:
    claim = error_claim(candidate, levels)
    if claim is None:
        return candidate.skipped or "not judged"
    return f"error {claim} % of full scale rms, {candidate.seconds:.3f} s"


def _noise(noise: NoiseRecord) -> str:
    if not noise.holds:
        return f"does not follow the model: {noise.why_not}"
    row = noise.row_acf[1] if len(noise.row_acf) > 1 else 0.0
    electrons = f", {1 / noise.gain:.0f} electrons at full scale" if noise.gain > 0 else ""
    prior = f"; {noise.prior}" if noise.prior else ""
    return f"sigma {100 * noise.sigma:.2f} % of full scale{electrons}, correlation along the row {row:.2f}{prior}"
