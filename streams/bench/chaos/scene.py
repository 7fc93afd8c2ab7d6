"""Where it happens: servers, workers and a publisher, all of them processes of their own, in one folder."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import count
from pathlib import Path

import streams
from deploy.local.programs import Programs
from streams.bench.chaos.clock import Clock, own_clock
from streams.bench.chaos.disk import Disk, small_disk
from streams.bench.chaos.feeder import INSTRUMENT
from streams.bench.chaos.servers import Servers, servers
from streams.bench.chaos.supervisor import Supervisor, Unit, supervising
from streams.settings import Settings

PIPELINE = Path(str(files("deploy") / "pipelines" / "chaos.toml"))
WORKER, PUBLISHER = "worker-", "publisher"
DISK_MB = 64
CACHE_BYTES = 24 << 20
CONFIGURED = """\
[{name}]
{lines}
"""


@dataclass(frozen=True)
class Scene:
    """Everything that a fault may hurt."""

    folder: Path
    servers: Servers
    supervisor: Supervisor
    settings_file: Path
    worker_disk: Disk
    publisher_disk: Disk
    clock: Clock
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def settings(self) -> Settings:
        """The settings that the processes have."""
        return Settings.load(self.settings_file, {})

    @property
    def inbox(self) -> Path:
        """The folder that the publisher watches."""
        return self.folder / "inbox"

    def workers(self) -> list[Unit]:
        """Return the workers that are kept running."""
        return self.supervisor.units(WORKER)

    def add_worker(self, *, slot: bool, state: Path | None = None, own_clock: bool = False) -> Unit:
        """Start a worker of every stage; with a ``slot`` its successor takes over at once."""
        name = f"{WORKER}{next(self._numbers)}"
        place = {
            "SEMSTREAM_WORKER_STATE": str(state or self.folder / "state" / name),
            "SEMSTREAM_WORKER_NODE_CACHE_BYTES": str(CACHE_BYTES),
            **({"SEMSTREAM_WORKER_SLOT": name} if slot else {}),
            **(self.clock.followed(self.environment) if own_clock else self.environment),
        }
        return self._started(name, ("worker", "--all", "--lane", "live", "--pipeline", str(PIPELINE)), place)

    def add_publisher(self) -> Unit:
        """Start the agent that publishes what appears in the inbox."""
        options = ("--instrument", INSTRUMENT, "--settle-s", "0.2", "--look-s", "0.2", "--give-up-s", "600")
        command = ("publish", "--watch", str(self.inbox), "--state", str(self.publisher_disk.folder), *options)
        return self._started(PUBLISHER, command, self.environment)

    def program(self, *arguments: str) -> tuple[str, ...]:
        """Return how a command of this program is run."""
        return (sys.executable, "-m", "streams.cli", *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """What every process of this program needs to know."""
        return {
            "SEMSTREAM_SETTINGS": str(self.settings_file),
            "PYTHONPATH": str(Path(streams.__path__[0]).parent),
            "PYTHONUNBUFFERED": "1",
        }

    def _started(self, name: str, command: tuple[str, ...], environment: Mapping[str, str]) -> Unit:
        log = self.folder / "logs" / f"{name}.log"
        unit = Unit(name, self.program(*command), environment, log)
        self.supervisor.add(unit)
        return unit


@contextmanager
def set_up(folder: Path, programs: Programs) -> Iterator[Scene]:
    """Start the servers; nothing else runs yet."""
    (folder / "logs").mkdir(parents=True)
    with ExitStack() as stack:
        running = stack.enter_context(servers(folder / "servers", programs))
        worker_disk = stack.enter_context(small_disk(folder / "state" / "small-disk", megabytes=DISK_MB))
        publisher_disk = stack.enter_context(small_disk(folder / "state" / PUBLISHER, megabytes=DISK_MB))
        settings_file = folder / "settings.toml"
        settings_file.write_text("\n".join(_toml(name, table) for name, table in running.tables.items()))
        clock = own_clock(folder / "clock")
        supervisor = stack.enter_context(supervising())
        yield Scene(folder, running, supervisor, settings_file, worker_disk, publisher_disk, clock)


def _toml(name: str, table: Mapping[str, str]) -> str:
    """Return a table; a text of JSON is one of TOML as well."""
    return CONFIGURED.format(name=name, lines="\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()))
