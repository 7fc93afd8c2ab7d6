"""Settings come from one file and the environment; what is wrong is named, and no secret is shown."""

from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.settings import Settings, traces_wanted

TEXT = """
[kafka]
bootstrap_servers = "127.0.0.1:29092"
[s3]
endpoint_url = "http://127.0.0.1:29000"
[redis]
url = "redis://127.0.0.1:26379/0"
[postgres]
url = "postgresql://semstream@127.0.0.1:25432/semstream"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(TEXT)
    return path


def test_a_file_is_enough(file: Path) -> None:
    settings = Settings.load(file, {})
    assert settings.kafka.bootstrap_servers == "127.0.0.1:29092"
    assert settings.kafka.group_protocol == "consumer"
    assert settings.s3.bucket == "sem"


def test_the_environment_wins(file: Path) -> None:
    settings = Settings.load(None, {"SEMSTREAM_SETTINGS": str(file), "SEMSTREAM_S3_BUCKET": "fab-7"})
    assert settings.s3.bucket == "fab-7"


def test_the_environment_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = {
        "SEMSTREAM_KAFKA_BOOTSTRAP_SERVERS": "b:1",
        "SEMSTREAM_S3_REGION": "eu-west-1",
        "SEMSTREAM_POSTGRES_URL": "postgresql://x",
    }
    assert Settings.load(None, variables).redis is None


def test_a_secret_may_stand_in_a_file(file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    settings = Settings.load(file, {"SEMSTREAM_KAFKA_PASSWORD_FILE": str(tmp_path / "secret")})
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"KAFKA_GROUP_PROTOCOL": "modern"}, "SEMSTREAM_KAFKA_GROUP_PROTOCOL: it should be 'consumer' or 'classic'"),
        ({"S3_BUKET": "x"}, "SEMSTREAM_S3_BUKET sets nothing; did you mean SEMSTREAM_S3_BUCKET?"),
        ({"KAFAK_PASSWORD": "x"}, "SEMSTREAM_KAFAK_PASSWORD sets nothing; did you mean SEMSTREAM_KAFKA_PASSWORD?"),
        ({"SETINGS": "/x"}, "SEMSTREAM_SETINGS sets nothing; did you mean SEMSTREAM_SETTINGS?"),
        ({"KAFKA_PASSWORD_FILE": "/nowhere/x"}, "SEMSTREAM_KAFKA_PASSWORD_FILE: cannot read /nowhere/x: No such file"),
        ({"REDIS_TTL_S": "0", "REDIS_PASSWORD": "hunter2"}, "SEMSTREAM_REDIS_TTL_S: it should be greater than 0"),
    ],
)
def test_a_wrong_variable_is_named_and_the_file_is_not_blamed(file: Path, variables: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.load(file, {f"SEMSTREAM_{name}": value for name, value in variables.items()})
    assert str(caught.value).startswith(f"the variable {said}")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("endpoint_url", "endpoint", "[s3] endpoint is no setting; did you mean endpoint_url?"),
        ("endpoint_url", "zzz", "[s3] zzz is no setting; there are access_key, bucket, buckets, ca_file,"),
        ("[redis]", "[reddis]", "there is no table [reddis]; did you mean [redis]?"),
        ("[redis]", "[[redis]]", "[redis] "),
        ("bootstrap_servers", "password_file = '/nowhere/x'\nbootstrap_servers", "[kafka] password_file: cannot read"),
        (
            "bootstrap_servers =",
            "group_protocol =",
            "[kafka] needs bootstrap_servers: write it there, or set SEMSTREAM",
        ),
        ('"postgresql://', '3\n# "', "[postgres] url: it should be a valid string"),
    ],
)
def test_a_wrong_key_is_named_with_its_file_and_what_was_meant(file: Path, old: str, new: str, said: str) -> None:
    file.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        Settings.load(file, {})
    assert str(caught.value).startswith(f"{file}: {said}")
    assert "\n" not in str(caught.value)


def test_a_table_that_is_missing_is_named(file: Path) -> None:
    file.write_text(TEXT.split("[postgres]", maxsplit=1)[0])
    with pytest.raises(UsageError, match=r"the table \[postgres\] is missing"):
        Settings.load(file, {})


def test_without_any_settings_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="make up"):
        Settings.load(None, {})


def test_settings_written_down_read_back_the_same(file: Path, tmp_path: Path) -> None:
    variables = {"SEMSTREAM_KAFKA_PASSWORD": 'hun"ter\\2', "SEMSTREAM_WORKER_STATE": "/var/lib/semstream"}
    settings = Settings.load(file, variables)
    settings = settings.model_copy(update={"s3": settings.s3.model_copy(update={"buckets": ("a-1", "b-2")})})
    (tmp_path / "written.toml").write_text(settings.to_toml())
    assert Settings.load(tmp_path / "written.toml", {}) == settings


def test_variables_of_others_with_our_prefix_are_left_alone(file: Path) -> None:
    settings = Settings.load(file, {"SEMSTREAM_FILTER_SERVICE_HOST": "10.0.0.1"})  # as Kubernetes names a service
    assert settings == Settings.load(file, {})


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SERVICE_NAME": "x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_traces_are_wanted_where_the_standard_variables_name_a_collector(
    variables: dict[str, str], wanted: bool
) -> None:
    assert traces_wanted(variables) is wanted


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: only http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: write an address with http"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin: only otlp is spoken here; set it to otlp"),
    ],
)
def test_traces_in_a_form_that_is_not_spoken_are_refused_with_what_to_set(variables: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        traces_wanted(variables)


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET",
        "Authorization: Basic SECRET==",
        "x-tenant=fab,SECRET",
        "authorization=SECRET;",
        "authorization=SEC%0ARET",
    ],
)
def test_a_header_for_traces_in_another_form_is_refused_and_not_shown(variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"{variable}: write name=value") as refused:
        traces_wanted({**ENDPOINT, variable: text})
    assert "SEC" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "authorization=Bearer SECRET==", "authorization=Basic%20a, x-tenant = fab,"])
def test_headers_for_traces_are_taken_as_opentelemetry_reads_them(text: str) -> None:
    assert traces_wanted({**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": text})
