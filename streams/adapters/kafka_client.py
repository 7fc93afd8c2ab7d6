"""What librdkafka is told: the one place where settings become its configuration."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from streams.adapters.kafka_errors import ClientErrors, cause_of, exception_for
from streams.errors import UsageError
from streams.settings import KafkaSettings

Client = TypeVar("Client")
Options = Mapping[str, str | int | bool]
Configuration = dict[str, str | int | bool]

MAX_MESSAGE_BYTES = 1_000_000
"""The largest event sent: brokers take 1 MiB a batch as they come, and zstd must not decide what passes."""

POLL_INTERVAL_S = 120
"""So long a member may go without polling, and so long a broker waits for it to give up what it must: see ADR 28.

It must be longer than giving up takes (`Pace.revoke_deadline_s`): nothing is polled meanwhile.
"""
CONSUMER: Configuration = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "max.poll.interval.ms": 1000 * POLL_INTERVAL_S,
    "fetch.wait.max.ms": 500,
    "fetch.queue.backoff.ms": 20,
    "queued.min.messages": 1000,
    "queued.max.messages.kbytes": 16_384,
}
GROUP: dict[str, Configuration] = {
    "consumer": {"group.protocol": "consumer"},
    "classic": {
        "group.protocol": "classic",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 1_000,
    },
}
PRODUCER: Configuration = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "zstd",
    "linger.ms": 0,
    "message.max.bytes": MAX_MESSAGE_BYTES,
}
TRANSACTION_TIMEOUT_S = 30
"""So long an open transaction of a worker that died holds readers back, unless a successor has the same id."""

_SET_BY_THE_BROKER = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy")
"""Illegal in a KIP-848 group, whose coordinator decides them."""


def consumer_configuration(
    kafka: KafkaSettings, group: str, *, slot: str | None = None, options: Options | None = None
) -> Configuration:
    """Return the configuration of a group's member; a ``slot`` makes its membership static.

    Raises
    ------
    UsageError
        If one of the ``options`` belongs to the broker.
    """
    static: Configuration = {"group.instance.id": slot} if slot else {}
    settings = {**CONSUMER, **GROUP[kafka.group_protocol], "group.id": group, **static, **(options or {})}
    for name in _SET_BY_THE_BROKER if settings["group.protocol"] == "consumer" else ():
        if name in settings:
            raise UsageError(
                f"{name} cannot be set for a group_protocol = 'consumer': the broker's group.consumer.* does"
            )
    return connection(kafka) | settings


def producer_configuration(
    kafka: KafkaSettings,
    *,
    transactional_id: str | None = None,
    options: Options | None = None,
) -> Configuration:
    """Return the configuration of an idempotent producer, a transactional one where it has an id."""
    transactional: Configuration = {}
    if transactional_id is not None:
        transactional = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 1000 * TRANSACTION_TIMEOUT_S,
        }
    return connection(kafka) | PRODUCER | transactional | dict(options or {})


def made(client: Callable[[dict[str, Any]], Client], configuration: Configuration, errors: ClientErrors) -> Client:
    """Return a client of librdkafka's.

    Raises
    ------
    UsageError
        If librdkafka refuses the configuration.
    """
    try:
        return client({**configuration, "error_cb": errors.note})
    except KafkaException as error:
        raise exception_for(cause_of(error), "setting up a Kafka client") from error


def connection(kafka: KafkaSettings) -> Configuration:
    """Return what every client needs to reach the brokers.

    Raises
    ------
    UsageError
        If a file does not exist, or a name or password is missing.
    """
    files = {
        "ssl.ca.location": kafka.ca_file,
        "ssl.certificate.location": kafka.certificate_file,
        "ssl.key.location": kafka.key_file,
    }
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "reconnect.backoff.max.ms": 1000,
        "log_level": 0,  # what matters comes to `error_cb` as well
        **{name: _readable(path) for name, path in files.items() if path is not None},
        **_login(kafka),
    }


def _login(kafka: KafkaSettings) -> Configuration:
    if not kafka.security_protocol.startswith("SASL"):
        return {}
    if kafka.username is None or kafka.password is None:
        raise UsageError(f"[kafka] security_protocol = '{kafka.security_protocol}' needs a username and a password")
    return {
        "sasl.mechanism": kafka.sasl_mechanism,
        "sasl.username": kafka.username,
        "sasl.password": kafka.password.get_secret_value(),
    }


def _readable(path: Path) -> str:
    if not path.is_file():
        raise UsageError(f"[kafka] names the file {path}, which does not exist")
    return str(path)
