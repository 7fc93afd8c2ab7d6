from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from pydantic import SecretStr

from streams.adapters.kafka_client import consumer_configuration as consumer_of
from streams.adapters.kafka_client import made, producer_configuration
from streams.adapters.kafka_errors import ClientErrors
from streams.crew import Pace
from streams.errors import UsageError
from streams.settings import KafkaSettings

PLAIN = KafkaSettings(bootstrap_servers="nowhere:1")
CLASSIC = KafkaSettings(bootstrap_servers="nowhere:1", group_protocol="classic")


def test_a_consumer_reads_what_is_committed_and_moves_no_offset_by_itself() -> None:
    consumer = consumer_of(PLAIN, "filter")
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["auto.offset.reset"] == "error"
    assert (consumer["enable.auto.commit"], consumer["enable.auto.offset.store"]) == (False, False)
    assert (consumer["group.id"], consumer["group.protocol"]) == ("filter", "consumer")


def test_a_slot_makes_a_membership_static_and_without_one_it_is_not() -> None:
    assert consumer_of(PLAIN, "filter", slot="3")["group.instance.id"] == "3"
    assert "group.instance.id" not in consumer_of(PLAIN, "filter")


def test_a_producer_is_idempotent_and_transactional_where_it_has_an_id() -> None:
    publisher = producer_configuration(PLAIN)
    assert (publisher["enable.idempotence"], publisher["acks"], publisher["compression.type"]) == (True, "all", "zstd")
    assert "transactional.id" not in publisher
    assert producer_configuration(PLAIN, transactional_id="filter-3")["transactional.id"] == "filter-3"


@pytest.mark.parametrize("kafka", [PLAIN, CLASSIC], ids=["consumer", "classic"])
def test_librdkafka_accepts_every_configuration(kafka: KafkaSettings) -> None:
    errors = ClientErrors()
    made(Consumer, consumer_of(kafka, "filter", slot="3", options={"fetch.wait.max.ms": 10}), errors).close()
    made(Producer, producer_configuration(kafka, transactional_id="filter-3"), errors)


def test_options_that_the_broker_decides_are_refused_before_librdkafka_fails_on_them() -> None:
    with pytest.raises(UsageError, match=r"session\.timeout\.ms cannot be set for a group_protocol = 'consumer'"):
        consumer_of(PLAIN, "filter", options={"session.timeout.ms": 6000})
    assert consumer_of(CLASSIC, "filter", options={"session.timeout.ms": 6000})["session.timeout.ms"] == 6000


def test_what_librdkafka_refuses_is_said_in_one_line() -> None:
    with pytest.raises(UsageError, match="setting up a Kafka client"):
        made(Consumer, consumer_of(PLAIN, "filter", options={"no.such.option": 1}), ClientErrors())


def test_a_login_and_an_authority_reach_the_client(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    kafka = KafkaSettings(
        bootstrap_servers="nowhere:1",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-256",
        username="semstream",
        password=SecretStr("secret"),
        ca_file=ca,
    )
    for configuration in (consumer_of(kafka, "filter"), producer_configuration(kafka)):
        assert configuration["security.protocol"] == "SASL_SSL"
        assert configuration["sasl.mechanism"] == "SCRAM-SHA-256"
        assert (configuration["sasl.username"], configuration["sasl.password"]) == ("semstream", "secret")
        assert configuration["ssl.ca.location"] == str(ca)


def test_a_login_without_a_password_and_a_file_that_is_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="needs a username and a password"):
        consumer_of(PLAIN.model_copy(update={"security_protocol": "SASL_SSL", "username": "semstream"}), "filter")
    with pytest.raises(UsageError, match=r"names the file /nowhere/ca\.pem, which does not exist"):
        consumer_of(PLAIN.model_copy(update={"ca_file": Path("/nowhere/ca.pem")}), "filter")


def test_a_broker_waits_longer_than_giving_up_takes_and_not_much_longer() -> None:
    interval_s = int(consumer_of(PLAIN, "filter")["max.poll.interval.ms"]) / 1000
    assert 1.5 * Pace().revoke_deadline_s <= interval_s <= 120
