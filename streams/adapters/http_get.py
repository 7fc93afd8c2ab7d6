"""What stands at an address, asked for by HTTP."""

import http.client
import time
import urllib.error
import urllib.request

from streams.errors import TransientError

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Processes and Prometheus stand inside: no proxy of the environment stands before them."""


LARGEST_BYTES = 16 << 20
PIECE_BYTES = 1 << 16


def got(url: str, *, timeout_s: float) -> bytes:
    """Return what stands there, where it comes whole within the time; a last piece may be waited for as long again.

    Raises
    ------
    TransientError
        If nothing does; the message is the reason alone.
    """
    try:
        until = time.monotonic() + timeout_s
        with DIRECTLY.open(url, timeout=timeout_s) as answer:
            return _whole(answer, until, timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise TransientError(f"it answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(_reason(error, timeout_s)) from error
    except ValueError as error:  # a host or a path with characters that cannot be sent
        raise TransientError(f"the address cannot be asked, write it in ASCII: {error}") from error


def _whole(answer: http.client.HTTPResponse, until: float, timeout_s: float) -> bytes:
    """Read to the end, in pieces: somebody may send a page that never ends."""
    body = bytearray()
    while piece := answer.read1(PIECE_BYTES):
        body += piece
        if len(body) > LARGEST_BYTES:
            raise TransientError(f"it answers with more than {LARGEST_BYTES >> 20} MiB: that is no such page")
        if time.monotonic() > until:
            raise TransientError(f"its answer is not whole within {timeout_s:g} s")
    if answer.length:  # what is still to come, where it was announced
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _reason(error: Exception, timeout_s: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return " ".join(f"{type(cause).__name__} {cause}".split()) if isinstance(cause, Exception) else str(cause)
