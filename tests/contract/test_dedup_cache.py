"""The one contract of every dedup cache."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from streams.adapters.dict_cache import DictCache
from streams.adapters.redis_cache import RedisCache
from streams.ports import DedupCache
from streams.telemetry import Telemetry
from tests.caches import own_prefix, redis_settings


@pytest.fixture(params=["dict", "redis"])
def cache(request: pytest.FixtureRequest) -> Iterator[DedupCache]:
    if request.param == "dict":
        yield DictCache(max_entries=1000)
        return
    found = redis_settings()
    with own_prefix(found) as prefix, closing(RedisCache(found, Telemetry(), prefix=prefix)) as cache:
        yield cache


def test_what_was_put_is_returned_and_nothing_else(cache: DedupCache) -> None:
    cache.put({"a": b"1", "b": b"2"})
    assert cache.get(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
    assert cache.get({"b"}) == {"b": b"2"}


def test_nothing_asked_is_nothing_returned(cache: DedupCache) -> None:
    cache.put({})
    assert cache.get([]) == {}


def test_what_is_put_again_is_replaced(cache: DedupCache) -> None:
    cache.put({"a": b"1"})
    cache.put({"a": b"2"})
    assert cache.get(["a"]) == {"a": b"2"}


def test_any_bytes_and_any_key_come_back(cache: DedupCache) -> None:
    bodies = {"µ\0:\n": bytes(range(256)), "empty": b"", "large": bytes(300_000)}
    cache.put(bodies)
    assert cache.get(list(bodies)) == bodies


def test_many_at_once(cache: DedupCache) -> None:
    bodies = {f"i{n}:v:filter:1": str(n).encode() * 100 for n in range(500)}
    cache.put(bodies)
    assert cache.get(list(bodies)) == bodies


def test_threads_share_it(cache: DedupCache) -> None:
    def remember(n: int) -> dict[str, bytes]:
        cache.put({str(n): str(n).encode()})
        return cache.get([str(n)])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(remember, range(50))) == [{str(n): str(n).encode()} for n in range(50)]


def test_the_dict_forgets_what_was_used_longest_ago() -> None:
    cache = DictCache(max_entries=2)
    cache.put({"a": b"1", "b": b"2"})
    cache.get(["a"])
    cache.put({"c": b"3"})
    assert cache.get(["a", "b", "c"]) == {"a": b"1", "c": b"3"}
