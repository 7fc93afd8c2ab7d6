"""The pipelines that have worked in an output folder, kept there by their hash: who asks later need not name them."""

from pathlib import Path

from streams.pipeline import Pipeline
from streams.whole_file import write_whole

FOLDER = "pipelines"
"""Within the state of an output folder."""


def keep(pipeline: Pipeline, state: Path) -> None:
    """Keep the file that a pipeline was read from."""
    path = _path(state, pipeline.hash)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pipeline.text.encode())


def kept(state: Path, pipeline_hash: str) -> Path | None:
    """Return the file of the pipeline of that hash, if it has worked here."""
    path = _path(state, pipeline_hash)
    return path if path.is_file() else None


def last_kept(state: Path) -> Path | None:
    """Return the file of the pipeline that worked here last, if any has."""
    files = (state / FOLDER).glob("*.toml")
    return max(files, key=lambda path: path.stat().st_mtime_ns, default=None)


def _path(state: Path, pipeline_hash: str) -> Path:
    return state / FOLDER / f"{pipeline_hash}.toml"
