"""Logs are events with fields: JSON lines in a file, or readable lines on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import structlog


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append JSON lines to a file while the block runs."""
    with path.open("a", encoding="utf-8") as file:
        _configure(file, structlog.processors.JSONRenderer())
        try:
            yield
        finally:
            log_to_stderr()


def log_to_stderr() -> None:
    """Log to standard error: readable on a terminal, else JSON."""
    terminal = sys.stderr.isatty()
    _configure(sys.stderr, structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer())


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
