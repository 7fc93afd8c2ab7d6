"""What the Redis cache suffers without anyone noticing more than that it is slower."""

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis.exceptions
from structlog.testing import capture_logs

from streams.adapters.redis_cache import REFUSED, UNAVAILABLE, RedisCache
from streams.errors import TransientError, UsageError
from streams.settings import RedisSettings
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import CACHE_FAILURES
from tests.caches import own_prefix, redis_settings
from tests.own_servers import OwnRedis, certificates, free_port

BUGS = {
    "RedisError", "DataError", "PubSubError", "WatchError", "LockError", "LockNotOwnedError", "ChildDeadlockedError",
    "RedisClusterException", "SlotNotCoveredError", "CrossSlotTransactionError", "InvalidPipelineStack",
    "IncorrectPolicyType",
}  # fmt: skip


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.stop()


def settings_of(server: OwnRedis, *, password: str | None = None, scheme: str = "redis") -> RedisSettings:
    values = {"url": f"{scheme}://localhost:{server.port}/0", "password": password}
    return RedisSettings.model_validate({name: value for name, value in values.items() if value})


def test_every_class_of_redis_has_a_meaning() -> None:
    errors = [
        thing for thing in vars(redis.exceptions).values() if isinstance(thing, type) and issubclass(thing, Exception)
    ]
    assert {error.__name__ for error in errors if not issubclass(error, UNAVAILABLE)} == BUGS
    assert all(issubclass(error, UNAVAILABLE) for error in REFUSED)


def test_bodies_are_forgotten_after_their_time() -> None:
    found = redis_settings().model_copy(update={"ttl_s": 1000})
    with own_prefix(found) as prefix, closing(RedisCache(found, Telemetry(), prefix=prefix)) as cache:
        cache.put({"a": b"1"})
        with closing(redis.Redis.from_url(found.url)) as client:
            assert 990 <= client.ttl(f"{prefix}a") <= 1000


def test_a_damaged_value_and_one_of_somebody_else_are_misses() -> None:
    found = redis_settings()
    with own_prefix(found) as prefix, closing(RedisCache(found, Telemetry(), prefix=prefix)) as cache:
        cache.put({"a": b"body", "b": b"body"})
        with closing(redis.Redis.from_url(found.url)) as client:
            client.setrange(f"{prefix}a", 6, b"X")
            client.set(f"{prefix}c", b"{}")
            client.copy(f"{prefix}b", f"{prefix}d")
        assert cache.get(["a", "b", "c", "d"]) == {"b": b"body"}


def test_without_a_server_nothing_is_known_nothing_raised_and_it_is_said_once(server: OwnRedis) -> None:
    clock, telemetry = Clock(), Telemetry()
    with closing(RedisCache(settings_of(server), telemetry, now_s=clock)) as cache, capture_logs() as logs:
        cache.put({"a": b"1"})
        server.stop()
        for _ in range(5):
            assert cache.get(["a"]) == {}
            cache.put({"b": b"2"})
        assert telemetry.total(CACHE_FAILURES, call="get") + telemetry.total(CACHE_FAILURES, call="put") == 1
        assert telemetry.registry.get_sample_value("semstream_cache_available", {"cache": "redis"}) == 0
        server.start()
        assert cache.get(["a"]) == {}
        clock.now_s += 2
        cache.put({"c": b"3"})
        assert cache.get(["c"]) == {"c": b"3"}
        assert telemetry.registry.get_sample_value("semstream_cache_available", {"cache": "redis"}) == 1
    assert [entry["event"] for entry in logs] == ["cache_unavailable", "cache_available"]
    assert "reason" in logs[0]


def test_a_server_that_was_restarted_is_no_failure(server: OwnRedis) -> None:
    telemetry = Telemetry()
    with closing(RedisCache(settings_of(server), telemetry)) as cache:
        cache.put({"a": b"1"})
        server.stop()
        server.start()
        assert cache.get(["a"]) == {}
        cache.put({"a": b"1"})
        assert cache.get(["a"]) == {"a": b"1"}
    assert telemetry.total(CACHE_FAILURES, call="get") == telemetry.total(CACHE_FAILURES, call="put") == 0


