"""Pictures of the dashboards with the answers of a run of two minutes: ``python -m tests.grafana.paint docs/img``."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from grafana.panel import Board
from grafana.write import boards
from streams.logs import log_to_stderr
from streams.pipeline import load_pipeline
from tests.grafana.picture import picture
from tests.grafana.prometheus import scraping
from tests.grafana.watched_run import Watched, watched_run
from tests.streams.telemetry.test_serving import free_port

IMAGES, SIDE, RATE_S = 240, 256, 6.0


def painted(board: Board, watched: Watched) -> str:
    """Return the picture of a dashboard with what it would show of a run."""
    return picture(board, watched.answers, watched.begun, watched.ended)


def paint(folder: Path) -> None:
    """Write a picture of each dashboard."""
    port = free_port()
    with TemporaryDirectory() as place, scraping(port, Path(place)) as prometheus:
        watched = watched_run(prometheus, port, Path(place), images=IMAGES, side=SIDE, rate_s=RATE_S)
        for board in boards([stage.name for stage in load_pipeline(None).stages]):
            (folder / f"dashboard-{board.name}.svg").write_text(painted(board, watched), encoding="utf-8")


if __name__ == "__main__":
    log_to_stderr()
    paint(Path(sys.argv[1]))
