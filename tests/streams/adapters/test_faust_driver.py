from pathlib import Path

import pytest
from faust.auth import SASLCredentials
from pydantic import SecretStr

from streams.adapters.faust_driver import credentials
from streams.errors import UsageError
from streams.settings import KafkaSettings

PLAIN = KafkaSettings(bootstrap_servers="a:1")


def test_without_security_nothing_is_needed() -> None:
    assert credentials(PLAIN) is None


def test_a_login_is_passed_on() -> None:
    login = {"username": "me", "password": SecretStr("secret")}
    found = credentials(PLAIN.model_copy(update={"security_protocol": "SASL_SSL", **login}))
    assert isinstance(found, SASLCredentials)
    assert (found.username, found.password, found.mechanism.value) == ("me", "secret", "SCRAM-SHA-512")
    assert found.ssl_context is not None


def test_a_login_without_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a username"):
        credentials(PLAIN.model_copy(update={"security_protocol": "SASL_PLAINTEXT"}))


def test_a_file_that_is_absent_is_named() -> None:
    with pytest.raises(UsageError, match="ca_file"):
        credentials(PLAIN.model_copy(update={"security_protocol": "SSL", "ca_file": Path("/absent.pem")}))
