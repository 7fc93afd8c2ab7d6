"""Real services for tests: those of `make up`. One that is absent skips its tests, or fails them when ``CI`` is set."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from deploy.local.keeper import Keeper, running
from deploy.local.minio_server import Minio
from deploy.local.programs import Programs
from deploy.local.server import Server
from streams.settings import S3Settings, Settings

STACK = Path(__file__).parents[1] / ".stack"
FILE = Path(os.environ.get("SEMSTREAM_SETTINGS", STACK / "settings.toml"))
PATIENCE_S = 5.0


def absent(what: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be absent."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} although CI is set")
    pytest.skip(what)


def settings() -> Settings:
    """Return the settings of the services on this machine, which all answer."""
    if not FILE.is_file():
        absent(f"{FILE} is absent: run make up")
    if silent := _silent():
        absent(f"nobody listens at {', '.join(silent)}: run make up")
    return Settings.load(FILE, {})


def minio() -> S3Settings:
    """Return the settings of the MinIO server that ``SEMSTREAM_TEST_MINIO`` names; `make test-minio` starts one."""
    endpoint = os.environ.get("SEMSTREAM_TEST_MINIO")
    if not endpoint:  # in CI as well, where building it would take minutes
        pytest.skip("SEMSTREAM_TEST_MINIO names no MinIO server; make test-minio does")
    return S3Settings.model_validate({**Minio().settings()["s3"], "endpoint_url": endpoint})


@contextmanager
def private(server: Server, folder: Path) -> Iterator[Keeper]:
    """Run a copy of a server for one test, which may stop, kill and start it again."""
    settings()  # who has not run make up does not want programs fetched by a test
    with running(server, folder, Programs(STACK.resolve() / "programs")) as keeper:
        yield keeper


def unique(prefix: str = "test") -> str:
    """Return a name that no other test has, of letters and digits, as topics, buckets, schemas and keys all allow."""
    return f"{prefix}{uuid4().hex[:12]}"


@cache
def _silent() -> list[str]:
    """Return where nobody listens, asked once a run."""
    found = Settings.load(FILE, {})
    urls = [f"kafka://{address}" for address in found.kafka.bootstrap_servers.split(",")]
    urls += [found.postgres.url, *([found.redis.url] if found.redis else [])]
    urls += [found.s3.endpoint_url] if found.s3.endpoint_url else []
    places = [(url.hostname, url.port) for url in map(urlsplit, urls)]
    return [f"{host}:{port}" for host, port in places if not _listens(host, port)]


def _listens(host: str | None, port: int | None) -> bool:
    try:
        socket.create_connection((host or "", port or 0), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True
