"""A fleet in tables that read well in 80 columns."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.scrutiny import one_line
from streams.top.fleet import Counted, Fleet, Gpu, Process, StageAtWork

NOT_KNOWN = "-"
NAMED_SHARE = 0.01
"""Activities below it are left out."""
ALARM, QUIET = "bold red", "dim"


def view(fleet: Fleet, *, over: str, processes: int | None = None) -> RenderableType:
    """Return what is shown of a fleet, with so many lines of processes at the most."""
    return Group(*_shown(fleet, over, processes))


def _shown(fleet: Fleet, over: str, processes: int | None) -> Iterator[RenderableType]:
    yield _headline(fleet, over)
    if fleet.stages:
        yield Text()
        yield _stages(fleet.stages)
        yield Text()
        yield _times(fleet.stages)
    if fleet.processes:
        yield Text()
        yield _processes(fleet.processes[:processes])
        if left := len(fleet.processes[:processes]) - len(fleet.processes):
            yield Text(f"and {-left} more that answer: --once shows all", QUIET)
    if not fleet.answering:
        yield Text(
            "start workers with --metrics-port 9464, or say where they are: --metrics HOST:PORT, or --prometheus URL"
        )


def _headline(fleet: Fleet, over: str) -> Text:
    said = Text(f"semstream top  {fleet.at:%H:%M:%S} UTC  ", "bold")
    said.append(f"told by {fleet.told_by}, rates over {over} at the most; ", "not bold")
    answer = "1 process answers" if fleet.answering == 1 else f"{fleet.answering} processes answer"
    said.append(answer, "not bold" if fleet.answering else ALARM)
    if silent := len(fleet.processes) - fleet.answering:
        said.append(f", {silent} {'does' if silent == 1 else 'do'} not", ALARM)
    for name, available in sorted(fleet.caches.items()):
        if not available:
            said.append(f"; cache {one_line(name)} is away: semstream doctor", ALARM)
    return said


def _stages(stages: Iterable[StageAtWork]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("lane", overflow="fold")
    table.add_column("stage", overflow="fold")
    for name in ("images/s", "lag", "behind", "held", "busy", "known", "dead", "retried", "rebal"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in stages:
        table.add_row(
            _plain(one.lane),
            _plain(one.stage),
            _rate(one.done_per_s),
            _count(one.lag_messages),
            _age(one.lag_s),
            _count(one.partitions),
            _share(one.busy),
            _share(one.known),
            _counted(one.dead_letters),
            _counted(one.retries),
            _counted(one.rebalances),
        )
    return table


def _times(stages: Iterable[StageAtWork]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("lane", overflow="fold")
    table.add_column("stage", overflow="fold")
    table.add_column("where the time of the threads that answer goes", overflow="fold")
    for one in stages:
        table.add_row(_plain(one.lane), _plain(one.stage), _plain(time_told(one.time)))
    return table


def time_told(time: Mapping[str, float]) -> str:
    """Say where time goes, the most of it first.

    >>> time_told({"compute": 0.7, "idle": 0.296, "poll": 0.004})
    'compute 70 %, idle 30 %'
    """
    named = sorted(((share, name) for name, share in time.items() if share >= NAMED_SHARE), reverse=True)
    return ", ".join(f"{name} {100 * share:.0f} %" for share, name in named) or NOT_KNOWN


def _processes(processes: Iterable[Process]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("process", overflow="fold")
    table.add_column("cores", justify="right", no_wrap=True)
    table.add_column("memory", justify="right", no_wrap=True)
    table.add_column("pipeline, GPUs", overflow="fold")
    for one in processes:
        if one.silent is not None:
            why = _plain(f"does not answer: {one.silent}", ALARM)
            table.add_row(_plain(one.instance), NOT_KNOWN, NOT_KNOWN, why)
            continue
        told = [f"{one.pipeline} {one.pipeline_hash[:8]}".strip(), *map(_gpu, one.gpus)]
        cores = NOT_KNOWN if one.cores is None else f"{one.cores:.2f}"
        table.add_row(_plain(one.instance), cores, _bytes(one.memory_bytes), _plain("; ".join(filter(None, told))))
    return table


def _plain(text: str, style: str = "") -> Text:
    """Show what others wrote as it stands: brackets are no markup in it, and nothing in it steers the terminal."""
    return Text(one_line(text), style)


def _gpu(gpu: Gpu) -> str:
    busy = "" if gpu.busy is None else f" {100 * gpu.busy:.0f} % busy,"
    return f"GPU {gpu.device}{busy} {_bytes(gpu.used_bytes)} of {_bytes(gpu.memory_bytes)}"


def _counted(counted: Counted) -> Text:
    return Text(_count(counted.total), ALARM if counted.grows else "" if counted.total else QUIET)


def _rate(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.0f}" if value >= 100 else f"{value:.2f}"


def _share(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{100 * value:.0f} %"


def _count(value: float | None) -> str:
    """Write a count in five characters.

    >>> _count(987), _count(12_345), _count(1_234_567)
    ('987', '12k', '1.2M')
    """
    if value is None:
        return NOT_KNOWN
    if value < 10_000:
        return f"{value:.0f}"
    return f"{value / 1e3:.0f}k" if value < 999_500 else f"{value / 1e6:.1f}M"


def _age(seconds: float | None) -> str:
    """Write an age by its largest unit.

    >>> _age(0.25), _age(75), _age(7200), _age(200_000)
    ('0.2 s', '1.2 min', '2.0 h', '2.3 d')
    """
    if seconds is None:
        return NOT_KNOWN
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds else "0 s"
    for unit, size in (("min", 60), ("h", 3600)):
        if seconds < {"min": 3600, "h": 86_400}[unit]:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} d"


def _bytes(value: float | None) -> str:
    if value is None:
        return NOT_KNOWN
    return f"{value / 2**30:.1f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"
