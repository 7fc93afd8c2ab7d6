"""Keeps processes running, as an init system does: what ends is started again, unless it wants a person."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

LOOK_S = 0.05
RESTART_S = 1.0
"""Shorter than in deploy/systemd, for a run lasts minutes."""
STAYED_UP_S = 10.0
BACK_OFF_LIMIT_S = 5.0
WANT_A_PERSON = {2: "wrong usage", 3: "too many dead letters"}
"""Exit codes of who is not started again, as in deploy/systemd."""
TERM_S = 75.0
PROC = Path("/proc")


@dataclass
class Unit:
    """A process that shall run, and how its lives have ended."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    quick_ends: int = 0

    def start(self, now: float) -> int:
        """Begin a life, in a session of its own, whose number is returned."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this program
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started_at = now
        return self.process.pid

    def has_said(self, word: str) -> bool:
        """Whether a word stands in its log."""
        return word.encode() in self.log.read_bytes()

    def send(self, sent: signal.Signals) -> None:
        """Send the process a signal, and not its children; nothing where there is none."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sent)

    def wait_until_it_listens(self, patience_s: float) -> None:
        """Wait until it catches SIGTERM: before that, one that has just been started again would die of it."""
        deadline = time.monotonic() + patience_s
        while (process := self.process) is not None and not _catches(process.pid, signal.SIGTERM):
            if process.poll() is not None or time.monotonic() > deadline:
                return
            time.sleep(LOOK_S)

    def rest(self, now: float) -> None:
        """Say when the next life begins: later and later for who ends at once."""
        self.quick_ends = 0 if now - self.started_at > STAYED_UP_S else self.quick_ends + 1
        self.due_at = now + min(BACK_OFF_LIMIT_S, RESTART_S * 2 ** max(0, self.quick_ends - 1))
        self.process = None

    def wait(self, patience_s: float) -> int:
        """Return the exit code of a life that ends; that of who was killed for one that does not, or of none."""
        if self.process is None:
            return 0
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL

    def end(self) -> None:
        """End it, and its children with it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Units, looked after by a thread."""

    def __init__(self) -> None:
        self._units: dict[str, Unit] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self.restarts = 0
        self._sessions: set[int] = set()
        self.ends: Counter[int] = Counter()
        """How lives ended: exit codes, and signals below zero."""
        self.complaints: list[str] = []
        """What wants a person: the run has failed."""

    def add(self, unit: Unit) -> None:
        """Start a unit, and keep it running."""
        with self._lock:
            self._units[unit.name] = unit
            self._sessions.add(unit.start(time.monotonic()))

    def retire(self, unit: Unit) -> int:
        """Ask a unit to end, and start it no more; return its exit code."""
        with self._lock:
            self._units.pop(unit.name, None)
        unit.send(signal.SIGTERM)
        code = unit.wait(TERM_S)
        unit.end()
        self._note_end(unit, code)
        return code

    def units(self, prefix: str = "") -> list[Unit]:
        """Return the units whose name begins so."""
        with self._lock:
            return [unit for name, unit in self._units.items() if name.startswith(prefix)]

    def left_behind(self) -> list[int]:
        """Return the processes that units have left behind, whose leader is gone: children must not outlive it."""
        leaders = {unit.process.pid for unit in self.units() if unit.process is not None}
        dead = self._sessions - leaders
        return [process for process, session in _sessions() if session in dead]

    def watch(self) -> None:
        """Look after the units until `end`."""
        while not self._ended.wait(LOOK_S):
            for unit in self.units():
                with self._lock:
                    self._look_after(unit, time.monotonic())

    def end(self) -> None:
        """Look after nothing any more."""
        self._ended.set()

    def _look_after(self, unit: Unit, now: float) -> None:
        if unit.name not in self._units:  # retired in between
            return
        if unit.process is not None and (code := unit.process.poll()) is not None:
            unit.rest(time.monotonic())
            self._note_end(unit, code)
        elif unit.process is None and now >= unit.due_at:
            self.restarts += 1
            self._sessions.add(unit.start(now))

    def _note_end(self, unit: Unit, code: int) -> None:
        self.ends[code] += 1
        if code in WANT_A_PERSON:
            self.complaints.append(f"{unit.name} ended with {code}, {WANT_A_PERSON[code]}: see {unit.log}")
            self._units.pop(unit.name, None)


def _sessions() -> Iterator[tuple[int, int]]:
    """Yield every living process and the number of its session."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                state, _, _, session, *_ = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if state != "Z":
                    yield int(entry.name), int(session)


def _catches(process: int, sent: signal.Signals) -> bool:
    """Whether a process has a handler for a signal, of which the bits in its status tell; one that is gone has none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in (PROC / str(process) / "status").read_text().splitlines():
            name, _, bits = line.partition(":")
            if name == "SigCgt":
                return bool(int(bits, 16) >> (sent - 1) & 1)
    return False


@contextmanager
def supervising() -> Iterator[Supervisor]:
    """Run a supervisor; in the end nothing that it started is left."""
    supervisor = Supervisor()
    thread = threading.Thread(target=supervisor.watch, name="supervisor", daemon=True)
    thread.start()
    try:
        yield supervisor
    finally:
        supervisor.end()
        thread.join()
        for unit in supervisor.units():
            unit.end()
