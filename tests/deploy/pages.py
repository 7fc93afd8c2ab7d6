"""A server of few lines, to try on it how servers are kept."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deploy.local.probes import http_ok
from deploy.local.programs import Programs
from deploy.local.server import Command, Server

SERVES = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + SERVES
LAST_WILL = (
    "import pathlib, signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path('will').touch()))" + SERVES
)
WITH_A_CHILD = (
    "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])" + SERVES
)
FAILS = "import sys; print('starting'); sys.exit('the disk is full')"


@dataclass(frozen=True)
class Page(Server):
    """Python's own web server, on the folder that it runs in."""

    name: ClassVar[str] = "page"
    script: str = SERVES

    def prepare(self, folder: Path, programs: Programs) -> None:
        (folder / "data").touch()

    def command(self, folder: Path, programs: Programs) -> Command:
        return Command((sys.executable, "-c", self.script, str(self.port)))

    def answers(self) -> bool:
        return http_ok(self.port, "/data")

    def settings(self) -> Mapping[str, Mapping[str, str]]:
        return {}
