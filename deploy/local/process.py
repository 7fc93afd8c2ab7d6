"""A process that outlives who started it: found again by a file, and ended for certain."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POLL_S = 0.05
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process, told from a later one with the same number by its start time (clock ticks after boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Give the living process of that number; one that ended and only waits to be reaped does not live."""
        status = _status(pid)
        if status is None:
            return None
        state, threads, started = status[0], int(status[17]), int(status[19])
        ended = state == "Z" and threads <= 1  # while a thread is left its ports are not free
        return None if ended else cls(pid, started)

    @classmethod
    def noted(cls, file: Path) -> Self | None:
        """Give the process that ``file`` names, if that very one still lives."""
        try:
            pid, started = map(int, file.read_text(encoding="ascii").split())
        except (FileNotFoundError, ValueError):
            return None
        noted = cls(pid, started)
        return noted if noted.alive() else None

    def note(self, file: Path) -> None:
        """Write down which one this is."""
        file.write_text(f"{self.pid} {self.started}\n", encoding="ascii")

    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def send(self, sent: signal.Signals) -> None:
        """Send it a signal; nothing when it has ended."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, sent)

    def end(self, by: signal.Signals, deadline_s: float) -> None:
        """Ask it to end; kill what is left of it and its children after the deadline."""
        self.send(by)
        self.send(signal.SIGCONT)  # one that was frozen cannot hear
        if not _gone((self,), deadline_s):
            self.kill()
        self._reap()

    def kill(self) -> None:
        """Kill it and its children, and wait until none is left."""
        family = self.family()
        for member in family:
            member.send(signal.SIGKILL)
        _gone(family, float("inf"))
        self._reap()

    def memory_bytes(self) -> int:
        """Sum the resident memory of it and its children, pages that they share counted once."""
        return sum(_proportional_bytes(member.pid) for member in self.family())

    def family(self) -> "tuple[Process, ...]":
        """Give it and its living descendants."""
        parents = {int(entry.name): _parent(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit()}
        family = {self.pid}
        while found := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= found
        return tuple(member for member in map(Process.of, family) if member is not None)

    def _reap(self) -> None:
        with suppress(ChildProcessError):  # another process started it
            os.waitpid(self.pid, os.WNOHANG)


def _gone(processes: Iterable[Process], deadline_s: float) -> bool:
    end = time.monotonic() + deadline_s
    while left := [process for process in processes if process.alive()]:
        if time.monotonic() > end:
            return False
        processes = left
        time.sleep(POLL_S)
    return True


def _status(pid: int) -> list[str] | None:
    """Give the fields of ``/proc/PID/stat`` after the name, which may hold blanks: state, parent, ..."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _parent(pid: int) -> int | None:
    status = _status(pid)
    return None if status is None else int(status[1])


def _proportional_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it ended meanwhile, or belongs to another user
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
