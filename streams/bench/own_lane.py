"""Lanes of a benchmark's own at real services, and worker processes that work in them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from streams.pipeline import Pipeline
from streams.transport import Message, Publisher

READY_S = 120.0


class Reader(Protocol):
    """Reads a topic from its beginning, committed messages only."""

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived."""

    def close(self) -> None:
        """Leave."""


@dataclass(frozen=True)
class OwnLane:
    """Topics, groups and a ledger that nobody else uses.

    ``beside`` are further lanes, worked in by the same processes; they give way to this one as replays do to live.
    """

    name: str
    pipeline: Pipeline
    pipeline_file: Path
    settings_file: Path
    folder: Path
    publisher: Publisher
    beside: tuple[str, ...] = ()

    @contextmanager
    def worker(
        self, stages: Sequence[str], *, threads: int = 1, variables: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a worker process of some stages while the block runs; its log is kept in the folder.

        It is alone on its node unless the ``variables`` of its environment say otherwise.
        """
        named = [part for stage in stages for part in ("--stage", stage)]
        lanes = [part for lane in (self.name, *self.beside) for part in ("--lane", lane)]
        where = ["--pipeline", str(self.pipeline_file), "--settings", str(self.settings_file)]
        state = self.folder / f"node-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "streams.cli", "worker", *named, *lanes, *where, "--threads", str(threads)]
        own = {"SEMSTREAM_WORKER_STATE": str(state), "SEMSTREAM_WORKER_FIRST_LANE": self.name, **variables}
        log = self.folder / f"{state.name}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - this program
                command, stdout=file, stderr=file, env={**os.environ, **own}
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                if _ended(process) != 0:
                    raise RuntimeError(f"a worker ended with {process.returncode}: {_last_line(log)}")

    @contextmanager
    def trends(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a process of the trends while the block runs, unless the block ends it."""
        where = ["--pipeline", str(self.pipeline_file), "--settings", str(self.settings_file)]
        command = [sys.executable, "-m", "streams.cli", "trends", "--lane", self.name, *where]
        state, log = str(self.folder / "trends"), self.folder / "trends.log"
        with log.open("ab") as file:
            process = subprocess.Popen(  # noqa: S603 - this program
                command, stdout=file, stderr=file, env={**os.environ, "SEMSTREAM_WORKER_STATE": state}
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                if _ended(process) not in {0, -signal.SIGKILL}:
                    raise RuntimeError(f"the trends ended with {process.returncode}: {_last_line(log)}")

    def publish(self, folder: Path, *, source: str) -> None:
        """Let an agent publish a folder of images."""
        where = ["--lane", self.name, "--settings", str(self.settings_file), "--state", str(self.folder / "agent")]
        command = [sys.executable, "-m", "streams.cli", "publish", str(folder), *where, "--source", source]
        log = self.folder / "agent.log"
        with log.open("wb") as file:
            ended = subprocess.run(command, stdout=file, stderr=file, check=False)  # noqa: S603 - this program
        if ended.returncode != 0:
            raise RuntimeError(f"publishing ended with {ended.returncode}: {_last_line(log)}")


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a worker that was asked to end; one that does not is killed, for its topics go next."""
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
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
