"""One worker process of the rebalance benchmark: ``python -m streams.bench.resting_worker FOLDER``.

Its orders are a line of JSON on stdin; it says that it is ready, waits for a line, works until SIGTERM, and leaves the
acquisitions that it computed in a file of its own.
"""

import json
import os
import signal
import sys
from pathlib import Path

from streams.bench.rest import Rest
from streams.job import Desk
from streams.logs import log_to_stderr
from streams.pipeline import LIVE, Step
from streams.settings import KafkaSettings
from streams.wiring.resting import resting_crew


def main(folder: Path) -> None:
    """Work."""
    log_to_stderr()
    orders = json.loads(sys.stdin.readline())
    desk = Desk(Step(Rest(orders["seconds"]), orders["consumes"], orders["produces"]), LIVE, "bench")
    kafka = KafkaSettings.model_validate(orders["kafka"])
    computed: list[str] = []
    with resting_crew(kafka, desk, orders["group"], folder, computed.append) as crew:
        signal.signal(signal.SIGTERM, lambda number, frame: crew.stop())
        print("ready", flush=True)  # noqa: T201 - the interface
        sys.stdin.readline()
        crew.run()
    (folder / f"computed-{os.getpid()}").write_text("\n".join(computed), encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
