"""The servers of the stack, and what is done with all of them."""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.alertmanager_server import Alertmanager
from deploy.local.kafka_broker import Kafka
from deploy.local.keeper import Keeper
from deploy.local.minio_server import Minio
from deploy.local.postgres_server import Postgres
from deploy.local.programs import Programs, StackError
from deploy.local.prometheus_server import TARGETS, Prometheus
from deploy.local.redis_server import Redis
from deploy.local.server import HOST, Server
from deploy.local.toxiproxy_server import Toxiproxy
from deploy.local.versity_gateway import VersityGateway

SERVERS: tuple[Server, ...] = (
    Kafka(),
    VersityGateway(),
    Minio(),
    Redis(),
    Postgres(),
    Alertmanager(),
    Prometheus(),
    Toxiproxy(),
)
NAMES = tuple(server.name for server in SERVERS)
NAME_WIDTH = max(map(len, NAMES))
S3 = ("versitygw", "minio")
"""One of these, by choice, belongs to the stack."""
ON_DEMAND = ("toxiproxy",)
"""These start only when they are named."""


def usual(s3: str) -> tuple[Server, ...]:
    """Give the servers that the pipeline needs, with one S3 server, and those that watch it."""
    others = {*ON_DEMAND, *S3} - {s3}
    return tuple(server for server in SERVERS if server.name not in others)


@dataclass(frozen=True)
class Stack:
    """The stack in the folder ``root``; ``say`` takes a line for each thing done."""

    root: Path
    say: Callable[[str], None]

    @property
    def settings(self) -> Path:
        """The file that leads the pipeline here, from `up` to `down`."""
        return self.root / "settings.toml"

    def keeper(self, server: Server) -> Keeper:
        """Give the keeper of a server of this stack."""
        programs = Programs(self.root / "programs", self.say)
        return Keeper(server, self.root / server.name, self.root / "logs" / f"{server.name}.log", programs)

    def up(self, servers: Sequence[Server]) -> None:
        """Start those that do not run, all at the same time.

        Raises
        ------
        StackError
            What went wrong, a line for each server; the others run.
        """
        with self._alone():
            _all_at_once(self._start, servers)

    def up_as_far_as_needed(self, servers: Sequence[Server]) -> None:
        """Do the same, but of servers that the pipeline can do without only say what went wrong."""
        with self._alone():
            _all_at_once(lambda server: (self._start if server.needed else self._try_to_start)(server), servers)

    def down(self, servers: Sequence[Server]) -> None:
        """Stop those that run."""
        with self._alone():
            _all_at_once(self._stop, servers)

    def write_settings(self, servers: Sequence[Server]) -> None:
        """Write the file that leads the pipeline to these servers; it holds keys, so nobody else may read it."""
        tables = {name: table for server in servers for name, table in server.settings().items()}
        if any(isinstance(server, Prometheus) for server in servers):
            tables["worker"] = {"metrics_targets": str(self.root / Prometheus.name / TARGETS)}
        partial = self.root / "settings.partial"
        partial.touch(mode=0o600)
        partial.write_text("\n".join(_toml(name, table) for name, table in tables.items()), encoding="utf-8")
        partial.rename(self.settings)

    def wipe(self, servers: Sequence[Server]) -> None:
        """Remove the data and logs of servers that are down; the programs stay."""
        with self._alone():
            for keeper in map(self.keeper, servers):
                shutil.rmtree(keeper.folder, ignore_errors=True)
                keeper.log.unlink(missing_ok=True)

    def status(self, server: Server) -> tuple[str, ...]:
        """Give name, address, process, memory and whether it answers."""
        place, process = (server.name, f"{HOST}:{server.port}"), self.keeper(server).process()
        if process is None:
            return (*place, "-", "-", "not of this stack" if server.answers() else "down")
        memory = f"{process.memory_bytes() >> 20} MB"
        return (*place, str(process.pid), memory, "answers" if server.answers() else "DOES NOT ANSWER")

    def runs(self, server: Server) -> bool:
        """Whether a server of this stack runs."""
        return self.keeper(server).process() is not None

    def _start(self, server: Server) -> None:
        begun = time.monotonic()
        fresh = self.keeper(server).start()
        how = f"started in {time.monotonic() - begun:.1f} s" if fresh else "runs already"
        self.say(f"{server.name:<{NAME_WIDTH}} {HOST}:{server.port}  {how}")

    def _try_to_start(self, server: Server) -> None:
        try:
            self._start(server)
        except StackError as error:
            self.say(f"{server.name:<{NAME_WIDTH}} does not run, and nothing needs it: {error}")

    def _stop(self, server: Server) -> None:
        if self.keeper(server).stop():
            self.say(f"{server.name:<{NAME_WIDTH}} stopped")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time change the stack."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _all_at_once(action: Callable[[Server], None], servers: Sequence[Server]) -> None:
    with ThreadPoolExecutor(max_workers=len(SERVERS)) as pool:
        outcomes = [pool.submit(action, server) for server in servers]
    failures = [failure for outcome in outcomes if (failure := outcome.exception())]
    for failure in failures:
        if not isinstance(failure, StackError):
            raise failure
    if failures:
        raise StackError("\n".join(map(str, failures)))


def _toml(name: str, table: Mapping[str, str]) -> str:
    return f"[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in table.items())
