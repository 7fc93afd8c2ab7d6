"""``semstream topics``: the topics that a pipeline needs, and how far its groups are in them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from streams.commands.options import AsJson, Lane, Lanes, PipelineFile, SettingsFile, check_lane, lanes_of
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.pipeline import LIVE, Pipeline, group_of, load_pipeline
from streams.settings import Settings
from streams.topics import Cluster, GroupLag, PartitionLag, Topic, by_group, drift, planned
from streams.trends.desk import TrendsDesk
from streams.trends.topics import own_topics
from streams.wiring.topics import open_topics

topics = typer.Typer(name="topics", help="Set up and look at the topics of a pipeline.", no_args_is_help=True)


@topics.command()
def create(pipeline: PipelineFile = None, settings: SettingsFile = None, lane: Lanes = None) -> None:
    """Create the topics that do not exist. Those that exist stay as they are: see check."""
    cluster, wanted = _wanted(settings, load_pipeline(pipeline), lane)
    created = cluster.create(wanted)
    for topic in wanted:
        typer.echo(f"{topic.name}: {'created' if topic.name in created else 'exists'}")


@topics.command()
def check(
    pipeline: PipelineFile = None, settings: SettingsFile = None, lane: Lanes = None, *, json: AsJson = False
) -> None:
    """Compare the topics with what the pipeline file asks for.

    Exit codes: 0 as they are to be, 1 any difference, 2 wrong usage.
    """
    wanted, found = _as_they_stand(settings, load_pipeline(pipeline), lane)
    differences = drift(wanted, found)
    for line in differences:
        typer.echo(line)
    if differences:
        typer.echo(
            "semstream topics create makes those that do not exist, and semstream trends its own; what differs is "
            "changed with Kafka's kafka-topics.sh and kafka-configs.sh, or in the pipeline file",
            err=True,
        )
    else:
        typer.echo(f"{len(wanted)} topics are as they are to be")
    if json:
        typer.echo(orjson.dumps({"topics": len(wanted), "drift": differences}))
    raise typer.Exit(1 if differences else 0)


@topics.command()
def describe(pipeline: PipelineFile = None, settings: SettingsFile = None, lane: Lanes = None) -> None:
    """Show how the topics are set up."""
    wanted, found = _as_they_stand(settings, load_pipeline(pipeline), lane)
    table_console().print(_described([found[topic.name] for topic in wanted if topic.name in found]), highlight=False)
    of_trends = {name: desk.lane for desk in map(TrendsDesk, lanes_of(lane)) for name in desk.topics}
    for name in [topic.name for topic in wanted if topic.name not in found]:
        by = f"trends --lane {of_trends[name]}" if name in of_trends else "topics create"
        typer.echo(f"{name}: does not exist; semstream {by} creates it")


@topics.command()
def lag(
    pipeline: PipelineFile = None,
    settings: SettingsFile = None,
    lane: Lane = LIVE,
    *,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition, with offsets.")] = False,
    json: AsJson = False,
) -> None:
    """Show how far each stage is behind: messages that it has not answered, and the age of the first.

    --json tells of every partition.
    """
    check_lane(lane)
    cluster = open_topics(Settings.load(settings))
    rows = [
        row
        for step in load_pipeline(pipeline).steps(lane)
        for row in cluster.lag(step.stage.name, group_of(step.stage.name, lane), step.consumes)
    ]
    groups = by_group(rows)
    table_console().print(_by_partition(rows) if partitions else _by_group(groups), highlight=False)
    readers = cluster.readers([group.group for group in groups])
    for group in groups:
        if group.messages and not readers[group.group]:
            of = "" if lane == LIVE else f" --lane {lane}"
            start = f"semstream worker --stage {group.stage}{of}, or --all{of}"
            typer.echo(f"nobody reads {group.topic}: start {start}", err=True)
    if json:
        typer.echo(orjson.dumps([asdict(row) for row in rows]))


@topics.command()
def reset(
    group: Annotated[str, typer.Option(help="The consumer group; no member of it may be running.")],
    topic: Annotated[str, typer.Option(help="The topic.")],
    to: Annotated[str, typer.Option(help="Where it reads on: beginning, end, or an offset.")],
    partitions: Annotated[str, typer.Option(help="Numbers, as in 0,3; all of them when omitted.")] = "",
    settings: SettingsFile = None,
) -> None:
    """Say where a group reads on, after its offsets were lost.

    From the beginning, everything is answered again, but nothing that is known is computed again.
    """
    numbers = partitions.split(",") if partitions else []
    if not all(number.isdigit() for number in numbers):
        raise UsageError(f"--partitions '{partitions}': expected numbers with commas between them, as in 0,3")
    offsets = open_topics(Settings.load(settings)).reset(group, topic, [int(number) for number in numbers], to)
    for number, offset in sorted(offsets.items()):
        typer.echo(f"{group} reads {topic} [{number}] on from {offset}")


def _as_they_stand(
    settings: Path | None, pipeline: Pipeline, lanes: list[str] | None
) -> tuple[list[Topic], dict[str, Topic]]:
    """Return what is to be and what there is; the trends' own topics belong to it in lanes where they were started."""
    cluster, wanted = _wanted(settings, pipeline, lanes)
    desks = [TrendsDesk(lane) for lane in lanes_of(lanes)]
    found = cluster.found([*(topic.name for topic in wanted), *(name for desk in desks for name in desk.topics)])
    for desk in desks:
        if found.keys() & {*desk.topics}:
            wanted += own_topics(desk, pipeline.topics, found, brokers=cluster.brokers())
    return wanted, found


def _wanted(settings: Path | None, pipeline: Pipeline, lanes: list[str] | None) -> tuple[Cluster, list[Topic]]:
    names = lanes_of(lanes)
    cluster = open_topics(Settings.load(settings))
    brokers = cluster.brokers()
    topics = {topic.name: topic for lane in names for topic in planned(pipeline, lane, brokers=brokers)}
    return cluster, list(topics.values())


def _described(found: Sequence[Topic]) -> Table:
    table = _table("topic", "partitions", "copies", "in sync", "retention", "largest message", "compression")
    for topic in found:
        configuration = topic.configuration
        table.add_row(
            topic.name,
            str(topic.partitions),
            str(topic.copies),
            configuration["min.insync.replicas"],
            _kept_for(configuration),
            f"{int(configuration['max.message.bytes']):,} B",
            configuration["compression.type"],
        )
    return table


def _kept_for(configuration: Mapping[str, str]) -> str:
    if configuration.get("cleanup.policy") == "compact":
        return "latest of a key"
    hours = int(configuration["retention.ms"]) / 3_600_000
    return f"{hours:g} h" if hours > 0 else "for ever"


def _by_group(rows: Sequence[GroupLag]) -> Table:
    table = _table("stage", "topic", "messages behind", "seconds behind", "partitions behind")
    for row in rows:
        behind = f"{row.behind} of {row.partitions}"
        table.add_row(row.stage, row.topic, _messages(row), f"{row.seconds:.1f}", behind)
    return table


def _by_partition(rows: Sequence[PartitionLag]) -> Table:
    table = _table("stage", "topic", "partition", "committed", "end", "messages behind", "seconds behind")
    for row in rows:
        committed = "-" if row.committed is None else str(row.committed)
        numbers = (str(row.partition), committed, str(row.end), _messages(row), f"{row.seconds:.1f}")
        table.add_row(row.stage, row.topic, *numbers)
    return table


def _messages(row: GroupLag | PartitionLag) -> str:
    return f"{row.messages:,}" if row.counted else f"up to {row.messages:,}"


def _table(*columns: str) -> Table:
    table = Table(box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table
