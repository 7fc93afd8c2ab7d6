"""versitygw, an S3 server over a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import http_ok
from deploy.local.programs import Programs
from deploy.local.server import HOST, Command, Server, Tls

BUCKET = "sem"
ACCESS_KEY = "semstream"
SECRET_KEY = "semstream-on-loopback"  # noqa: S105  nothing but this machine reaches the server


@dataclass(frozen=True)
class VersityGateway(Server):
    """versitygw 1.8.0."""

    name: ClassVar[str] = "versitygw"
    port: int = 29000
    tls: Tls | None = None

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Make the bucket: every folder under its root is one."""
        (folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
        (folder / "metadata").mkdir(exist_ok=True)

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        program = programs.built_by_go("versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0")
        secured = ("--cert", str(self.tls.certificate), "--key", str(self.tls.key)) if self.tls else ()
        options = ("--port", f"{HOST}:{self.port}", "--health", "/health", "--keep-alive", "--quiet", *secured)
        storage = ("posix", "--sidecar", str(folder / "metadata"), str(folder / "data"))
        environment = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        return Command((program, *options, *storage), environment)

    def answers(self) -> bool:
        """Whether its health page does."""
        return http_ok(self.port, "/health", tls=self.tls is not None)

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the table ``s3``."""
        return {"s3": s3_table(self.port, self.tls)}


def s3_table(port: int, tls: Tls | None) -> dict[str, str]:
    """Give the table ``s3`` that leads to a server on ``port``."""
    table = {
        "endpoint_url": f"{'https' if tls else 'http'}://{HOST}:{port}",
        "bucket": BUCKET,
        "access_key": ACCESS_KEY,
        "secret_key": SECRET_KEY,
    }
    return {**table, "ca_file": str(tls.authority)} if tls else table
