import os
import re
import shutil
import subprocess
import weakref
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from schemas.frame import Frame
from streams.report.entry import ReportEntry, Setback, Summary
from streams.report.page import write_report
from tests.streams.report.entries import BM3D, GAUSSIAN, MEDIAN, NOISE, RAW_FRAME, SELECTION, NoisyFrames, entry, risk

HOSTILE = "\"'><script>alert(1)</script><img src=//evil.example/x onerror=alert(1)>\n\u202e\x00\udcff"
ROUNDING = (1 / 255) ** 2 / 12
VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """Reads a page: its tags balance, and its elements, addresses and text can be asked for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str, **attributes: str) -> int:
        return sum(t == tag and attributes.items() <= a.items() for t, a in self.elements)

    @property
    def addresses(self) -> list[str]:
        names = ("src", "href", "action", "srcset", "data", "poster")
        return [a[name] or "" for _, a in self.elements for name in names if name in a]


def written(folder: Path, entries: Iterator[ReportEntry], summary: Summary | None = None, **options: int) -> str:
    write_report(folder / "report.html", entries, summary or Summary(seconds=10.0), title="Trial", **options)
    return (folder / "report.html").read_text(encoding="utf-8")


def numbered(count: int) -> Iterator[ReportEntry]:
    return (entry(f"image_{i:04d}.tif") for i in range(count))


def test_every_image_is_listed_and_only_so_many_have_pictures(tmp_path: Path) -> None:
    html = written(tmp_path, numbered(30), pictured=4)
    assert all(f"image_{i:04d}.tif" in html for i in range(30))
    page = Page(html)
    assert page.count("article") == 4
    assert page.count("img") == 4 * 4
    assert "Pictures of 4 of 30 images" in page.text


def test_links_to_pictures_lead_to_cards_that_exist(tmp_path: Path) -> None:
    page = Page(written(tmp_path, numbered(9), pictured=3))
    targets = {a["id"] for _, a in page.elements if "id" in a}
    links = [address[1:] for address in page.addresses if address.startswith("#")]
    assert links == ["image-1", "image-2", "image-3"]
    assert set(links) <= targets


def test_flagged_images_have_pictures_before_others_and_cards_keep_the_order_of_the_feed(tmp_path: Path) -> None:
    flagged = SELECTION.but(flags=("look twice",))
    entries = (entry(f"{i}.tif", selection=flagged if i in {6, 8} else SELECTION) for i in range(10))
    page = Page(written(tmp_path, entries, pictured=3))
    assert [a["id"] for tag, a in page.elements if tag == "article"] == ["image-1", "image-7", "image-9"]


def test_no_card_at_all_is_a_page_of_tables(tmp_path: Path) -> None:
    assert Page(written(tmp_path, numbered(3), pictured=0)).count("img") == 0


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    assert "Selected" in Page(written(tmp_path, iter(()), Summary(seconds=0.0))).text


def test_pixels_of_one_image_at_a_time_are_in_memory(tmp_path: Path) -> None:
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = 0

    def frames(name: str) -> Frame:
        nonlocal most
        frame = NoisyFrames()(name)
        alive.add(frame)
        most = max(most, len(alive))
        return frame

    written(tmp_path, (entry(f"{i}.tif", frames=frames) for i in range(12)), pictured=8)
    assert most == 3


def test_pixels_of_images_without_pictures_are_never_fetched(tmp_path: Path) -> None:
    def frames(name: str) -> Frame:
        raise AssertionError(f"{name} was fetched")

    unpictured = (entry(f"{i}.tif", frames=None if i == 0 else frames) for i in range(5))
    assert Page(written(tmp_path, unpictured, pictured=1)).count("article") == 1


def test_nothing_on_the_page_asks_a_network(tmp_path: Path) -> None:
    html = written(tmp_path, numbered(2))
    for address in Page(html).addresses:
        assert address.startswith(("data:", "#", "./"))
    without_pictures = re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", html)
    for word in ("http:", "https:", "//", "url(", "@import", "fetch(", "XMLHttpRequest", "import("):
        assert word not in without_pictures.replace("sha256-", ""), word


def test_hostile_text_stays_text_wherever_it_comes_from(tmp_path: Path) -> None:
    hostile = BM3D.but(
        name=HOSTILE, method=HOSTILE, stage=HOSTILE, parameters={HOSTILE: HOSTILE}, scores={HOSTILE: 1.0}
    )
    fields: dict[str, Any] = {
        "candidates": (RAW_FRAME, hostile, MEDIAN.but(name=HOSTILE, skipped=HOSTILE)),
        "selection": SELECTION.but(
            chosen=HOSTILE, rule=HOSTILE, reason=HOSTILE, runner_up=HOSTILE, flags=(HOSTILE, HOSTILE)
        ),
        "noise": NOISE.but(holds=False, why_not=HOSTILE),
        "image": entry().event.image.but(instrument_id=HOSTILE, recipe=HOSTILE, format=HOSTILE),
    }
    setback = (Setback(HOSTILE, HOSTILE),)
    summary = Summary(seconds=1.0, failures=setback, skips=setback, facts={HOSTILE: HOSTILE})
    write_report(
        tmp_path / "report.html",
        [entry(HOSTILE, output=tmp_path / HOSTILE.replace("\0", ""), **fields)],
        summary,
        title=HOSTILE,
    )
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.count("script") == 2
    assert page.count("img") == 2
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.text.count("<script>alert(1)</script>") > 20
    assert all(address.startswith(("data:", "#", "./")) for address in page.addresses)


def test_links_lead_from_the_page_to_the_result_whatever_its_name(tmp_path: Path) -> None:
    outputs = [tmp_path / "out" / "50 % é#1?.tif", tmp_path / "javascript:alert(1)", tmp_path.parent / "up.tif"]
    html = written(tmp_path, (entry(output=output) for output in outputs), pictured=0)
    links = [address for address in Page(html).addresses if address.startswith("./")]
    assert links == ["./out/50%20%25%20%C3%A9%231%3F.tif", "./javascript%3Aalert%281%29", "./../up.tif"]


def test_the_policy_allows_the_pages_own_scripts_and_no_others(tmp_path: Path) -> None:
    html = written(tmp_path, numbered(1))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy is not None
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert "default-src 'none'" in policy[1]
    assert re.findall(r"'sha256-([^']+)'", policy[1]) == hashes
    assert "script-src 'unsafe" not in policy[1]


def test_totals_count_images_setbacks_cache_hits_and_methods(tmp_path: Path) -> None:
    summary = Summary(seconds=2.0, failures=[Setback("x.tif", "cut short")], skips=[Setback("n.txt", "no image")] * 2)
    cached = (RAW_FRAME, GAUSSIAN, BM3D.but(cache_hit=True))
    html = written(tmp_path, (entry(candidates=cached) for _ in range(3)), summary)
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)<small>", html))
    assert tiles["Images"] == "4"
    assert (tiles["Selected"], tiles["Failed"], tiles["Skipped"]) == ("3", "1", "2")
    assert (tiles["From cache"], tiles["Median gain"], tiles["Time"]) == ("3 of 6", "+10.0 dB", "2.0 s")
    assert "2.00 images/s" in html
    assert '<th scope="row">x.tif</th><td>cut short</td>' in html
    assert html.count("<td>no image</td>") == 2


@pytest.mark.parametrize(("bounds", "shown"), [(0, "+10.0 dB"), (1, "+10.0 dB"), (2, "&gt; 12.6 dB")])
def test_the_median_gain_is_a_bound_where_gains_up_to_it_are(tmp_path: Path, bounds: int, shown: str) -> None:
    hidden = BM3D.but(risk=risk(-ROUNDING).but(se=1.1e-4))
    pools = [(RAW_FRAME, GAUSSIAN, hidden if i < bounds else BM3D) for i in range(3)]
    html = written(tmp_path, (entry(candidates=pool) for pool in pools))
    assert dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)<small>", html))["Median gain"] == shown


def test_words_and_signs_of_the_page_are_explained_on_it(tmp_path: Path) -> None:
    html = written(tmp_path, numbered(1))
    for word in ("FS", "Full scale", "Row corr.", "Noise σ", "Saturated", "Margin", "Runner-up", "Vetoed", "Flag", "–"):
        assert f"<dt>{word}</dt>" in html, word
    assert "look for lines and edges" in html.lower()
    assert "high side" not in html


def test_only_scores_that_occur_are_explained_and_once(tmp_path: Path) -> None:
    scored = (RAW_FRAME, GAUSSIAN, BM3D.but(scores={"ssim": 0.9, "my_score": 1.0}))
    page = Page(written(tmp_path, (entry(candidates=scored) for _ in range(3))))
    assert page.text.count("Structural similarity") == 1
    assert "Gradient similarity" not in page.text


def test_a_report_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path) -> None:
    def failing() -> Iterator[ReportEntry]:
        yield entry()
        raise RuntimeError("the feed broke")

    before = written(tmp_path, numbered(1))
    with pytest.raises(RuntimeError, match="the feed broke"):
        written(tmp_path, failing())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    assert written(tmp_path, numbered(3)) == written(tmp_path, numbered(3))


def test_a_page_of_full_size_pictures_stays_small_enough_to_mail(tmp_path: Path) -> None:
    bytes_each = len(written(tmp_path, (entry(frames=NoisyFrames((700, 900))) for _ in range(1))))
    assert bytes_each < 1_200_000


@pytest.fixture(scope="module")
def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("no Chromium although CI is set")
    pytest.skip("no Chromium")


def test_scripts_run_in_a_browser_under_the_pages_policy(tmp_path: Path, browser: str) -> None:
    written(tmp_path, numbered(2))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [browser, *flags, profile, "--dump-dom", (tmp_path / "report.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, check=True, timeout=120, text=True).stdout
    assert '<html lang="en" class="js">' in dom
    assert dom.count("--zoom: 1;") == 2
    assert 'type="search"' in dom
