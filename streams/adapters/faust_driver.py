"""Faust's Kafka driver, reading what is committed: by itself it does so only inside transactions of its own."""

import ssl
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver

from streams.errors import UsageError
from streams.settings import KafkaSettings

READ_COMMITTED = "read_committed"


class ReadCommittedThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the consumer."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ANN401 - Faust's own
        consumer = super()._create_worker_consumer(transport)
        if not hasattr(consumer, "_isolation_level"):
            raise UsageError("this aiokafka cannot be told to read committed: see deploy/constraints.txt")
        consumer._isolation_level = READ_COMMITTED  # Faust has no setting for it; used when the consumer starts
        return consumer


class ReadCommittedConsumer(driver.Consumer):
    """Faust's consumer with that thread, and without a gap after the tables are restored.

    Faust 0.15.3 lets partitions be fetched again, seeks, and only then clears the agents' queues: what came in between
    was dropped and never acknowledged (in three of six restarts; where counted, 16 and 22 of 200 events, and offsets
    that stood still there). So nothing is delivered until its flow is resumed, which follows every call of this.
    """

    def resume_partitions(self, tps: Any) -> None:  # noqa: ANN401 - Faust's own
        """Fetch again, and deliver when the flow is resumed."""
        self.stop_flow()
        super().resume_partitions(tps)

    def _new_consumer_thread(self) -> ReadCommittedThread:
        return ReadCommittedThread(self, loop=self.loop, beacon=self.beacon)


class ReadCommittedTransport(driver.Transport):
    """Faust's transport with that consumer."""

    Consumer = ReadCommittedConsumer


class ReadCommittedApp(faust.App):
    """A Faust application that reads committed."""

    def _new_transport(self) -> ReadCommittedTransport:
        return ReadCommittedTransport(self.conf.broker_consumer, self)


def credentials(kafka: KafkaSettings) -> Credentials | None:
    """Return what Faust needs to log in, where anything is needed.

    Raises
    ------
    UsageError
        If a file cannot be read, or a name or password is missing.
    """
    encrypted = _context(kafka) if kafka.security_protocol.endswith("SSL") else None
    if not kafka.security_protocol.startswith("SASL"):
        return SSLCredentials(encrypted) if encrypted else None
    if kafka.username is None or kafka.password is None:
        raise UsageError(f"[kafka] security_protocol = '{kafka.security_protocol}' needs a username and a password")
    return SASLCredentials(
        username=kafka.username,
        password=kafka.password.get_secret_value(),
        ssl_context=encrypted,
        mechanism=kafka.sasl_mechanism,
    )


def _context(kafka: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
        if kafka.certificate_file is not None:
            context.load_cert_chain(kafka.certificate_file, kafka.key_file)
    except OSError as error:
        raise UsageError(f"[kafka] ca_file, certificate_file or key_file cannot be used: {error}") from error
    return context
