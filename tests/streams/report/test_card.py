import re
from base64 import b64decode

import cv2
import numpy as np
import pytest

from schemas.frame import Frame
from schemas.scores import RAW, Selection
from streams.report.card import card
from streams.report.evidence import LISTED
from tests.streams.report.entries import BM3D, GAUSSIAN, MEDIAN, NOISE, RAW_FRAME, SELECTION, entry


def colours(base64: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = cv2.imdecode(np.frombuffer(b64decode(base64), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8)


def test_the_chosen_restoration_is_preselected_and_lossless() -> None:
    html = card(entry(), index=1, link=None)
    assert re.search(
        r'<img src="data:image/png[^>]*alt="Restored by bm3d" data-name="bm3d"[^>]*draggable="false">', html
    )
    assert re.search(r'<img src="data:image/webp[^>]*data-name="gaussian"[^>]* hidden>', html)
    assert '<button type="button" data-pick="bm3d" aria-pressed="true">' in html


def test_every_picture_is_described() -> None:
    html = card(entry(), index=1, link=None)
    assert html.count("<img ") == len(re.findall(r'<img [^>]*alt="[^"]+"', html)) == 4


def test_the_evidence_map_of_the_choice_is_a_picture_and_a_sentence_or_a_list() -> None:
    html = card(entry(), index=1, link=None)
    assert re.search(r'<img src="data:image/webp[^>]*data-name="evidence map" data-map[^>]* hidden>', html)
    assert 'data-pick="evidence map"' in html
    assert 0 < html.count("<b>x ") <= LISTED
    assert re.search(r"Evidence map: raw and restored disagree in \d+ places", html)
    assert re.search(r"<b>x \d+, y \d+ px</b> z −?\d+\.\d, scale \d\.\d px, raw (brighter|darker)</li>", html)
    quiet = card(entry(frames=lambda _: Frame(np.full((40, 60), 0.5, np.float32))), index=1, link=None)
    assert "Evidence map: nothing beyond 5.5 standard deviations of the noise (most: 0.0)." in quiet


def test_where_nothing_could_be_compared_the_card_says_how_much_that_is() -> None:
    half = np.full((40, 60), 0.5, np.float32)
    half[:20] = 1.0
    html = card(entry(frames=lambda _: Frame(half)), index=1, link=None)
    share = re.search(r"Not compared is (\d+)% of the frame \(violet\)", html)
    assert share
    assert 45 <= int(share[1]) <= 65
    (shown,) = re.findall(r'<img src="data:image/webp;base64,([^"]+)"[^>]*data-name="evidence map"', html)
    painted = colours(shown)
    assert np.ptp(painted[35].mean(0)) < 12  # grey where it could be compared
    assert painted[5, :, 0].mean() > painted[5, :, 1].mean() + 20  # violet where not
    assert "Not compared" not in card(entry(), index=1, link=None)


def test_of_a_large_frame_all_pictures_show_the_place_where_most_was_found() -> None:
    raw = np.full((900, 1200), 0.5, np.float32)
    restored = raw.copy()
    raw[860:870, 1150:1160] = 0.95
    html = card(entry(frames=lambda name: Frame(raw if name == RAW else restored)), index=1, link=None)
    assert "Around the strongest disagreement, outlined: 512 × 512 px of 1200 × 900, from x 688, y 388" in html
    assert re.search(r"<b>x 115\d, y 86\d px</b>", html)
    pictures = {
        name: colours(data)
        for data, name in re.findall(r'<img src="data:image/\w+;base64,([^"]+)"[^>]*data-name="([^"]+)"', html)
    }
    assert {picture.shape for picture in pictures.values()} == {(512, 512, 3)}
    at = (slice(860 - 388, 870 - 388), slice(1150 - 688, 1160 - 688))
    assert pictures[RAW][at].min() > 240
    assert abs(pictures["bm3d"][at].astype(int) - 128).max() < 4
    blue, _, red = pictures["evidence map"][at].mean((0, 1))
    assert red > blue + 100
    assert "The whole frame; outlined is what is shown of it" in html


def test_there_is_no_evidence_map_of_a_raw_frame_that_was_kept_nor_without_a_noise_law() -> None:
    kept = card(entry(selection=SELECTION.but(chosen=RAW)), index=1, link=None)
    lawless = card(entry(noise=NOISE.but(holds=False, why_not="rows are correlated")), index=1, link=None)
    assert all('data-pick="evidence map"' not in html for html in (kept, lawless))
    assert "No evidence map: the noise follows no law." in lawless
    assert "vidence map" not in kept


def test_the_choice_its_reason_and_its_margin_are_told() -> None:
    html = card(entry(), index=1, link=None)
    assert "<strong>bm3d</strong>" in html
    assert "+10.0 ± 0.2 dB over raw" in html
    assert "bm3d errs least." in html
    assert "runner-up: gaussian · margin: +4.0 ± 0.1 dB · 3.0 standard errors" in html


def test_the_raw_frame_kept_is_said_and_the_best_restoration_shown_beside_it() -> None:
    html = card(entry(selection=SELECTION.but(chosen=RAW)), index=1, link=None)
    assert "<strong>Raw frame kept</strong>" in html
    assert 'data-pick="bm3d" aria-pressed="true"' in html


def test_the_raw_frame_can_be_chosen_where_no_stage_listed_it() -> None:
    html = card(entry(candidates=(GAUSSIAN,), selection=SELECTION.but(chosen=RAW)), index=1, link=None)
    assert "<strong>Raw frame kept</strong>" in html
    assert 'raw<span class="badge">chosen</span>' in html


def test_flags_are_listed_and_absent_where_there_are_none() -> None:
    flagged = card(entry(selection=SELECTION.but(flags=("rows are not independent",))), index=1, link=None)
    assert '<ul class="flags" aria-label="Flags"><li>rows are not independent</li></ul>' in flagged
    assert 'class="flags"' not in card(entry(), index=1, link=None)


def test_noise_is_given_in_the_units_of_the_field() -> None:
    html = card(entry(), index=1, link=None)
    assert "<dd>7.00 % FS</dd>" in html
    assert "<dd>69 e⁻</dd>" in html
    assert "<dd>0.48</dd>" in html


def test_of_a_noise_that_follows_no_law_nothing_is_claimed_and_the_reason_stands_once() -> None:
    why = "rows are correlated"
    kept = Selection(chosen=RAW, rule="least-risk", reason=f"Its noise cannot be described: {why}.", flags=("no law",))
    skipped = MEDIAN.but(skipped=why)
    lawless = entry(noise=NOISE.but(holds=False, why_not=why), selection=kept, candidates=(RAW_FRAME, skipped))
    html = card(lawless, index=1, link=None)
    assert html.count(why) == 1
    assert html.count("<dd>–</dd>") == 3
    assert "e⁻" not in html
    assert " ± 0" not in html


def test_a_noise_model_that_does_not_hold_is_a_flag_where_nothing_was_selected() -> None:
    html = card(entry(noise=NOISE.but(holds=False, why_not="rows are correlated"), selection=None), index=1, link=None)
    assert '<ul class="flags"><li>Noise model: rows are correlated</li></ul>' in html


def test_what_was_removed_is_measured_by_the_noise_at_each_grey_level() -> None:
    html = card(entry(), index=1, link=None)
    found = re.search(r'data-deviations="([^"]+)"', html)
    assert found is not None
    deviations = [float(text) for text in found[1].split()]
    assert len(deviations) == 256
    assert deviations[255] == pytest.approx(255 * 0.0145**0.5, rel=0.01)
    assert deviations[64] == pytest.approx(255 * (0.0145 * 64 / 255) ** 0.5, rel=0.01)
    assert deviations[0] > 0
    lawless = card(entry(noise=NOISE.but(holds=False)), index=1, link=None)
    assert "data-deviations" not in lawless
    assert ">Removed ×2<" in lawless


def test_the_runner_up_is_said_to_be_the_best_of_those_that_are_not_vetoed() -> None:
    html = card(entry(selection=SELECTION.but(vetoes={"nlm": "blurs"})), index=1, link=None)
    assert "runner-up: gaussian (of those not vetoed)" in html


def test_an_image_without_noise_selection_and_restorations_still_has_a_card() -> None:
    bare = entry(noise=None, selection=None, candidates=(RAW_FRAME.but(risk=None), MEDIAN))
    html = card(bare, index=1, link=None)
    assert "Nothing was selected." in html
    assert "The noise was not measured." in html
    assert html.count("<img ") == 1
    assert "data-pick" not in html


def test_only_frames_that_are_shown_are_fetched() -> None:
    fetched: list[str] = []
    make = entry().frames

    def frames(name: str) -> Frame:
        fetched.append(name)
        return make(name)

    card(entry(frames=frames), index=1, link=None)
    assert sorted(fetched) == sorted([RAW, BM3D.name, GAUSSIAN.name])


def test_the_card_names_what_is_known_of_the_image() -> None:
    known = entry().event.image.but(
        instrument_id="cdsem-7", recipe="line-space", pixel_size_nm=5.828, effective_bits=12
    )
    html = card(entry(image=known), index=1, link="./a.tif")
    assert "cdsem-7 · line-space · tiff · 60 × 40 px · 5.828 nm/px · 12 bit" in html
    assert 'data-nm="5.828"' in html
    assert '<a href="./a.tif"' in html
