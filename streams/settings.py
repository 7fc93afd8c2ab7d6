"""Where the services are: one TOML file, and the environment, which wins. Nothing else reads the environment.

::

    [kafka]
    bootstrap_servers = "broker-1:9093,broker-2:9093"
    security_protocol = "SASL_SSL"
    username = "semstream"
    password_file = "/run/secrets/kafka"      # a secret stands in a file, or in SEMSTREAM_KAFKA_PASSWORD

Every value may come from a variable named ``SEMSTREAM_<TABLE>_<NAME>``. The file is the one that ``--settings`` or
``SEMSTREAM_SETTINGS`` names; without either, ``.stack/settings.toml``, which `make up` writes. Whether and where traces
are sent is said by OpenTelemetry's standard variables alone, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``: `traces_wanted`.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from schemas.image import Bucket, StoreName
from streams.errors import UsageError
from streams.pipeline import LIVE
from streams.settings_faults import fault, header_fault, misspelt

LOCAL = Path(".stack") / "settings.toml"
PREFIX = "SEMSTREAM_"
SETTINGS = "settings"
"""What follows the prefix in the variable that names the file."""
VARIABLE = f"{PREFIX}{SETTINGS}".upper()
TRACES_TO = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
TRACES_BY, TRACES_OFF = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
OTLP_SPOKEN = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP = "http/protobuf"
OTLP_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")


class Table(BaseModel):
    """One table of the file. Unknown names are refused: a misspelt option would be silently without effect."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    in_a_file: ClassVar[str | None] = None
    """The field whose value may stand in the file named by ``<field>_file``."""

    @model_validator(mode="before")
    @classmethod
    def _read_secret(cls, values: Any) -> Any:  # noqa: ANN401 - what TOML gives
        place = values.get(f"{cls.in_a_file}_file") if cls.in_a_file and isinstance(values, dict) else None
        if not place or values.get(cls.in_a_file):
            return values
        try:
            return {**values, cls.in_a_file: Path(place).read_text(encoding="utf-8").strip()}
        except OSError as error:
            raise ValueError(f"{cls.in_a_file}_file: cannot read {place}: {error.strerror}") from error


class KafkaSettings(Table):
    """Apache Kafka. ``classic`` groups are for brokers older than 4.0."""

    in_a_file = "password"
    bootstrap_servers: str
    group_protocol: Literal["consumer", "classic"] = "consumer"
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None


class S3Settings(Table):
    """An S3 store. ``store`` is its logical name in every reference; ``buckets`` the only ones read from."""

    in_a_file = "secret_key"
    endpoint_url: str | None = None
    region: str = "us-east-1"
    store: StoreName = "s3"
    bucket: Bucket = "sem"
    buckets: tuple[Bucket, ...] = ()
    """Buckets besides ``bucket`` that references may name."""
    prefixes: tuple[str, ...] = ("raw/", "candidates/", "selected/", "evidence/")
    access_key: str | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    ca_file: Path | None = None


class RedisSettings(Table):
    """Redis, the dedup cache; the pipeline runs without it, slower. ``rediss://`` for TLS."""

    in_a_file = "password"
    url: str
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    ttl_s: int = Field(default=7 * 86_400, gt=0)


class PostgresSettings(Table):
    """PostgreSQL, the job ledger: ``postgresql://user@host:port/database?sslmode=verify-full``."""

    in_a_file = "password"
    url: str
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


class WorkerSettings(Table):
    """A worker on this node: where it keeps its journal and its copies of objects, and how it ends."""

    state: Path = Path(".semstream")
    """Folder of this slot's journal and node cache; survives a restart."""
    slot: str | None = None
    """A stable name of the place this process runs in (a StatefulSet's ordinal): its successor takes over at once."""
    node_cache_bytes: int = Field(default=2 << 30, ge=0)
    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"
    metrics_targets: Path | None = None
    """Folder where a process that serves metrics has a file, for a Prometheus on this machine to find it."""
    stop_deadline_s: float = Field(default=60.0, gt=0)
    first_lane: str = LIVE
    """The lane that goes before the others where this process works in several."""


