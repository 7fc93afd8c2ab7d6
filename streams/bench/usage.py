"""What groups of processes take of the machine while something runs: processors, disk, network."""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from schemas.model import Record

PROC = Path("/proc")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
EVERY_S = 0.5
MB = 1e6
LOOPBACK = "lo"
IDLE = (3, 4)
"""Where the first line of ``/proc/stat`` has time without work, and waiting for a disk."""
LISTENS = "0A"


class Usage(Record):
    """What a group took."""

    cpu: float
    """Share of all processors."""
    read_mb_per_s: float | None
    """From disk, the system's cache not counted; None where the system does not tell us."""
    written_mb_per_s: float | None


class MachineUsage(Record):
    """What everybody took: who else uses the machine is in it."""

    cpu: float
    loopback_mb_per_s: float
    network_mb_per_s: float
    """In and out, without loopback."""


@dataclass(frozen=True)
class Reading:
    """What a process has taken so far."""

    cpu_s: float = 0.0
    read_bytes: int | None = 0
    written_bytes: int | None = 0


@dataclass
class Account:
    """Readings of the processes of a group: at the beginning, and last."""

    roots: Collection[int]
    first: dict[int, Reading] = field(default_factory=dict)
    last: dict[int, Reading] = field(default_factory=dict)

    def read(self, parents: Mapping[int, int], *, begin: bool = False) -> None:
        """Read all of them; who comes later has taken all that it has taken meanwhile."""
        found = {pid: reading for pid in family(self.roots, parents) if (reading := reading_of(pid))}
        self.last |= found
        if begin:
            self.first = found

    def usage(self, seconds: float) -> Usage:
        """Return what the group took; of a process that ended, what it had at the last reading."""
        before = [self.first.get(pid, Reading()) for pid in self.last]
        after = list(self.last.values())
        cpu_s = sum(reading.cpu_s for reading in after) - sum(reading.cpu_s for reading in before)
        return Usage(
            cpu=round(cpu_s / seconds / (os.cpu_count() or 1), 4),
            read_mb_per_s=_rate([r.read_bytes for r in after], [r.read_bytes for r in before], seconds),
            written_mb_per_s=_rate([r.written_bytes for r in after], [r.written_bytes for r in before], seconds),
        )


@dataclass
class Watched:
    """What a block of `watching` took; complete when it has ended."""

    seconds: float = 0.0
    groups: dict[str, Usage] = field(default_factory=dict)
    machine: MachineUsage = field(default_factory=lambda: MachineUsage(cpu=0, loopback_mb_per_s=0, network_mb_per_s=0))


@contextmanager
def watching(groups: Mapping[str, Collection[int]], notice: Callable[[], None]) -> Iterator[Watched]:
    """Look twice a second at these processes and all that descend from them; ``notice`` is called each time."""
    watched, accounts = Watched(), {name: Account(roots) for name, roots in groups.items()}
    ended = threading.Event()

    def look(*, begin: bool = False) -> None:
        parents = _parents()
        for account in accounts.values():
            account.read(parents, begin=begin)

    def look_again_and_again() -> None:
        while not ended.wait(EVERY_S):
            look()
            notice()

    look(begin=True)
    start_s, machine = time.perf_counter(), _machine()
    with ThreadPoolExecutor(1, thread_name_prefix="usage") as pool:
        looking = pool.submit(look_again_and_again)
        try:
            yield watched
        finally:
            ended.set()
        looking.result()
    look()
    watched.seconds = time.perf_counter() - start_s
    watched.machine = _machine_usage(machine, _machine(), watched.seconds)
    watched.groups = {name: account.usage(watched.seconds) for name, account in accounts.items()}


def family(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """Return processes with all that descend from them.

    >>> sorted(family([2], {2: 1, 3: 2, 4: 3, 5: 1}))
    [2, 3, 4]
    """
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def reading_of(pid: int) -> Reading | None:
    """Read what a process has taken so far; None where it has ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rsplit(") ", 1)[1].split()
    except OSError:
        return None
    counted = _io_of(pid)
    cpu_s = (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return Reading(cpu_s, counted.get("read_bytes"), counted.get("write_bytes"))


def listeners(port: int) -> set[int]:
    """Return the processes on this machine that listen at a TCP port, as far as we may see them."""
    wanted = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(PROC / "net" / table, port)}
    return {pid for pid in _pids() if wanted & _sockets_of(pid)} if wanted else set()


def _listening(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # without IPv6 there is none
        return
    for line in lines:
        fields = line.split()
        if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _sockets_of(pid: int) -> set[str]:
    try:
        return {str(entry.readlink()) for entry in (PROC / str(pid) / "fd").iterdir() if entry.is_symlink()}
    except OSError:  # it has ended, or is somebody else's
        return set()


def _io_of(pid: int) -> dict[str, int]:
    try:
        lines = (PROC / str(pid) / "io").read_text(encoding="ascii").splitlines()
    except OSError:  # it has ended, or is somebody else's
        return {}
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal())


def _parents() -> dict[int, int]:
    found = {}
    for pid in _pids():
        try:
            text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found[pid] = int(text.rsplit(") ", 1)[1].split()[1])
    return found


def _rate(after: list[int | None], before: list[int | None], seconds: float) -> float | None:
    told = [value for value in (*after, *before) if value is not None]
    if len(told) < len(after) + len(before) or not after:
        return None
    return round((sum(told[: len(after)]) - sum(told[len(after) :])) / MB / seconds, 3)


@dataclass(frozen=True)
class _Machine:
    busy_s: float
    loopback_bytes: int
    network_bytes: int


def _machine() -> _Machine:
    ticks = [int(part) for part in (PROC / "stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    busy_s = sum(value for number, value in enumerate(ticks) if number not in IDLE) / TICKS_A_SECOND
    lines = (PROC / "net" / "dev").read_text(encoding="ascii").splitlines()[2:]
    received, sent = {}, {}
    for name, _, rest in (line.partition(":") for line in lines):
        fields = rest.split()
        received[name.strip()], sent[name.strip()] = int(fields[0]), int(fields[8])
    loopback = received.pop(LOOPBACK, 0)
    sent.pop(LOOPBACK, 0)
    return _Machine(busy_s, loopback, sum(received.values()) + sum(sent.values()))


def _machine_usage(before: _Machine, after: _Machine, seconds: float) -> MachineUsage:
    return MachineUsage(
        cpu=round((after.busy_s - before.busy_s) / seconds / (os.cpu_count() or 1), 4),
        loopback_mb_per_s=round((after.loopback_bytes - before.loopback_bytes) / MB / seconds, 3),
        network_mb_per_s=round((after.network_bytes - before.network_bytes) / MB / seconds, 3),
    )
