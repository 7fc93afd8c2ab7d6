"""Logs are events with fields: JSON lines in a file, or readable lines on a terminal."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

import structlog


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append JSON lines to a file while the block runs."""
    before = structlog.get_config()
    with path.open("a", encoding="utf-8") as file:
        _configure(file, structlog.processors.JSONRenderer())
        try:
            yield
        finally:
            structlog.configure(**before)


def log_to_stderr() -> None:
    """Log to standard error: readable on a terminal, else JSON."""
    terminal = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    _configure(cast(TextIO, _StandardError()), renderer)


class _StandardError(io.TextIOBase):
    """Standard error as it is when something is written: it may be replaced and closed while a process lives."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def _configure(file: TextIO, renderer: structlog.typing.Processor) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file),
        cache_logger_on_first_use=False,
    )
