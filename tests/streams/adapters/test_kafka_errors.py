import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.adapters.kafka_errors import KINDS, ClientErrors, Kind, exception_for, kind_of
from streams.errors import InvalidImage, TransientError, UsageError

CODES = {name: code for name in dir(KafkaError) if isinstance(code := getattr(KafkaError, name), int)}
RAISED = {
    Kind.PASSING: TransientError,
    Kind.USAGE: UsageError,
    Kind.LOST_OFFSETS: UsageError,
    Kind.TOO_LARGE: InvalidImage,
    Kind.FATAL: KafkaException,
}


def test_every_code_that_the_library_knows_belongs_to_a_class() -> None:
    assert len(CODES) > 180
    assert CODES.keys() == KINDS.keys()


@pytest.mark.parametrize("name", sorted(CODES))
def test_each_code_is_raised_as_its_class_says(name: str) -> None:
    error = KafkaError(CODES[name], "because")
    raised = exception_for(error, "publishing")
    assert type(raised) is RAISED[KINDS[name]]
    assert "because" in str(raised)


def test_a_code_that_is_not_known_ends_the_process() -> None:
    assert kind_of(KafkaError(9999)) is Kind.FATAL


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "create it with semstream topics create"),
        (KafkaError._AUTHENTICATION, "username, password"),
        (KafkaError._SSL, "ca_file"),
        (KafkaError.UNSUPPORTED_VERSION, "group_protocol = 'classic'"),
    ],
)
def test_what_somebody_has_to_put_right_is_said_with_what_to_do(code: int, advice: str) -> None:
    assert advice in str(exception_for(KafkaError(code), "reading"))


def test_an_outage_is_logged_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0]
    errors = ClientErrors(every_s=1000, clock=lambda: now[0])
    for _ in range(1500):
        errors.note(KafkaError(KafkaError._TRANSPORT, "connection refused"))
        errors.note(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        now[0] += 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "kafka_client_error" in line]
    assert len([line for line in lines if "_TRANSPORT" in line]) == 2
    assert len([line for line in lines if "_ALL_BROKERS_DOWN" in line]) == 2
    assert "999" in lines[-1]


def test_a_refused_login_is_remembered_for_calls_that_only_time_out() -> None:
    errors = ClientErrors()
    errors.note(KafkaError(KafkaError._TRANSPORT))
    errors.check("joining")
    errors.note(KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error"))
    with pytest.raises(UsageError, match="joining: SASL authentication error; check"):
        errors.check("joining")
