import io
from pathlib import Path

from rich.console import Console

from streams.session import print_summary
from streams.summary import Failure, Summary


def test_names_are_printed_as_they_are_and_never_read_as_markup() -> None:
    summary = Summary(
        images=1,
        selected=0,
        failed=1,
        skipped=1,
        cache_hits=0,
        computed=0,
        seconds=1.0,
        images_per_s=1.0,
        by_method={},
        failures=(Failure(path="a\\[/b].tif", reason="[/red] no image\x1b[2J"),),
        skips=(Failure(path="new\nline[", reason="[bold]"),),
    )
    console = Console(file=io.StringIO(), width=200)
    print_summary(console, summary, Path("[/out]"))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    for text in ("a\\[/b].tif: [/red] no image\\x1b[2J", "new\\nline[: [bold]", "[/out]/report.html"):
        assert text in printed
