"""What stands at an address, asked for by HTTP."""

import http.client
import urllib.error
import urllib.request

from streams.errors import TransientError

DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Processes and Prometheus stand inside: no proxy of the environment stands before them."""


def got(url: str, *, timeout_s: float) -> bytes:
    """Return what stands there.

    Raises
    ------
    TransientError
        If nothing does; the message is the reason alone.
    """
    try:
        with DIRECTLY.open(url, timeout=timeout_s) as answer:
            body: bytes = answer.read()
            return body
    except urllib.error.HTTPError as error:
        with error:
            raise TransientError(f"it answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(_reason(error, timeout_s)) from error


def _reason(error: Exception, timeout_s: float) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return " ".join(f"{type(cause).__name__} {cause}".split()) if isinstance(cause, Exception) else str(cause)
