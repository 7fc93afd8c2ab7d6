"""Where the time of a stage's worker goes, for tables."""

from streams.telemetry import Activity, Telemetry, Thread
from streams.telemetry.catalogue import CORE_SECONDS, WORKER_SECONDS

COMMITTING = (Activity.COMMIT, Activity.REMEMBER)


def worker_seconds(telemetry: Telemetry, stage: str) -> dict[str, float]:
    """Return seconds by activity: of the threads that answer; committing of the one that commits; polling on a core."""
    answering = {a.value: _seconds(telemetry, stage, Thread.HANDLER, a) for a in Activity}
    committing = {a.value: _seconds(telemetry, stage, Thread.COMMITTER, a) for a in COMMITTING}
    poll_s = telemetry.total(CORE_SECONDS, stage=stage, thread=Thread.POLLER, activity=Activity.POLL)
    return {**answering, **committing, Activity.POLL.value: poll_s}


def columns(spent: dict[str, dict[str, float]]) -> list[str]:
    """Return the activities that took any time in any stage."""
    return [a.value for a in Activity if any(seconds[a.value] for seconds in spent.values())]


def _seconds(telemetry: Telemetry, stage: str, thread: Thread, activity: Activity) -> float:
    return telemetry.total(WORKER_SECONDS, stage=stage, thread=thread, activity=activity)
