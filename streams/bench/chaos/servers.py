"""Copies of all servers for one run, and the ways to them that can be made sick."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.kafka_broker import Kafka
from deploy.local.keeper import Keeper, running
from deploy.local.postgres_server import Postgres
from deploy.local.programs import Programs
from deploy.local.redis_server import Redis
from deploy.local.server import HOST, Server
from deploy.local.toxiproxy_server import Toxiproxy
from deploy.local.versity_gateway import VersityGateway
from streams.bench.chaos.network import Network
from streams.bench.chaos.ports import free_ports
from streams.bench.chaos.s3_faults import FaultyS3

Tables = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Servers:
    """Everything a pipeline needs; ``tables`` are the settings that lead a client there, past what makes it sick."""

    kafka: Keeper
    redis: Keeper
    postgres: Keeper
    s3: Keeper
    network: Network
    s3_faults: FaultyS3
    tables: Tables

    @property
    def objects(self) -> Path:
        """The folder in which the object store keeps its buckets."""
        return self.s3.folder / "data"


@contextmanager
def servers(folder: Path, programs: Programs) -> Iterator[Servers]:
    """Run the servers below ``folder``; nothing of them runs on afterwards."""
    ports = free_ports(10)
    kafka = Kafka(port=ports[0], controller_port=ports[1], internal_port=ports[2])
    redis, postgres, s3 = Redis(port=ports[3]), Postgres(port=ports[4]), VersityGateway(port=ports[5])
    toxiproxy = Toxiproxy(port=ports[6])
    with ExitStack() as stack:
        started = _all_at_once((kafka, redis, postgres, s3, toxiproxy), folder, programs, stack)
        faults = stack.enter_context(FaultyS3(f"http://{HOST}:{s3.port}"))
        network = Network(toxiproxy.port)
        network.link("redis", port=ports[7], to=redis.port)
        network.link("postgres", port=ports[8], to=postgres.port)
        network.link("s3", port=ports[9], to=int(faults.url.rsplit(":", 1)[1]))
        # A broker tells its clients its own address, so nothing can stand before it.
        tables = {
            **kafka.settings(),
            **Redis(port=ports[7]).settings(),
            **Postgres(port=ports[8]).settings(),
            **VersityGateway(port=ports[9]).settings(),
        }
        yield Servers(started[0], started[1], started[2], started[3], network, faults, tables)


def _all_at_once(wanted: tuple[Server, ...], folder: Path, programs: Programs, stack: ExitStack) -> list[Keeper]:
    """Start them side by side: the broker alone takes several seconds."""
    contexts = [running(server, folder / server.name, programs) for server in wanted]
    with ThreadPoolExecutor(len(contexts)) as threads:
        starts = [threads.submit(context.__enter__) for context in contexts]
    # Those that run are ended in any case; one that could not start has ended by itself.
    for start, context in zip(starts, contexts, strict=True):
        if start.exception() is None:
            stack.push(context.__exit__)
    return [start.result() for start in starts]
