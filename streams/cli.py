"""The command `semstream`: exit codes, and one line for what is no bug."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from streams.dead_letter_limit import TooManyDeadLetters
from streams.errors import TransientError, UsageError
from streams.logs import log_to_stderr

FAILED, WRONG_USAGE, TOO_MANY_DEAD_LETTERS, INTERRUPTED = 1, 2, 3, 130
KEPT = "what was finished is kept: run the same command"
CLEAR_LINE_AND_SHOW_CURSOR = "\r\x1b[J\x1b[?25h"


def main() -> NoReturn:
    """Run the command line: exit code 2 and one line for wrong usage, a traceback only for what is a bug."""
    # An interrupt ends the process where it stands, as a crash would, and a crash loses nothing. An exception in its
    # place could come out of an import or a library's clean-up as anything, with a traceback.
    signal.signal(signal.SIGINT, _interrupted)
    log_to_stderr()
    code, message = outcome_of(sys.argv[1:])
    _end(code, message)


def outcome_of(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command; return its exit code, and what is to be said about it."""
    from streams.application import WrongCall, application  # noqa: PLC0415 - takes a while, in which a user may interrupt

    try:
        return application(arguments)(list(arguments), standalone_mode=False) or 0, ""
    except (UsageError, WrongCall) as error:
        return WRONG_USAGE, getattr(error, "format_message", error.__str__)()
    except TransientError as error:
        return FAILED, f"{error}; {KEPT} again"
    except TooManyDeadLetters as error:
        return TOO_MANY_DEAD_LETTERS, str(error)
    except BrokenPipeError:  # whoever read the output has seen enough
        return FAILED, ""
    except OSError as error:
        if error.errno is None and "ledger" not in str(error):
            raise
        return FAILED, f"{_told(error)}; {KEPT} again when this is put right"


def _told(error: OSError) -> str:
    """What the system says, and of which file, without its number."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def _interrupted(_: int, __: FrameType | None) -> NoReturn:
    _end(INTERRUPTED, f"interrupted; {KEPT} to go on from there")


def _end(code: int, message: str) -> NoReturn:
    """Say why, and leave without waiting for computations that are still running."""
    try:
        if sys.stdout is not None:  # closed by who started us
            sys.stdout.flush()
    except (OSError, RuntimeError):  # nobody reads any more, the disk is full, or the interrupt came within a write
        code = code or FAILED
    line = f"semstream: {' '.join(message.split())}\n" if message else ""
    if code == INTERRUPTED and sys.stderr.isatty():
        line = CLEAR_LINE_AND_SHOW_CURSOR + line
    with suppress(OSError):
        os.write(2, line.encode(errors="backslashreplace"))
    os._exit(code)


if __name__ == "__main__":
    main()
