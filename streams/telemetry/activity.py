"""What a worker's threads spend their time on."""

from enum import StrEnum


class Thread(StrEnum):
    """The threads of a worker: those that answer, the one that polls, and the one that commits."""

    HANDLER = "handler"
    POLLER = "poller"
    COMMITTER = "committer"


class Activity(StrEnum):
    """What a thread is at, one at any time; every wait is charged to its cause.

    ``commit_wait``: as much is in flight as may be, and it is answered and being committed. ``back_pressure``: as much
    is in flight as may be, behind an image that is not answered yet. ``slot``: others compute. ``retry``: a service did
    not answer and is asked again soon. ``idle``: there is nothing to do.
    """

    POLL = "poll"
    REBALANCE = "rebalance"
    EVENTS = "events"
    RECALL = "recall"
    FETCH = "fetch"
    SLOT = "slot"
    COMPUTE = "compute"
    STORE = "store"
    SETTLE = "settle"
    COMMIT = "commit"
    REMEMBER = "remember"
    COMMIT_WAIT = "commit_wait"
    BACK_PRESSURE = "back_pressure"
    RETRY = "retry"
    IDLE = "idle"


MEANINGS: dict[Activity, str] = {
    Activity.POLL: "The polling thread asks for messages, and waits for them.",
    Activity.REBALANCE: "Partitions are given up: what is in hand of them is finished and committed first.",
    Activity.EVENTS: "Events are read and built, and all that has no name of its own.",
    Activity.RECALL: "The cache and the ledger are asked what is known.",
    Activity.FETCH: "Frames are fetched and decoded.",
    Activity.SLOT: "Waits for a place to compute, which others have.",
    Activity.COMPUTE: "The stage is called.",
    Activity.STORE: "New frames are put into the object store.",
    Activity.SETTLE: "Outcomes and settlements are written into the ledger.",
    Activity.COMMIT: "The committing thread publishes events and moves offsets.",
    Activity.REMEMBER: "The committing thread puts what was committed into the cache.",
    Activity.COMMIT_WAIT: "Nothing to take: as much is in flight as may be, and what is answered is being committed.",
    Activity.BACK_PRESSURE: "Nothing to take: as much is in flight as may be, behind an image that is not answered.",
    Activity.RETRY: "Waits before a service that did not answer is asked again.",
    Activity.IDLE: "Nothing to do.",
}

WAITS = (Activity.COMMIT_WAIT, Activity.BACK_PRESSURE, Activity.RETRY, Activity.IDLE)
ACTIVITIES: dict[Thread, tuple[Activity, ...]] = {
    Thread.HANDLER: (
        Activity.EVENTS,
        Activity.RECALL,
        Activity.FETCH,
        Activity.SLOT,
        Activity.COMPUTE,
        Activity.STORE,
        Activity.SETTLE,
        *WAITS,
    ),
    Thread.POLLER: (Activity.POLL, Activity.REBALANCE, *WAITS),
    Thread.COMMITTER: (Activity.EVENTS, Activity.COMMIT, Activity.REMEMBER, Activity.RETRY, Activity.IDLE),
}
"""What each of them does. Its series begin at zero: of one that begins later, Prometheus does not see the beginning."""
