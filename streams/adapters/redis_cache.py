"""A dedup cache in Redis, shared by all workers. Without it they work on, slower."""

import random
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    AuthorizationError,
    ClusterError,
    ExternalAuthProviderError,
    InvalidResponse,
    NoPermissionError,
    ResponseError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from streams.breaker import Breaker
from streams.errors import TransientError, UsageError
from streams.settings import RedisSettings
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import CACHE_AVAILABLE, CACHE_FAILURES

T = TypeVar("T")

PREFIX = "semstream:2:"
"""Before every key. The number is that of the values' form."""
TIMEOUT_S = 0.25
"""Computing a small image again takes no longer than this."""
SLOW_S = 1.0
"""A call that takes longer counts as failed, whatever it answers: time-outs bound one read, not a slow trickle."""
CHECKSUM_BYTES = 4
UNAVAILABLE = (redis.ConnectionError, redis.TimeoutError, ResponseError, InvalidResponse, ClusterError)
REFUSED = (
    AuthenticationError,
    AuthorizationError,
    ExternalAuthProviderError,
    AuthenticationWrongNumberOfArgsError,
    NoPermissionError,
    AskError,  # and MovedError: a node of a cluster, which is not supported
)
SET_ALL = "for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[1]) end"
"""MSET with a time to live: 500 bodies take a third of the time of a pipeline of SET."""

log = structlog.get_logger()


class RedisCache:
    """Outcome bodies with a time to live. A failure of Redis is counted, said once, and answers nothing."""

    def __init__(
        self,
        settings: RedisSettings,
        telemetry: Telemetry,
        *,
        prefix: str = PREFIX,
        now_s: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = _client(settings)
        self._set_all = self._client.register_script(SET_ALL)
        self._ttl_s = settings.ttl_s
        self._prefix = prefix
        self._telemetry = telemetry
        self._now_s = now_s
        self._breaker = Breaker(now_s, jitter)
        telemetry.set(CACHE_AVAILABLE, 1, "redis")

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return the bodies of the keys that are remembered; those that are damaged are not."""
        if not keys:
            return {}
        names = [self._prefix + key for key in keys]
        nothing: list[bytes | str | None] = [None] * len(names)
        values = self._guarded("get", lambda: self._client.mget(names), nothing)
        bodies = {key: _unsealed(key, value) for key, value in zip(keys, values, strict=True)}
        return {key: body for key, body in bodies.items() if body is not None}

    def put(self, bodies: Mapping[str, bytes]) -> None:
        """Remember for the time to live."""
        if bodies:
            keys = [self._prefix + key for key in bodies]
            values = [str(self._ttl_s).encode(), *(_sealed(key, body) for key, body in bodies.items())]
            self._guarded("put", lambda: self._set_all(keys=keys, args=values), None)

    def check(self) -> None:
        """Write and read something, as a worker would.

        Raises
        ------
        UsageError
            If Redis refuses us; the message says what to put right.
        TransientError
            If it does not answer.
        """
        key = f"{self._prefix}check"
        try:
            self._set_all(keys=[key], args=[1, b""])
            self._client.mget([key])
        except REFUSED as error:
            raise UsageError(f"Redis refuses us ({error}): correct [redis] in the settings") from error
        except UNAVAILABLE as error:
            if "certificate" in str(error):
                raise UsageError(f"Redis cannot be trusted ({error}): correct [redis] in the settings") from error
            raise TransientError(
                f"Redis does not answer ({error}): start it, or correct [redis] url in the settings; workers go on"
                " without it, slower, and nothing is lost"
            ) from error

    def close(self) -> None:
        """Release the connections."""
        self._client.close()

    def _guarded(self, name: str, call: Callable[[], T], otherwise: T) -> T:
        if not self._breaker.allows():
            return otherwise
        begun_s = self._now_s()
        try:
            result = call()
        except UNAVAILABLE as error:
            self._note_failure(name, str(error))
            return otherwise
        seconds = self._now_s() - begun_s
        if seconds > SLOW_S:
            self._note_failure(name, f"it took {seconds:.1f} s to answer")
        elif self._breaker.succeeded():
            self._telemetry.set(CACHE_AVAILABLE, 1, "redis")
            log.info("cache_available")
        return result

    def _note_failure(self, name: str, reason: str) -> None:
        self._telemetry.count(CACHE_FAILURES, name)
        if self._breaker.failed():
            self._telemetry.set(CACHE_AVAILABLE, 0, "redis")
            log.warning("cache_unavailable", reason=reason, effect="the pipeline runs on, slower")


def _client(settings: RedisSettings) -> redis.Redis:
    options = {"ssl_ca_certs": str(settings.ca_file)} if settings.ca_file else {}
    try:
        return redis.Redis.from_url(
            settings.url,
            username=settings.username,
            password=settings.password.get_secret_value() if settings.password else None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            # A server that was restarted has closed our connections: that costs one try, and is no failure.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            **options,
        )
    except ValueError as error:
        raise UsageError(f"[redis]: url cannot be used ({error}); it looks like redis://host:6379/0") from error


def _sealed(key: str, body: bytes) -> bytes:
    return _checksum(key, body) + body


def _unsealed(key: str, value: bytes | str | None) -> bytes | None:
    if not isinstance(value, bytes):
        return None
    body = value[CHECKSUM_BYTES:]
    return body if value[:CHECKSUM_BYTES] == _checksum(key, body) else None


def _checksum(key: str, body: bytes) -> bytes:
    """Of both: what was written under another key is no answer to this one."""
    return zlib.crc32(body, zlib.crc32(key.encode())).to_bytes(CHECKSUM_BYTES)