def test_a_frozen_server_is_not_waited_for(server: OwnRedis) -> None:
    telemetry = Telemetry()
    with closing(RedisCache(settings_of(server), telemetry)) as cache:
        cache.put({"a": b"1"})
        server.process.send_signal(signal.SIGSTOP)
        assert cache.get(["a"]) == {}
        server.process.send_signal(signal.SIGCONT)
    assert telemetry.total(CACHE_FAILURES, call="get") == 1


def test_a_server_that_is_slow_without_a_time_out_is_left_alone_for_a_while(server: OwnRedis) -> None:
    clock, telemetry = Clock(), Telemetry()
    with closing(RedisCache(settings_of(server), telemetry, now_s=clock, jitter=lambda: 1.0)) as cache:
        cache.put({"a": b"1"})

        def trickle() -> str:
            clock.now_s += 25  # each read in time, all of them not
            return "late"

        assert cache._guarded("get", trickle, "nothing") == "late"
        assert cache.get(["a"]) == {}
        clock.now_s += 2
        assert cache.get(["a"]) == {"a": b"1"}
    assert telemetry.total(CACHE_FAILURES, call="get") == 1


def test_a_full_server_is_a_failure_that_is_counted(tmp_path: Path) -> None:
    server = OwnRedis(tmp_path, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    telemetry = Telemetry()
    with closing(RedisCache(settings_of(server), telemetry)) as cache:
        for n in range(20):
            cache.put({str(n): bytes(500_000)})
    server.stop()
    assert telemetry.total(CACHE_FAILURES, call="put") >= 1


def test_a_bug_is_no_failure_of_the_server(server: OwnRedis) -> None:
    with closing(RedisCache(settings_of(server), Telemetry())) as cache, pytest.raises(redis.DataError):
        cache._guarded("get", lambda: cache._client.set("a", object()), None)  # type: ignore[arg-type]


def test_the_check_says_what_to_put_right(tmp_path: Path, server: OwnRedis) -> None:
    with closing(RedisCache(settings_of(server), Telemetry())) as cache:
        cache.check()
    secret = OwnRedis(tmp_path, "--requirepass", "hunter2")
    for password in (None, "wrong"):
        with (
            closing(RedisCache(settings_of(secret, password=password), Telemetry())) as cache,
            pytest.raises(UsageError, match=r"Redis refuses us .*: correct \[redis\] in the settings") as refused,
        ):
            cache.check()
        assert "wrong" not in str(refused.value)
        assert cache.get(["a"]) == {}
    with closing(RedisCache(settings_of(secret, password="hunter2"), Telemetry())) as cache:
        cache.check()
    secret.stop()
    absent = RedisSettings(url=f"redis://127.0.0.1:{free_port()}/0")
    with closing(RedisCache(absent, Telemetry())) as cache, pytest.raises(TransientError, match="does not answer"):
        cache.check()


def test_a_url_that_is_none_is_told_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"\[redis\]: url cannot be used .*redis://host:6379/0"):
        RedisCache(RedisSettings(url="localhost:6379"), Telemetry())


def test_over_tls_with_the_right_authority_only(tmp_path: Path) -> None:
    certificates(tmp_path)
    port = free_port()
    files = ["--tls-cert-file", f"{tmp_path}/server.pem", "--tls-key-file", f"{tmp_path}/key.pem"]
    options = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", *files]
    server = OwnRedis(tmp_path, *options, port=port)
    right = settings_of(server, scheme="rediss").model_copy(update={"ca_file": tmp_path / "ca.pem"})
    with closing(RedisCache(right, Telemetry())) as cache:
        cache.check()
        cache.put({"a": b"1"})
        assert cache.get(["a"]) == {"a": b"1"}
    wrong = right.model_copy(update={"ca_file": tmp_path / "stranger.pem"})
    with closing(RedisCache(wrong, Telemetry())) as cache, pytest.raises(UsageError, match="cannot be trusted"):
        cache.check()
    server.stop()
