"""MinIO, the S3 server that many labs run. Its community edition ended in 2026, so it is the second choice here."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import http_ok
from deploy.local.programs import Programs
from deploy.local.server import HOST, Command, Server, Tls
from deploy.local.versity_gateway import ACCESS_KEY, BUCKET, SECRET_KEY, s3_table


@dataclass(frozen=True)
class Minio(Server):
    """The last commit of MinIO's community edition, on a port beside versitygw's."""

    name: ClassVar[str] = "minio"
    port: int = 29001
    tls: Tls | None = None

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Make the bucket: every folder under its root is one."""
        (folder / "data" / BUCKET).mkdir(parents=True, exist_ok=True)
        (folder / "certificates").mkdir(exist_ok=True)
        if self.tls:
            shutil.copyfile(self.tls.certificate, folder / "certificates" / "public.crt")
            shutil.copyfile(self.tls.key, folder / "certificates" / "private.key")

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        program = programs.built_by_go("minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")
        options = ("--quiet", "--address", f"{HOST}:{self.port}", "--certs-dir", str(folder / "certificates"))
        environment = {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_BROWSER": "off"}
        return Command((program, "server", *options, str(folder / "data")), environment)

    def answers(self) -> bool:
        """Whether its health page does."""
        return http_ok(self.port, "/minio/health/ready", tls=self.tls is not None)

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the table ``s3``."""
        return {"s3": s3_table(self.port, self.tls)}