class Settings(BaseModel):
    """All of it. A service without a table is one that nobody told about."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kafka: KafkaSettings
    s3: S3Settings
    redis: RedisSettings | None = None
    postgres: PostgresSettings
    worker: WorkerSettings = WorkerSettings()

    @classmethod
    def load(cls, path: Path | None, environment: Mapping[str, str] | None = None) -> Self:
        """Read the file and the environment.

        Raises
        ------
        UsageError
            If a value is missing, misspelt or malformed; the message names it and never shows a secret.
        """
        variables = os.environ if environment is None else environment
        if wrong := misspelt(variables, [*cls.model_fields, SETTINGS], PREFIX):
            raise UsageError(wrong)
        named = path or (Path(variables[VARIABLE]) if VARIABLE in variables else None)
        source = named or LOCAL
        tables = _merged(_tables(source, required=named is not None), variables)
        if not tables:
            raise UsageError("no settings: run make up for services on this machine, or name a file by --settings")
        try:
            return cls.model_validate(tables)
        except ValidationError as error:
            raise UsageError(fault(error, _names(), source, variables, PREFIX)) from error

    @staticmethod
    def named_by() -> str | None:
        """Return what names a settings file where no option does: the variable, or the local stack's file."""
        return VARIABLE if VARIABLE in os.environ else str(LOCAL) if LOCAL.is_file() else None

    def to_toml(self) -> str:
        """Return the text of a file that says the same, secrets included: whoever writes it keeps others out."""
        lines: list[str] = []
        for name, table in self.model_dump(exclude_none=True, exclude_defaults=True).items():
            lines += [f"[{name}]", *(f"{field} = {_toml(value)}" for field, value in table.items())]
        return "\n".join(lines) + "\n"


def traces_wanted(environment: Mapping[str, str] | None = None) -> bool:
    """Whether OpenTelemetry's standard variables name somebody who collects traces.

    Raises
    ------
    UsageError
        If they ask for what this program does not speak.
    """
    variables = os.environ if environment is None else environment
    exporter = variables.get(TRACES_BY, "").strip().lower()
    if exporter == "none" or variables.get(TRACES_OFF, "").strip().lower() == "true":
        return False
    if exporter not in ("", "otlp"):
        raise UsageError(f"{TRACES_BY}={exporter}: only otlp is spoken here; set it to otlp, or to none for no traces")
    to = next((name for name in TRACES_TO if variables.get(name)), None)
    if to is None and not exporter:
        return False
    if to is not None and not variables[to].startswith(("http://", "https://")):
        raise UsageError(f"{to}: write an address with http:// or https://, such as http://collector:4318")
    name, spoken = next(((name, variables[name]) for name in OTLP_SPOKEN if variables.get(name)), ("", HTTP))
    if spoken != HTTP:
        raise UsageError(
            f"{name}={spoken}: only {HTTP} is spoken here; set it to that, with the collector's port for it (4318)"
        )
    for name in OTLP_HEADERS:
        if wrong := header_fault(name, variables.get(name, "")):
            raise UsageError(wrong)
    return True


def _names() -> dict[str, list[str]]:
    """Return the names of all settings, by table."""
    kinds = {name: (field.annotation, *get_args(field.annotation)) for name, field in Settings.model_fields.items()}
    return {
        name: [*kind.model_fields]
        for name, some in kinds.items()
        for kind in some
        if isinstance(kind, type) and issubclass(kind, Table)
    }


def _toml(value: Any) -> str:  # noqa: ANN401 - any field's
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = str(value)
    return json.dumps(list(value) if isinstance(value, tuple) else value)  # of these types, JSON is TOML


def _tables(path: Path, *, required: bool) -> dict[str, Any]:
    if not required and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the settings file {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {error}") from error


def _merged(tables: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    merged = {name: dict(table) if isinstance(table, dict) else table for name, table in tables.items()}
    for table in Settings.model_fields:
        prefix = f"{PREFIX}{table.upper()}_"
        for name, value in variables.items():
            if name.startswith(prefix) and isinstance(merged.setdefault(table, {}), dict):
                merged[table][name.removeprefix(prefix).lower()] = value
    return merged
