"""Prometheus, which watches the workers on this machine. The pipeline does without it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.alertmanager_server import Alertmanager
from deploy.local.probes import http_ok
from deploy.local.programs import Programs
from deploy.local.server import HOST, Command, Server

CONFIGURATION = Path(__file__).parents[1] / "prometheus"
"""Its configuration where it watches a deployment: the rules are the same here."""
TARGETS = "targets"
"""Folder of files that name processes to ask: each process writes its own (``[worker] metrics_targets``)."""


@dataclass(frozen=True)
class Prometheus(Server):
    """Prometheus 2.42 or newer; the processes that it asks stand in ``targets/*.json`` and ``*.yml`` of its folder."""

    name: ClassVar[str] = "prometheus"
    needed: ClassVar[bool] = False
    port: int = 29090
    alertmanager_port: int = Alertmanager.port

    def prepare(self, folder: Path, programs: Programs) -> None:
        """Write its configuration."""
        (folder / TARGETS).mkdir(exist_ok=True)
        (folder / "prometheus.yml").write_text(self.configuration(folder), encoding="utf-8")

    def configuration(self, folder: Path) -> str:
        """Give the text of a deployment's configuration with the ports, rules and targets of this stack."""
        text = (CONFIGURATION / "prometheus.yml").read_text(encoding="utf-8")
        for theirs, ours in (
            ("rules/*.yml", json.dumps(str(CONFIGURATION / "rules" / "*.yml"))),
            (
                "[targets/*.yml]",
                json.dumps([str(folder.resolve() / TARGETS / f"*.{kind}") for kind in ("json", "yml")]),
            ),
            (f"{HOST}:9093", f"{HOST}:{self.alertmanager_port}"),
            (f"{HOST}:9090", f"{HOST}:{self.port}"),
        ):
            text = text.replace(theirs, ours)
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))

    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from ``folder``; an HTTP call to ``/-/reload`` reads the rules again."""
        program = programs.system("prometheus", "apt-get install prometheus")
        where = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}")
        return Command((program, *where, f"--web.listen-address={HOST}:{self.port}", "--web.enable-lifecycle"))

    def answers(self) -> bool:
        """Whether it is ready."""
        return http_ok(self.port, "/-/ready")

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Nothing: it asks the workers, they do not ask it."""
        return {}
