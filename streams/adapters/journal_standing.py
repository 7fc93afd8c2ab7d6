"""How the feeds of an agent's journal stand: asked by people, also while the agent runs."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from streams.adapters.sqlite_file import opened, transaction
from streams.agent.journal import FeedId, FeedStanding, FileState, Setback
from streams.errors import UsageError

STANDING = """
SELECT feed.id, source, topic, folder, state, count(name) FROM feed LEFT JOIN file ON file.feed = feed.id
GROUP BY feed.id, state ORDER BY feed.id, state
"""
SETBACKS = """
SELECT folder, name, state, reason, since FROM file JOIN feed ON file.feed = feed.id
WHERE state IN ('failed', 'gone') ORDER BY since, name
"""


def standing_of(path: Path) -> tuple[list[FeedStanding], list[Setback]]:
    """Return how every feed of a journal stands, also while its agent runs; raises `UsageError` where there is none."""
    if not path.is_file():
        raise UsageError(f"there is no journal at {path}; name the --state folder of semstream publish")
    with closing(opened(path)) as connection, transaction(connection) as db:
        return _standings(db), [_setback(*row) for row in db.execute(SETBACKS)]


def _standings(db: sqlite3.Connection) -> list[FeedStanding]:
    found: dict[int, FeedStanding] = {}
    pending = dict(db.execute("SELECT feed, count(*) FROM acquisition WHERE event IS NOT NULL GROUP BY feed"))
    for key, source, topic, folder, state, count in db.execute(STANDING):
        before = dict(found[key].files) if key in found else {}
        files = {**before, FileState(state): count} if state else before
        found[key] = FeedStanding(FeedId(source, topic, folder), files, pending.get(key, 0))
    return list(found.values())


def _setback(folder: str, name: str, state: str, reason: str | None, since: str) -> Setback:
    return Setback(folder, name, FileState(state), reason or "", datetime.fromisoformat(since))
