"""Keys of a test's own on the Redis server of this machine."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import redis

from streams.settings import RedisSettings
from tests.services import absent, settings


def redis_settings() -> RedisSettings:
    """Return the settings of a server that answers."""
    found = settings().redis
    if found is None:
        absent("the settings name no Redis")
    try:
        with closing(redis.Redis.from_url(found.url)) as client:
            client.ping()
    except redis.RedisError as error:
        absent(f"no Redis at {found.url}: {error}")
    return found


@contextmanager
def own_prefix(found: RedisSettings) -> Iterator[str]:
    """Return a prefix, and remove every key below it in the end."""
    prefix = f"test-{uuid4().hex[:12]}:"
    yield prefix
    with closing(redis.Redis.from_url(found.url)) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)
