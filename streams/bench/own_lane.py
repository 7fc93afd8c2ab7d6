"""A lane of a benchmark's own at real services, and worker processes that work in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from streams.pipeline import Pipeline
from streams.ports import Message, Publisher

READY_S = 120.0


class Reader(Protocol):
    """Reads a topic from its beginning, committed messages only."""

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived."""

    def close(self) -> None:
        """Leave."""


@dataclass(frozen=True)
class OwnLane:
    """Topics, groups and a ledger that nobody else uses."""

    name: str
    pipeline: Pipeline
    pipeline_file: Path
    settings_file: Path
    folder: Path
    publisher: Publisher

    @contextmanager
    def worker(self, stages: Sequence[str], *, threads: int = 1) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker process of some stages while the block runs; its log is kept in the folder."""
        named = [part for stage in stages for part in ("--stage", stage)]
        where = ["--lane", self.name, "--pipeline", str(self.pipeline_file), "--settings", str(self.settings_file)]
        state = self.folder / f"node-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "streams.cli", "worker", *named, *where, "--threads", str(threads)]
        with (self.folder / f"{state.name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - this program
                command, stdout=log, stderr=log, env={**os.environ, "SEMSTREAM_WORKER_STATE": str(state)}
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                if process.wait(60) != 0:
                    raise RuntimeError(f"a worker ended with {process.returncode}: {_last_line(log.name)}")


def _last_line(log: str) -> str:
    lines = Path(log).read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it printed nothing"


def read(reader: Reader, count: int, *, patience_s: float = READY_S) -> list[Message]:
    """Read so many messages; raises `TimeoutError` when none comes for so long."""
    found: list[Message] = []
    last = time.monotonic()
    while len(found) < count:
        some = reader.poll(limit=1000, timeout_s=0.5)
        found += some
        if some:
            last = time.monotonic()
        elif time.monotonic() - last > patience_s:
            raise TimeoutError(f"{len(found)} of {count} events came, then none for {patience_s:.0f} s")
    return found
