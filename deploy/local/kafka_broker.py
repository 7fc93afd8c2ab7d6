"""Apache Kafka, broker and controller in one process."""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.kafka_properties import LOGGING, PROPERTIES, SASL, TLS
from deploy.local.probes import kafka_api_versions
from deploy.local.programs import Programs, run
from deploy.local.server import HOST, Command, Server, Tls

VERSION = "4.2.0"
DEPENDENCIES = (
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
)
USER = "semstream"
JAVA = "apt-get install default-jre-headless (Java 17 or newer)"
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Java options that let a program of a second start in half the time."""
PROTOCOLS = {
    (False, False): "PLAINTEXT",
    (True, False): "SSL",
    (False, True): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}
"""Security protocol by: encrypted, with a password."""


@dataclass(frozen=True)
class Kafka(Server):
    """Apache Kafka; with ``password``, SCRAM-SHA-512 for the user ``semstream``."""

    name: ClassVar[str] = "kafka"
    port: int = 29092
    controller_port: int = 29093
    internal_port: int = 29094
    tls: Tls | None = None
    password: str | None = None

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port that it listens at."""
        return (self.port, self.controller_port, self.internal_port)

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Write its configuration and format its storage."""
        properties = folder / "server.properties"
        properties.write_text(self._properties(folder), encoding="utf-8")
        (folder / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
        if self.tls:
            _write_key_store(self.tls, folder / "key-store.pem", programs)
        if not (folder / "data" / "meta.properties").exists():
            cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            user = ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={self.password}]") if self.password else ()
            format_storage = (
                *tool("kafka.tools.StorageTool", programs),
                "format",
                f"--cluster-id={cluster}",  # one in 64 begins with a dash, which alone would pass for an option
                "-c",
                str(properties),
            )
            run((*format_storage, *user), failure="cannot format Kafka's storage")

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        options = ("-Xmx512m", f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}")
        return Command((*tool("kafka.Kafka", programs, options), str(folder / "server.properties")))

    def answers(self) -> bool:
        """Whether the broker tells which requests it understands."""
        return kafka_api_versions(self.port, tls=self.tls is not None)

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the table ``kafka``."""
        table = {"bootstrap_servers": f"{HOST}:{self.port}", "security_protocol": self._protocol}
        if self.tls:
            table["ca_file"] = str(self.tls.authority)
        if self.password:
            table |= {"username": USER, "password": self.password}
        return {"kafka": table}

    @property
    def _protocol(self) -> str:
        return PROTOCOLS[self.tls is not None, self.password is not None]

    def _properties(self, folder: Path) -> str:
        text = PROPERTIES.format(
            host=HOST,
            port=self.port,
            controller_port=self.controller_port,
            internal_port=self.internal_port,
            protocol=self._protocol,
            data=folder / "data",
        )
        if self.tls:
            text += TLS.format(key_store=folder / "key-store.pem")
        return text + (SASL if self.password else "")


def tool(main_class: str, programs: Programs, options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Give the command that runs one of Kafka's own programs; its arguments are to be added."""
    java = programs.system("java", JAVA)
    jars = programs.jars(f"kafka-{VERSION}", _pom())
    return (java, *options, "-cp", str(jars / "*"), main_class)


def _pom() -> str:
    parts = ("groupId", "artifactId", "version")
    entries = (
        "<dependency>" + "".join(f"<{part}>{value}</{part}>" for part, value in zip(parts, entry, strict=True))
        for entry in DEPENDENCIES
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>semstream</groupId><artifactId>kafka-server</artifactId><version>1</version>"
        f"<dependencies>{'</dependency>'.join(entries)}</dependency></dependencies></project>"
    )


def _write_key_store(tls: Tls, target: Path, programs: Programs) -> None:
    """Write key and certificate as Kafka reads them: one file, the key as PKCS #8."""
    openssl = programs.system("openssl", "apt-get install openssl")
    key = run((openssl, "pkcs8", "-topk8", "-nocrypt", "-in", str(tls.key)), failure="cannot read the key of Kafka")
    target.touch(mode=0o600)
    target.write_text(key + tls.certificate.read_text(encoding="ascii"), encoding="ascii")
