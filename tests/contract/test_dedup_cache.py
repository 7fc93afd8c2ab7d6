"""The one contract of every dedup cache."""

import pytest

from streams.adapters.dict_cache import DictCache
from streams.ports import DedupCache


@pytest.fixture
def cache() -> DedupCache:
    return DictCache(max_entries=3)


def test_what_was_put_is_returned_and_nothing_else(cache: DedupCache) -> None:
    cache.put({"a": b"1", "b": b"2"})
    assert cache.get(["a", "b", "c"]) == {"a": b"1", "b": b"2"}


def test_nothing_asked_is_nothing_returned(cache: DedupCache) -> None:
    assert cache.get([]) == {}


def test_the_dict_forgets_what_was_used_longest_ago() -> None:
    cache = DictCache(max_entries=2)
    cache.put({"a": b"1", "b": b"2"})
    cache.get(["a"])
    cache.put({"c": b"3"})
    assert cache.get(["a", "b", "c"]) == {"a": b"1", "c": b"3"}
