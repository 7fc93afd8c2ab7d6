"""How fast networks are, as a person reads it."""

from rich.console import Console
from rich.table import Table

from streams.bench.inference import InferenceFigures, Speed
from streams.bench.training import TrainingFigures


def print_inference(console: Console, figures: InferenceFigures) -> None:
    """Print a table a size, a row for each method and number of frames in a call."""
    for size in next(iter(figures.methods.values())).speeds:
        titles = ("frames a call", "s a call", "core-s", "images/s", "times bm3d", "of the peak", "MiB more, one frame")
        table = Table("", *titles, title=f"{size}: {figures.device}, {figures.precision}")
        bm3d = figures.methods["bm3d"].speeds[size] if "bm3d" in figures.methods else {}
        for name, method in figures.methods.items():
            for count, speed in method.speeds[size].items():
                share = "" if speed.peak_share is None else f"{speed.peak_share:.0%}"
                values = (
                    f"{speed.seconds:.2f}",
                    f"{speed.core_s:.2f}",
                    f"{speed.images_per_s:.3g}",
                    _times(speed, bm3d.get(count)),
                    share,
                )
                table.add_row(name, count, *values, f"{method.memory_mib[size]:.0f}")
            table.add_section()
        console.print(table)
    networks = ((name, one.parameters) for name, one in figures.methods.items() if one.parameters)
    sizes = ", ".join(f"{name} {parameters:,}" for name, parameters in networks)
    console.print(
        f"parameters: {sizes}; the device's peak: {figures.peak_tflops:.3g} TFLOP/s",
        highlight=False,
    )


def _times(speed: Speed, beside: Speed | None) -> str:
    return f"{speed.images_per_s / beside.images_per_s:.2f}" if beside else ""


def print_training(console: Console, figures: TrainingFigures) -> None:
    """Print what a training step takes."""
    table = Table.grid(padding=(0, 2))
    table.add_row("recipe", f"{figures.recipe}, {figures.parameters:,} parameters")
    table.add_row("threads", str(figures.threads))
    table.add_row("until the first batch", f"{figures.pool_s:.1f} core-s: its pool of scenes is drawn")
    table.add_row("steps a core-second", f"{figures.steps_per_core_s:.3g} ({figures.steps} in {figures.clock_s:.0f} s)")
    rates = f"{figures.patches_per_core_s:.3g} ({figures.megapixels_per_core_s:.3g} megapixels)"
    table.add_row("patches a core-second", rates)
    table.add_row("the simulator's share", f"{figures.simulator_share:.0%} of the time")
    table.add_row("memory", f"{figures.memory_mib:.0f} MiB more")
    console.print(table, highlight=False)
