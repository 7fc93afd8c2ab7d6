"""Processes as a fleet's watcher meets them: a registry of the project's own, and what it says at moments."""

from dataclasses import dataclass, field

from prometheus_client import generate_latest

from streams.adapters.metrics_pages import series_in
from streams.telemetry import Activity, Telemetry, Thread
from streams.telemetry.answered import begin_counts
from streams.telemetry.catalogue import (
    BUILD_INFO,
    DEAD_LETTERS,
    IMAGES,
    LAG_MESSAGES,
    LAG_SECONDS,
    PARTITIONS,
    PARTS,
    REBALANCES,
    RETRIES,
)
from streams.top.fleet import Fleet, fleet_of
from streams.top.look import Look
from streams.top.watching import Page, Watched, answers_of
from tests.events import NOON


@dataclass
class Process:
    """A process that works at one stage of the live lane."""

    instance: str = "node-1:9464"
    stage: str = "filter"
    telemetry: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        begin_counts(self.telemetry, self.stage, "live")
        self.telemetry.set(BUILD_INFO, 1, "0.1.0", "3.11", "default", "b06f8d4d0000")
        self.telemetry.set(PARTITIONS, 4, self.stage, "live")

    def answer(self, images: int, *, cached: int = 0, rejected: int = 0) -> None:
        """Answer images, each with one part."""
        self.telemetry.count(IMAGES, self.stage, "live", "done", by=images)
        self.telemetry.count(PARTS, self.stage, "live", "mean", "computed", by=images - cached)
        self.telemetry.count(PARTS, self.stage, "live", "mean", "cache", by=cached)
        self.telemetry.count(IMAGES, self.stage, "live", "rejected", by=rejected)
        self.telemetry.count(DEAD_LETTERS, self.stage, "live", "invalid_image", by=rejected)

    def fall_behind(self, messages: int, seconds: float) -> None:
        """Be so far behind."""
        self.telemetry.set(LAG_MESSAGES, messages, self.stage, "live")
        self.telemetry.set(LAG_SECONDS, seconds, self.stage, "live")

    def try_again(self) -> None:
        """Meet a transient error."""
        self.telemetry.count(RETRIES, self.stage, "live")

    def rebalance(self, change: str) -> None:
        """Gain or lose partitions."""
        self.telemetry.count(REBALANCES, self.stage, "live", change)

    def page(self) -> str:
        """Return what it serves on ``/metrics``."""
        return generate_latest(self.telemetry.registry).decode()


def looked_at(*processes: Process, seen: list[Watched], at_s: float, silent: dict[str, str] | None = None) -> Fleet:
    """Look at processes; ``seen`` is what was seen of them before."""
    for process in processes:
        known = {one.instance: one for one in seen}
        if process.instance not in known:
            seen.append(Watched(process.instance, over_s=60))
        watched = next(one for one in seen if one.instance == process.instance)
        watched.add(Page(at_s, series_in(process.page())))
    names: dict[str, str | None] = {process.instance: None for process in processes}
    return fleet_of(Look(answers_of(seen), {**names, **(silent or {})}), at=NOON, told_by="a test")


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def busy(process: Process, clock: Clock, **seconds: float) -> None:
    """Let a thread that answers spend its time on activities."""
    with process.telemetry.at_work(process.stage, "live", Thread.HANDLER, Activity.EVENTS):
        for activity, spent_s in seconds.items():
            with process.telemetry.spending(process.stage, "live", Activity(activity)):
                clock.now_s += spent_s
