"""The network between the workers and their servers, which toxiproxy makes slow, broken or absent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import Request, urlopen

from deploy.local.server import HOST

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Toxic:
    """What is done to every connection of a link; see toxiproxy's list of toxics."""

    type: str
    attributes: Mapping[str, int]
    stream: str = "downstream"


@dataclass(frozen=True)
class Network:
    """Links to servers by name, each at a port of its own."""

    api_port: int

    def link(self, name: str, *, port: int, to: int) -> None:
        """Let whoever connects to ``port`` reach the server at the port ``to``."""
        self._ask("POST", "/proxies", {"name": name, "listen": f"{HOST}:{port}", "upstream": f"{HOST}:{to}"})

    def cut(self, name: str) -> None:
        """End the connections of a link and refuse new ones."""
        self._ask("POST", f"/proxies/{name}", {"enabled": False})

    def join(self, name: str) -> None:
        """Let a link that was cut work again."""
        self._ask("POST", f"/proxies/{name}", {"enabled": True})

    def poison(self, name: str, toxic: Toxic) -> None:
        """Make a link sick."""
        body = {"name": toxic.type, "type": toxic.type, "stream": toxic.stream, "attributes": dict(toxic.attributes)}
        self._ask("POST", f"/proxies/{name}/toxics", body)

    def cure(self, name: str, toxic: Toxic) -> None:
        """Make it well again."""
        self._ask("DELETE", f"/proxies/{name}/toxics/{toxic.type}")

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        data = json.dumps(body).encode() if body is not None else None
        request = Request(f"http://{HOST}:{self.api_port}{path}", data, method=method)
        with urlopen(request, timeout=PATIENCE_S):  # noqa: S310
            return
