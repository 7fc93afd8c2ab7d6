"""A pipeline from its TOML file: which stages, in which order, with which options.

::

    path = ["stages.filter:Filter", "stages.metrics:Metrics"]     # classes, in order

    [filter.candidates.gaussian]                                  # options, by the stage's name
    method = "stages.filter.gaussian:Gaussian"                    # a table with `method` becomes that class
    strength = 1.0

    [denoise.candidates.unet-after-nlm]                           # restores what another candidate makes, that of an
    method = "stages.denoise.network:UNetDenoiser"                # earlier stage
    input = "filter:nlm"

    [denoise.instruments.sem-1.unet]                              # what differs for the images of one instrument
    weights = "sem-1.safetensors"

    [run.filter]                                                  # how it runs here; no part of the pipeline's hash
    execution = "processes"

    [topics]                                                      # how its topics are set up; no part of it either
    partitions = 8
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from schemas.model import digest
from stages.stage import Stage, identity_of
from streams.chains import with_chains, without_inputs
from streams.configuring import configured, named
from streams.errors import UsageError
from streams.execution import StageRun
from streams.instruments import INSTRUMENTS, with_instruments, without_instruments
from streams.topic_options import TopicOptions
from streams.wording import meant

LIVE = "live"
REPLAY = "replay"
IMAGES = "images"
DEAD_LETTERS = "sem.deadletter"
HEALTH = "sem.health"
RUN = "run"
TOPICS = "topics"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Step:
    """A stage and the topics that it reads and writes."""

    stage: Stage
    consumes: str
    produces: str


@dataclass(frozen=True)
class Pipeline:
    """Stages in order; ``hash`` changes whenever any of their options does."""

    name: str
    stages: tuple[Stage, ...]
    hash: str
    runs: Mapping[str, StageRun] = field(default_factory=dict)
    """How a stage runs, by its name; what is not named runs as `StageRun` says."""
    topics: TopicOptions = field(default_factory=TopicOptions)
    text: str = ""
    """What the file says that it was read from."""

    def steps(self, lane: str = LIVE) -> list[Step]:
        """Return the stages with their topics in a lane."""
        topics = [topic(lane, word) for word in (IMAGES, *(stage.emits or stage.name for stage in self.stages))]
        return [Step(stage, topics[i], topics[i + 1]) for i, stage in enumerate(self.stages)]


def topic(lane: str, word: str) -> str:
    """Return the name of a topic; those of the live lane have no prefix.

    >>> topic("live", "images"), topic("replay", "images")
    ('sem.images', 'sem.replay.images')
    """
    return f"sem.{word}" if lane == LIVE else f"sem.{lane}.{word}"


def group_of(stage: str, lane: str) -> str:
    """Return the consumer group that answers a stage's messages in a lane.

    >>> group_of("filter", "live"), group_of("filter", "replay")
    ('filter', 'filter.replay')
    """
    return stage if lane == LIVE else f"{stage}.{lane}"


def load_pipeline(path: Path | None = None) -> Pipeline:
    """Read a pipeline file, the default one when none is named.

    Raises
    ------
    UsageError
        If the file cannot be read, or names something that does not exist, with the place in the file.
    """
    source = path if path is not None else files("deploy") / "pipeline.toml"
    try:
        text = source.read_bytes().decode()  # with the line ends it has
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the pipeline file {source}: {error}") from error
    return parsed(text, name=path.stem if path else "default", source=str(source))


def parsed(text: str, *, name: str, source: str) -> Pipeline:
    """Read the text of a pipeline file; raises `UsageError`, with the place in what ``source`` names."""
    try:
        return replace(_built(name, tomllib.loads(text), source), text=text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source} is no valid TOML: {error}") from error


def _built(name: str, tables: Mapping[str, Any], source: str) -> Pipeline:
    match tables.get("path"):
        case [str(), *_] as classes if all(isinstance(c, str) for c in classes):
            pass
        case _:
            raise UsageError(f'{source}: needs a line like path = ["stages.filter:Filter", ...] that names its stages')
    stage_types = [named(str(c), f"{source}: path") for c in classes]
    for word, stage_type in zip(classes, stage_types, strict=True):
        _check_stage(stage_type, f"{source}: path: '{word}'")
    names = [stage_type.name for stage_type in stage_types]
    if len(set(names)) < len(names):
        raise UsageError(f"{source}: two stages have the same name: {', '.join(names)}")
    for table in (RUN, TOPICS):
        if table in names:
            raise UsageError(f"{source}: no stage can be named '{table}': [{table}] says how all of them run")
    unknown = sorted(set(tables) - set(names) - {"path", RUN, TOPICS})
    if unknown:
        raise UsageError(f"{source}: [{unknown[0]}] belongs to no stage; {meant(unknown[0], [*names, RUN, TOPICS])}")
    _check_order(stage_types, source)
    plain = [configured(t, _plain(tables.get(t.name, {})), f"{source}: [{t.name}]") for t in stage_types]
    stages = with_chains(with_instruments(plain, tables, source), tables, source)
    _check_candidates(stages, source)
    _check_topics(stages, source)
    identities = [_identity(stage, f"{source}: [{stage.name}]") for stage in stages]
    runs = _runs(tables.get(RUN, {}), names, f"{source}: [{RUN}]")
    topics = configured(TopicOptions, tables.get(TOPICS, {}), f"{source}: [{TOPICS}]")
    return Pipeline(name, stages, digest(identities)[:16], runs, topics)


def _plain(table: Any) -> Any:  # noqa: ANN401 - what TOML gives
    return without_instruments(without_inputs(table))


def _runs(table: Any, stages: Sequence[str], place: str) -> dict[str, StageRun]:  # noqa: ANN401 - what TOML gives
    if not isinstance(table, dict):
        raise UsageError(f"{place}: expected tables, one a stage")
    for name in table:
        if name not in stages:
            raise UsageError(f"{place}: there is no stage '{name}'; {meant(name, stages)}")
    return {name: configured(StageRun, options, f"{place} {name}") for name, options in table.items()}


def _check_stage(found: object, place: str) -> None:
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise UsageError(f"{place} is no stage")
    for word in (getattr(found, "name", ""), found.emits or "x"):
        if not NAME.fullmatch(word):
            raise UsageError(f"{place}: '{word}' cannot name a stage or a topic: a-z, 0-9, - and _, 64 at the most")


def _check_topics(stages: tuple[Stage, ...], source: str) -> None:
    words = [
        IMAGES,
        *(name.removeprefix("sem.") for name in (DEAD_LETTERS, HEALTH)),
        *(stage.emits or stage.name for stage in stages),
    ]
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise UsageError(f"{source}: two write to the topic sem.{twice[0]}, so events would go round in circles")


def _check_order(stage_types: Sequence[type[Stage]], source: str) -> None:
    for place, stage_type in enumerate(stage_types):
        for later in stage_types[place + 1 :]:
            if later.name in stage_type.follows:
                raise UsageError(f"{source}: path: '{stage_type.name}' needs what '{later.name}' makes; put it behind")


def _check_candidates(stages: tuple[Stage, ...], source: str) -> None:
    seen: set[str] = {"raw", "reference", "second", "average"}
    for stage in stages:
        for name in getattr(stage, "candidates", {}):
            if not NAME.fullmatch(name):
                raise UsageError(
                    f"{source}: [{stage.name}.candidates.{name!r}]: name it with a-z, 0-9, - and _, 64 at the most"
                )
            if name in seen:
                raise UsageError(f"{source}: [{stage.name}.candidates.{name}]: this candidate's name is taken")
            seen.add(name)


def _identity(stage: Stage, place: str) -> Any:  # noqa: ANN401 - JSON
    options = {field.name: _jsonable(getattr(stage, field.name)) for field in dataclasses.fields(stage)}  # type: ignore[arg-type]
    if not options.get(INSTRUMENTS):
        options.pop(INSTRUMENTS, None)  # a pipeline that has none is what it was before there were any
    try:
        digest(options)
    except TypeError as error:
        raise UsageError(f"{place}: options are text, numbers, lists and tables ({error})") from error
    return {"stage": stage.name, "version": stage.version, "options": options}


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    return identity_of(value) if hasattr(value, "version") else value
