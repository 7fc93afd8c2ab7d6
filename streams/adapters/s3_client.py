"""The S3 client: one, shared by the threads of a process."""

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.utils import parse_timestamp

from streams.errors import UsageError
from streams.settings import S3Settings


@dataclass(frozen=True)
class Patience:
    """How long one request may take before the caller backs off and tries again.

    A second attempt at once is for a connection that the store has closed while it was idle; everything slower is the
    caller's, who pauses, says so and gives up what was revoked meanwhile.
    """

    connect_s: float = 5.0
    read_s: float = 30.0
    """Without a single byte."""
    attempts: int = 2


DEFAULT_PATIENCE = Patience()


def s3_client(settings: S3Settings, *, connections: int, patience: Patience = DEFAULT_PATIENCE) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Make a client with so many connections; nothing is sent yet.

    Raises
    ------
    UsageError
        If the settings cannot be used.
    """
    if settings.ca_file is not None and not settings.ca_file.is_file():
        raise UsageError(f"[s3] ca_file: there is no file {settings.ca_file}")
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time)
    try:
        client = boto3.session.Session(botocore_session=core).client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key.get_secret_value() if settings.secret_key else None,
            verify=str(settings.ca_file) if settings.ca_file else None,
            config=_config(settings, connections, patience),
        )
    except (BotoCoreError, ValueError) as error:
        raise UsageError(f"[s3] cannot be used: {error}") from error
    client.meta.events.register("before-parameter-build.s3", _never_redirect)
    client.meta.events.register("before-call.s3", _send_at_once)
    return client


def _config(settings: S3Settings, connections: int, patience: Patience) -> Config:
    own = settings.endpoint_url is not None
    return Config(
        signature_version="s3v4",
        connect_timeout=patience.connect_s,
        read_timeout=patience.read_s,
        retries={"mode": "standard", "total_max_attempts": patience.attempts},
        max_pool_connections=connections,
        tcp_keepalive=True,
        # Composing the library's own name takes a tenth of a request's time, as does checking types that mypy checks.
        user_agent="semstream",
        parameter_validation=False,
        # A server of one's own has no host name for each bucket, and no proxy of the environment stands before it.
        s3={"addressing_style": "path" if own else "auto"},
        proxies={} if own else None,
        ignore_configured_endpoint_urls=True,
        # We send the sha256 that names the object and check what we read against it: CRCs beside it add nothing.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _time(value: Any) -> datetime:  # noqa: ANN401 - as the library finds it
    """Read a time; those of HTTP headers without trying every way in which one may be written, for 0.3 ms a request."""
    if isinstance(value, str) and value.endswith(" GMT"):
        return parsedate_to_datetime(value)
    read: datetime = parse_timestamp(value)
    return read


def _never_redirect(context: dict[str, Any], **_: object) -> None:
    """Tell the library that it has followed a redirection already: it follows one at most, to a region's own host."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _send_at_once(params: dict[str, Any], **_: object) -> None:
    """Send bytes as bytes, and without asking before.

    The library makes a file of them, which it then sends in pieces of 16 kB after a round trip of "100 Continue": of
    a put of 0.5 MB that was a third of the time.
    """
    if isinstance(params.get("body"), BytesIO):
        params["body"] = params["body"].getvalue()
        params["headers"].pop("Expect", None)
