"""toxiproxy, which makes the network between a client and a server slow, broken or absent, by an HTTP API."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import http_ok
from deploy.local.programs import Programs
from deploy.local.server import HOST, Command, Server


@dataclass(frozen=True)
class Toxiproxy(Server):
    """toxiproxy 2.5.0; its proxies are made by POST to ``/proxies`` at its port."""

    name: ClassVar[str] = "toxiproxy"
    port: int = 28474

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Nothing: it keeps nothing."""

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves."""
        program = programs.built_by_go("toxiproxy", "github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0")
        return Command((program, "-host", HOST, "-port", str(self.port)))

    def answers(self) -> bool:
        """Whether it tells its version."""
        return http_ok(self.port, "/version")

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Nothing: it is no service of the pipeline."""
        return {}
