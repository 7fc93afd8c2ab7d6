"""Alertmanager, which tells people of what Prometheus finds. The pipeline does without it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import http_ok
from deploy.local.programs import Missing, Programs
from deploy.local.server import HOST, Command, Server

CONFIGURATION = Path(__file__).parents[1] / "prometheus" / "alertmanager.yml"
DEBIAN, UPSTREAM = "prometheus-alertmanager", "alertmanager"
INSTALL = "apt-get install prometheus-alertmanager"


@dataclass(frozen=True)
class Alertmanager(Server):
    """Alertmanager 0.25 or newer, alone: it looks for no others of its kind."""

    name: ClassVar[str] = "alertmanager"
    needed: ClassVar[bool] = False
    port: int = 29095

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Write its configuration once; whom it tells is for the user to say there."""
        own = folder / "alertmanager.yml"
        if not own.exists():
            own.write_bytes(CONFIGURATION.read_bytes())

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``."""
        where = (f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'data'}")
        alone = "--cluster.listen-address="
        return Command((_program(programs), *where, f"--web.listen-address={HOST}:{self.port}", alone))

    def answers(self) -> bool:
        """Whether it is ready."""
        return http_ok(self.port, "/-/ready")

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Nothing: it is no service of the pipeline."""
        return {}


def _program(programs: Programs) -> str:
    """Find it by the name that it has at Debian, or else by the one that it has elsewhere."""
    try:
        return programs.system(UPSTREAM, INSTALL)
    except Missing:
        return programs.system(DEBIAN, INSTALL)
