"""Servers: stopped, killed, emptied."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import psycopg

from deploy.local.keeper import STOP_S, Keeper
from deploy.local.probes import exchange
from deploy.local.programs import StackError
from streams.bench.chaos.faults.fault import Fault, Heal, nothing
from streams.bench.chaos.scene import Scene

STORM_S = 3.0
EVERY_S = 0.1
PATIENCE = 3
END_CLIENTS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'semstream'"

Which = Callable[[Scene], Keeper]


def kafka(scene: Scene) -> Keeper:
    """Return the broker."""
    return scene.servers.kafka


def redis(scene: Scene) -> Keeper:
    """Return the dedup cache."""
    return scene.servers.redis


def postgres(scene: Scene) -> Keeper:
    """Return the job ledger."""
    return scene.servers.postgres


def s3(scene: Scene) -> Keeper:
    """Return the object store."""
    return scene.servers.s3


def _started(keeper: Keeper) -> None:
    """Start it; a broker on a machine with other work may need longer than a keeper waits at a time."""
    for _ in range(PATIENCE - 1):
        with suppress(StackError):
            keeper.start()
            return
    keeper.start()


def _stop(which: Which, scene: Scene, _: random.Random) -> Heal:
    which(scene).stop()
    return partial(_started, which(scene))


def _kill(which: Which, scene: Scene, _: random.Random) -> Heal:
    which(scene).kill()
    return partial(_started, which(scene))


def _freeze(which: Which, scene: Scene, _: random.Random) -> Heal:
    process = which(scene).process()
    family = process.family() if process else ()
    for member in family:
        member.send(signal.SIGSTOP)

    def thaw() -> None:
        for member in family:
            member.send(signal.SIGCONT)

    return thaw


def _flush(scene: Scene, _: random.Random) -> Heal:
    answer = exchange(redis(scene).server.port, b"FLUSHALL\r\n")
    if not answer.startswith(b"+OK"):
        raise RuntimeError(f"Redis did not flush: {answer!r}")
    return nothing


def _end_transactions(scene: Scene, _: random.Random) -> Heal:
    """End every client of the ledger in the middle of what it does, again and again; then the server, at once."""
    keeper = postgres(scene)
    url = keeper.server.settings()["postgres"]["url"]
    end = time.monotonic() + STORM_S
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < end:
            connection.execute(END_CLIENTS)
            time.sleep(EVERY_S)
    if process := keeper.process():
        process.end(signal.SIGQUIT, STOP_S)
    return partial(_started, keeper)


FAULTS = (
    Fault("broker stopped", "kafka", partial(_stop, kafka), hold_s=(1, 6)),
    Fault("broker killed", "kafka", partial(_kill, kafka), hold_s=(0, 6)),
    Fault("broker frozen", "kafka", partial(_freeze, kafka), hold_s=(5, 15)),
    Fault("Redis emptied", "redis", _flush),
    Fault("Redis frozen", "redis", partial(_freeze, redis), hold_s=(3, 10)),
    Fault("Redis stopped", "redis", partial(_stop, redis), hold_s=(2, 8)),
    Fault("Postgres restarted", "postgres", partial(_stop, postgres), hold_s=(0, 3)),
    Fault("Postgres frozen", "postgres", partial(_freeze, postgres), hold_s=(3, 12)),
    Fault("Postgres killed", "postgres", partial(_kill, postgres), hold_s=(0, 5)),
    Fault("Postgres' clients ended, then itself", "postgres", _end_transactions, hold_s=(0, 2)),
    Fault("S3 frozen", "s3", partial(_freeze, s3), hold_s=(3, 10)),
    Fault("S3 killed", "s3", partial(_kill, s3), hold_s=(1, 6)),
)
