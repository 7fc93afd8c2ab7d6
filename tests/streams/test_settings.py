"""Settings come from one file and the environment; what is wrong is named, and no secret is shown."""

from pathlib import Path

import pytest

from streams.errors import UsageError
from streams.settings import Settings

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
    ("variables", "named"),
    [
        ({"SEMSTREAM_KAFKA_GROUP_PROTOCOL": "modern"}, "kafka.group_protocol"),
        ({"SEMSTREAM_S3_BUKET": "x"}, "s3.buket"),
        ({"SEMSTREAM_KAFKA_PASSWORD_FILE": "/nowhere/secret"}, "/nowhere/secret"),
        ({"SEMSTREAM_REDIS_TTL_S": "0", "SEMSTREAM_REDIS_PASSWORD": "hunter2"}, "redis.ttl_s"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(file: Path, variables: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.load(file, variables)
    assert named in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


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
