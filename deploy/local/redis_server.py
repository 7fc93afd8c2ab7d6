"""Redis, the dedup cache. It keeps nothing on disk: the cache is never the truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import exchange
from deploy.local.programs import Programs
from deploy.local.server import HOST, Command, Server, Tls

NOTHING_ON_DISK = """\
bind {host}
save ""
appendonly no
"""


@dataclass(frozen=True)
class Redis(Server):
    """Redis 7."""

    name: ClassVar[str] = "redis"
    port: int = 26379
    tls: Tls | None = None
    password: str | None = None

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Write its configuration."""
        lines = [NOTHING_ON_DISK.format(host=HOST), f"port {0 if self.tls else self.port}"]
        if self.tls:
            lines += [
                f"tls-port {self.port}",
                f"tls-cert-file {self.tls.certificate}",
                f"tls-key-file {self.tls.key}",
                f"tls-ca-cert-file {self.tls.authority}",
                "tls-auth-clients no",
            ]
        if self.password:
            lines.append(f"requirepass {self.password}")
        (folder / "redis.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        program = programs.system("redis-server", "apt-get install redis-server", ("/usr/sbin",))
        return Command((program, str(folder / "redis.conf"), "--dir", str(folder)))

    def answers(self) -> bool:
        """Whether PING is answered, or refused for want of a password."""
        return exchange(self.port, b"PING\r\n", tls=self.tls is not None).startswith((b"+PONG", b"-NOAUTH"))

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the table ``redis``."""
        table = {"url": f"{'rediss' if self.tls else 'redis'}://{HOST}:{self.port}/0"}
        if self.tls:
            table["ca_file"] = str(self.tls.authority)
        if self.password:
            table["password"] = self.password
        return {"redis": table}
