"""The benchmark's figures as a person reads them."""

from rich.console import Console
from rich.table import Table

from streams.bench.at_services import ServicesEfficiency
from streams.bench.efficiency import CoreTime, Efficiency
from streams.bench.endurance import Endurance
from streams.bench.execution import ExecutionFigures
from streams.bench.hops import Latency, Replayed
from streams.bench.ledger import LedgerFigures, Timing
from streams.bench.live_load import LiveLoad
from streams.bench.modes import Modes
from streams.bench.overlap import Overlap
from streams.bench.rebalance import Rebalance
from streams.bench.telemetry_cost import TelemetryCost
from streams.bench.trends_killed import TrendsKilled
from streams.bench.worker_time import columns


def print_efficiency(console: Console, name: str, measured: Efficiency) -> None:
    """Print the rates, and where the workers' time goes, in milliseconds an image."""
    console.print(
        f"[bold]{name}[/bold]: {measured.images} images of 512 x 512 px: "
        f"embedded {measured.embedded_images_per_s:.2f} images/s, "
        f"bare loop {measured.bare_images_per_s:.2f} images/s: efficiency {measured.efficiency:.3f}, overhead "
        f"{measured.overhead_ms_per_image:.1f} ms an image, {measured.overhead_ms_per_image_and_stage:.1f} ms an image "
        "and stage",
        highlight=False,
    )
    _print_core_time(console, measured.core_ms_per_image)
    activities = columns(measured.worker_ms_per_image)
    table = Table("stage", *activities, title="worker time, ms an image")
    for stage, spent in measured.worker_ms_per_image.items():
        table.add_row(stage, *(f"{spent[activity]:.2f}" for activity in activities))
    console.print(table)


def _print_core_time(console: Console, core: CoreTime) -> None:
    table = Table("", "ms an image", title="time on a core beside the stage calls")
    for stage, ms in core.stages.items():
        table.add_row(f"{stage}: events, ledger, store", f"{ms:.2f}")
    table.add_row("librdkafka and the in-process broker", f"{core.kafka:.2f}")
    table.add_row("a stage, Kafka included", f"{core.overhead_of_a_stage:.2f}", end_section=True)
    table.add_row("feed", f"{core.feed:.2f}")
    table.add_row("decoders, their start included", f"{core.decoders:.2f}")
    table.add_row("results", f"{core.results:.2f}", end_section=True)
    table.add_row("all of it", f"{core.overhead:.2f}")
    console.print(table)
    console.print(
        f"the stage calls took {core.computing:.1f} ms of a core an image, {core.bare_loop:.1f} in the bare loop",
        highlight=False,
    )


def print_endurance(console: Console, measured: Endurance) -> None:
    """Print what came out, and the memory on the way."""
    memory = ", ".join(f"{mib:.0f} MiB at {images}" for images, mib in measured.rss_mib.items())
    console.print(
        f"{measured.images} images in; {measured.selected} selected, {measured.ledger_settlements} settled in the "
        f"ledger, {measured.distinct_events} distinct events; {measured.lost} lost. Resident memory: {memory}",
        highlight=False,
    )


def print_rebalance(console: Console, measured: Rebalance) -> None:
    """Print the counts and the gaps."""
    console.print(
        f"{measured.images} images through 1, 4 and 2 worker processes ({measured.group_protocol} group): "
        f"{measured.lost} lost, {measured.published_twice} published twice, {measured.computed_twice} computed twice; "
        f"longest gap of a partition {measured.longest_gap_s:.2f} s (steady {measured.steady_gap_s:.2f} s, 1 to 4 "
        f"{measured.growing_gap_s:.2f} s, 4 to 2 {measured.shrinking_gap_s:.2f} s; an image every {measured.pace_s} s)",
        highlight=False,
    )


def print_ledger(console: Console, measured: LedgerFigures) -> None:
    """Print the calls, and the size of the tables."""
    sizes = ", ".join(f"{name} {size:.0f} MB" for name, size in sorted(measured.sizes_mb.items()) if size >= 1)
    console.print(f"{measured.rows:,} events were settled before ({sizes})", highlight=False)
    table = Table("call", "median, ms", "p99, ms", "calls")
    for name, timing in measured:
        if isinstance(timing, Timing):
            table.add_row(name, f"{timing.median_ms:.1f}", f"{timing.p99_ms:.1f}", str(timing.calls))
    console.print(table)


def print_latency(console: Console, measured: Latency) -> None:
    """Print the percentiles."""
    console.print(
        f"{measured.images} images one by one through {measured.stages} stages: p50 {measured.p50_ms:.1f} ms, "
        f"p95 {measured.p95_ms:.1f} ms, p99 {measured.p99_ms:.1f} ms, longest {measured.max_ms:.1f} ms",
        highlight=False,
    )
    table = Table("hop", "p50, ms", "p95, ms", "p99, ms")
    for name, hop in measured.hops.items():
        table.add_row(name, f"{hop.p50_ms:.1f}", f"{hop.p95_ms:.1f}", f"{hop.p99_ms:.1f}")
    console.print(table)


