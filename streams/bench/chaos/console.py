"""What Kafka's own console consumer reads of a topic: a client that shares nothing with ours."""

import re
import subprocess
from dataclasses import dataclass

import orjson

from deploy.local.kafka_broker import SHORT_LIVED, tool
from deploy.local.programs import Programs

CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
OURS = b"ce_specversion:"
"""How every event is printed, by its first header."""
SILENCE_MS = 15_000
"""It ends when nothing has come for so long."""


@dataclass(frozen=True)
class Printed:
    """A message as it was printed."""

    headers: str
    value: bytes

    @property
    def event(self) -> dict[str, object]:
        """The value's JSON."""
        found = orjson.loads(self.value)
        if not isinstance(found, dict):
            raise TypeError(f"a value that is no JSON object: {self.value[:80]!r}")
        return found


def read_committed(bootstrap: str, topic: str, programs: Programs) -> list[Printed]:
    """Read a topic from its beginning to where it ends.

    Raises
    ------
    RuntimeError
        If the consumer does not say that it has read as much as it printed.
    """
    command = (
        *tool(CONSUMER, programs, SHORT_LIVED),
        *("--bootstrap-server", bootstrap, "--topic", topic, "--from-beginning"),
        *("--isolation-level", "read_committed", "--timeout-ms", str(SILENCE_MS)),
        *("--formatter-property", "print.headers=true"),
    )
    done = subprocess.run(command, capture_output=True, check=False, timeout=300)  # noqa: S603 - Kafka's own program
    lines = [line for line in done.stdout.splitlines() if line.startswith(OURS)]  # it logs to the same place
    said = re.search(rb"Processed a total of (\d+) messages", done.stderr)
    if said is None or int(said[1]) != len(lines):
        raise RuntimeError(f"the console consumer printed {len(lines)} lines and said {done.stderr[-500:]!r}")
    return [Printed(headers.decode(), value) for headers, _, value in (line.partition(b"\t") for line in lines)]
