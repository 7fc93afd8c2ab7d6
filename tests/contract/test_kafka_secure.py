"""A broker that encrypts and asks for a password: it works, and what is wrong is said in one line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from deploy.local.kafka_broker import Kafka
from deploy.local.server import Tls
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.kafka_transport import KafkaTransport
from streams.errors import UsageError
from streams.settings import KafkaSettings
from streams.topics import Topic
from streams.transport import Message
from tests.kafka_world import Joined, events, poll_until, values
from tests.own_servers import free_port
from tests.services import private


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    folder = tmp_path_factory.mktemp("secure-kafka")
    authority, stranger = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    tls = Tls(folder / "server.pem", folder / "key.pem", folder / "ca.pem")
    broker = Kafka(free_port(), free_port(), free_port(), tls=tls, password="hunter2")
    with private(broker, folder / "broker"):
        kafka = KafkaSettings.model_validate(broker.settings()["kafka"])
        KafkaTopics(kafka).create([Topic(name, 4, 1, {}) for name in ("in", "out")])
        yield kafka


def stranger(secure: KafkaSettings) -> KafkaSettings:
    assert secure.ca_file is not None
    return secure.model_copy(update={"ca_file": secure.ca_file.with_name("stranger.pem")})


def with_wrong_password(secure: KafkaSettings) -> KafkaSettings:
    return secure.model_copy(update={"password": SecretStr("wrong")})


def test_events_go_through_in_one_transaction_after_another(secure: KafkaSettings) -> None:
    publisher = KafkaPublisher(secure)
    publisher.publish(events("in", 10))
    publisher.close()
    member = Joined(KafkaTransport(secure, "group", consumer={"auto.offset.reset": "earliest"}))
    member.subscribe("in")
    messages = poll_until(lambda got: len(got) >= 10, member)
    member.commit(events("out", 10), messages)
    member.transport.close()
    reader = KafkaReader(secure, ["out"], "reader")
    found: list[Message] = []
    while len(found) < 10:
        found += reader.poll(limit=100, timeout_s=1)
    reader.close()
    assert values(found) == sorted(event.value for event in events("out", 10))


def join(kafka: KafkaSettings) -> None:
    member = Joined(KafkaTransport(kafka, "refused"))
    try:
        member.subscribe("in")
    finally:
        member.transport.close()


def publish(kafka: KafkaSettings) -> None:
    publisher = KafkaPublisher(kafka, options={"message.timeout.ms": 5000})
    publisher.publish(events("in", 1))


def look(kafka: KafkaSettings) -> None:
    KafkaTopics(kafka).brokers()


@pytest.mark.parametrize("call", [join, publish, look])
def test_a_wrong_password_is_said(secure: KafkaSettings, call: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.adapters.kafka_admin.REQUEST_S", 5)
    with pytest.raises(UsageError, match=r"check \[kafka\] username, password") as raised:
        call(with_wrong_password(secure))  # type: ignore[operator]
    assert "\n" not in str(raised.value)
    assert "wrong" not in str(raised.value)


@pytest.mark.parametrize("call", [join, publish, look])
def test_an_authority_that_did_not_sign_is_said(
    secure: KafkaSettings, call: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.adapters.kafka_admin.REQUEST_S", 5)
    with pytest.raises(UsageError, match=r"check \[kafka\] ca_file") as raised:
        call(stranger(secure))  # type: ignore[operator]
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_certificate_is_said(secure: KafkaSettings, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(UsageError, match="setting up a Kafka client"):
        look(secure.model_copy(update={"ca_file": tmp_path / "ca.pem"}))