def print_trends_killed(console: Console, measured: TrendsKilled) -> None:
    """Print the waits, and what became of images and charts."""
    table = Table("the trends", "p50, ms", "p95, ms", "p99, ms", title=f"{measured.images} images one by one, each")
    for name, hop in (("not there", measured.without), ("running", measured.beside), ("killed", measured.killed)):
        table.add_row(name, f"{hop.p50_ms:.1f}", f"{hop.p95_ms:.1f}", f"{hop.p99_ms:.1f}")
    console.print(table)
    console.print(
        f"{measured.published} images published, {measured.selected} selected events of {measured.distinct} images; "
        f"started again the table has {measured.charted} images and "
        f"{'holds' if measured.held else 'does not hold'} what their observations come to",
        highlight=False,
    )


def print_replayed(console: Console, name: str, measured: Replayed) -> None:
    """Print the rate and what an image costs."""
    console.print(
        f"{name}: {measured.references:,} known references of {measured.event_bytes:,} bytes, "
        f"{measured.images_per_s:,.0f} images/s, {measured.cpu_us_per_image:.0f} µs of processor an image",
        highlight=False,
    )


def print_live_load(console: Console, measured: LiveLoad) -> None:
    """Print what live pays, and what replay gets."""
    table = Table("", "live p50, ms", "live p99, ms", "replay, images/s", "of the slots' time")
    table.add_row("replay alone", "", "", f"{measured.replay_alone_images_per_s:.1f}", "")
    table.add_row("live alone", f"{measured.live_alone_p50_ms:.1f}", f"{measured.live_alone_p99_ms:.1f}", "", "")
    live = (f"{measured.live_p50_ms:.1f}", f"{measured.live_p99_ms:.1f}")
    table.add_row("both", *live, f"{measured.replay_images_per_s:.1f}", f"{measured.replay_share:.1%}")
    table.add_row("both, more live than can be answered", "", "", "", f"{measured.replay_share_saturated:.1%}")
    console.print(table)
    console.print(
        f"{measured.live_images:,} live images, {measured.live_per_s:.1f} a second; {measured.slots} slots, held for "
        f"{measured.call_ms:g} ms an image; {measured.replay_waiting:,} references waited. p99 is {measured.ratio:.2f} "
        "times that of live alone",
        highlight=False,
    )


def print_modes(console: Console, measured: Modes, *, seed: int) -> None:
    """Print the counts, and what differs."""
    console.print(
        f"{measured.images} images (seed {seed}) in both modes: {measured.identical_pixels} with identical pixels, "
        f"{measured.identical_selections} with identical selections, {measured.identical_events} with identical events",
        highlight=False,
    )
    for line in measured.differences:
        console.print(line, highlight=False, markup=False)


def print_overlap(console: Console, measured: Overlap) -> None:
    """Print how busy both were."""
    console.print(
        f"{measured.window_s:.1f} s in which both stages had work ({measured.images} images of 512 x 512 px): filters "
        f"busy {measured.filter_busy:.0%} of the time of {measured.cpu_slots} CPU slots, network busy "
        f"{measured.denoise_busy:.0%} of that of its one on the {measured.device}, both at one time "
        f"{measured.both_busy:.0%}",
        highlight=False,
    )


def print_execution(console: Console, measured: ExecutionFigures) -> None:
    """Print both rates and what an image costs."""
    table = Table(measured.stage, "images/s", "ms of a core an image")
    table.add_row("threads", f"{measured.threads_images_per_s:.2f}", f"{measured.threads_core_ms_per_image:.0f}")
    table.add_row("processes", f"{measured.processes_images_per_s:.2f}", f"{measured.processes_core_ms_per_image:.0f}")
    console.print(table)
    console.print(
        f"{measured.images} images of 512 x 512 px in {measured.slots} slots, {measured.repetitions} times in turns, "
        f"medians: processes do {measured.ratio:.3f} times what threads do",
        highlight=False,
    )


def print_at_services(console: Console, name: str, measured: ServicesEfficiency) -> None:
    """Print the rates, the servers' share, and where the worker's time goes, in milliseconds an image."""
    console.print(
        f"[bold]{name}[/bold]: {measured.images} images of 512 x 512 px at real services: "
        f"{measured.services_images_per_s:.2f} images/s, bare loop {measured.bare_images_per_s:.2f} images/s: "
        f"efficiency {measured.efficiency:.3f}, overhead {measured.overhead_ms_per_image:.1f} core-ms an image; the "
        f"servers took {measured.servers_cpu_share:.0%} of the processors",
        highlight=False,
    )
    activities = columns(measured.worker_ms_per_image)
    table = Table("stage", *activities, title="worker time, ms an image")
    for stage, spent in measured.worker_ms_per_image.items():
        table.add_row(stage, *(f"{spent[activity]:.2f}" for activity in activities))
    console.print(table)


def print_telemetry_cost(console: Console, measured: TelemetryCost) -> None:
    """Print what telemetry takes of an image."""
    console.print(
        f"{measured.images} images, {measured.stages} stages, {measured.calls_per_image:.0f} calls an image: "
        f"{measured.cpu_us_per_image:.1f} us on a core an image, {measured.cpu_us_per_image_and_stage:.1f} us an image "
        f"and stage; answering /metrics takes {measured.scrape_ms:.1f} ms",
        highlight=False,
    )
    traced = measured.tracing
    if traced is None:
        console.print("tracing: not measured, for OpenTelemetry is not installed (semstream[tracing])", markup=False)
        return
    console.print(
        f"tracing: {traced.path_us:.1f} us an image and stage where traces are collected, {traced.sent_us:.1f} us with "
        f"the encoding of what is sent; {traced.off_us:.1f} us, a batch of one, where nobody collects",
        highlight=False,
    )
