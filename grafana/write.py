"""The dashboards as files: ``python -m grafana.write grafana/dashboards [PIPELINE.toml]``."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.cost import COST
from grafana.drawn import drawn
from grafana.fidelity import FIDELITY
from grafana.instruments import INSTRUMENTS
from grafana.overview import overview
from grafana.panel import Board
from grafana.stage import STAGES
from streams.pipeline import load_pipeline


def boards(stages: Sequence[str]) -> tuple[Board, ...]:
    """Return all dashboards of a pipeline with these stages."""
    return (overview(stages), STAGES, INSTRUMENTS, FIDELITY, COST)


def pages(pipeline: Path | None = None) -> dict[str, str]:
    """Return the text of each file by its name."""
    stages = [stage.name for stage in load_pipeline(pipeline).stages]
    return {f"{board.name}.json": _text(board) for board in boards(stages)}


def _text(board: Board) -> str:
    return json.dumps(drawn(board), cls=JSONEncoder, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    folder, *pipeline = map(Path, sys.argv[1:])
    for name, text in pages(*pipeline).items():
        (folder / name).write_text(text, encoding="utf-8")
