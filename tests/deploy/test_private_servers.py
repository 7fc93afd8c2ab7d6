"""A test can have a server of its own: with or without encryption, killed and started again, gone afterwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen
from uuid import UUID

import boto3
import psycopg
import pytest
import redis
from confluent_kafka.admin import AdminClient

from deploy.local.kafka_broker import Kafka
from deploy.local.keeper import free_port
from deploy.local.postgres_server import Postgres
from deploy.local.programs import Programs
from deploy.local.redis_server import Redis
from deploy.local.server import Server, Tls
from deploy.local.toxiproxy_server import Toxiproxy
from deploy.local.versity_gateway import VersityGateway
from tests.deploy.certificates import certificates
from tests.services import STACK, private, settings

PASSWORD = "a-password"


def ping_redis(server: Server) -> None:
    table = dict(server.settings()["redis"])
    options = {"ssl_ca_certs": table["ca_file"]} if "ca_file" in table else {}
    with redis.Redis.from_url(table["url"], password=table.get("password"), **options) as client:
        assert client.ping()


def select_from_postgres(server: Server) -> None:
    table = server.settings()["postgres"]
    with psycopg.connect(table["url"], password=table.get("password"), sslrootcert=table.get("ca_file")) as connection:
        row = connection.execute(
            "SELECT current_database(), ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()
    assert row == ("semstream", "ca_file" in table)


def list_buckets(server: Server) -> None:
    table = server.settings()["s3"]
    client = boto3.client(
        "s3",
        endpoint_url=table["endpoint_url"],
        aws_access_key_id=table["access_key"],
        aws_secret_access_key=table["secret_key"],
        region_name="us-east-1",
        verify=table.get("ca_file"),
    )
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["sem"]
    client.close()


def list_proxies(server: Server) -> None:
    with urlopen(f"http://127.0.0.1:{server.port}/proxies") as answer:
        assert json.load(answer) == {}


def list_brokers(server: Server) -> None:
    table = server.settings()["kafka"]
    options: dict[str, str | int | float | bool]
    options = {
        "bootstrap.servers": table["bootstrap_servers"],
        "security.protocol": table["security_protocol"],
    }
    if "ca_file" in table:
        options |= {"ssl.ca.location": table["ca_file"], "sasl.mechanism": "SCRAM-SHA-512"}
        options |= {"sasl.username": table["username"], "sasl.password": table["password"]}
    client = AdminClient(options)
    assert [broker.port for broker in client.list_topics(timeout=20).brokers.values()] == [server.port]


@dataclass(frozen=True)
class Case:
    make: Callable[[Tls], Server]
    ask: Callable[[Server], None]


CASES = {
    "redis": Case(lambda _: Redis(free_port()), ping_redis),
    "redis, secured": Case(lambda tls: Redis(free_port(), tls, PASSWORD), ping_redis),
    "postgres": Case(lambda _: Postgres(free_port()), select_from_postgres),
    "postgres, secured": Case(lambda tls: Postgres(free_port(), tls, PASSWORD), select_from_postgres),
    "versitygw": Case(lambda _: VersityGateway(free_port()), list_buckets),
    "versitygw, secured": Case(lambda tls: VersityGateway(free_port(), tls), list_buckets),
    "toxiproxy": Case(lambda _: Toxiproxy(free_port()), list_proxies),
    "kafka, secured": Case(lambda tls: Kafka(free_port(), free_port(), free_port(), tls, PASSWORD), list_brokers),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_copy_answers_clients_survives_a_kill_and_ends(case: Case, tmp_path: Path) -> None:
    server = case.make(certificates(tmp_path / "certificates"))
    with private(server, tmp_path / "server") as copy:
        case.ask(server)
        copy.kill()
        assert not server.answers()
        assert copy.start()
        case.ask(server)
        process = copy.process()
    assert process is not None
    assert not process.alive()


@pytest.mark.parametrize("name", ["redis, secured", "postgres, secured"])
def test_a_secured_server_refuses_who_comes_in_the_clear(name: str, tmp_path: Path) -> None:
    server = CASES[name].make(certificates(tmp_path / "certificates"))
    with private(server, tmp_path / "server"):
        if isinstance(server, Redis):
            with redis.Redis(port=server.port) as client, pytest.raises(redis.ConnectionError):
                client.ping()
        else:
            with pytest.raises(psycopg.OperationalError, match="no encryption"):
                psycopg.connect(f"postgresql://semstream@127.0.0.1:{server.port}/semstream?sslmode=disable")


def test_a_cluster_may_have_an_id_that_begins_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings()  # who has not run make up does not want programs fetched by a test
    monkeypatch.setattr("deploy.local.kafka_broker.uuid.uuid4", lambda: UUID(bytes=b"\xf8" + bytes(15)))
    Kafka(port=free_port()).prepare(tmp_path, Programs(STACK.resolve() / "programs"))
    assert "cluster.id=-AAAAAAAAAAAAAAAAAAAAA" in (tmp_path / "data" / "meta.properties").read_text()
