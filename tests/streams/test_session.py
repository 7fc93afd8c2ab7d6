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
        stale=1,
        stale_files=("old[/].tif",),
    )
    text = printed(summary)
    for words in ("a\\[/b].tif: [/red] no image\\x1b[2J", "new\\nline[: [bold]", "[/out]/report.html", "old[/].tif"):
        assert words in text


def test_what_can_be_tried_again_is_said_where_something_was_rejected_and_nowhere_else() -> None:
    for rejected, said in ((0, False), (1, True), (3, True)):
        failures = tuple(Failure(path=f"{n}.tif", reason="no memory") for n in range(3))
        assert ("--retry-failed" in printed(PLAIN.but(failed=3, failures=failures, rejected=rejected))) == said


def test_files_of_earlier_runs_are_told_and_of_many_a_few() -> None:
    assert "earlier runs" not in printed(PLAIN)
    told = printed(PLAIN.but(stale=5, stale_files=tuple(f"{n}.tif" for n in range(5))))
    assert "5 more files there are left from earlier runs: 0.tif, 1.tif, 2.tif, ... (all: stale_files in" in told


PLAIN = Summary(
    images=3,
    selected=3,
    failed=0,
    skipped=0,
    cache_hits=0,
    computed=3,
    seconds=1.0,
    images_per_s=3.0,
    by_method={},
    failures=(),
    skips=(),
)


def printed(summary: Summary) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_summary(console, summary, Path("[/out]"))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]
