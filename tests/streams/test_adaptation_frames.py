"""Which frames an adaptation learns from, and which judge it."""

from dataclasses import replace

import pytest

from schemas.frame import Pixels
from stages.training.adaptation import Adaptation
from streams.adaptation import noise_of
from streams.adaptation_frames import Feed, feed_of
from streams.errors import UsageError
from streams.folder_frames import FolderFrame
from tests.priors import KINDS, frames
from tests.stages.scan import scanned, scene

COURSE = Adaptation("tiny", (8, 16), 1, patch_px=32)


def named(pixels: list[Pixels]) -> list[FolderFrame]:
    """Frames under ids that are in another order than their names."""
    return [FolderFrame(f"{(7 * number) % 11:032d}-0", f"{number}.tif", frame) for number, frame in enumerate(pixels)]


@pytest.fixture(scope="module")
def shots() -> list[FolderFrame]:
    return named(list(frames(10, electrons=40, lag1=0.4, side=48)))


def split(shots: list[FolderFrame], holdout: float = 0.2) -> Feed:
    return feed_of(shots, COURSE, holdout=holdout, left_out=lambda name, why: None)


def ids(feed: Feed) -> tuple[list[str], list[str]]:
    return [shot.image_id for shot in feed.training], [shot.image_id for shot in feed.held_out]


def test_the_split_follows_from_the_content_and_not_from_the_order(shots: list[FolderFrame]) -> None:
    one, other = split(shots), split(shots[::-1])
    assert ids(one) == ids(other)
    assert one.digest == other.digest
    assert [len(part) for part in ids(one)] == [8, 2]
    assert not {*ids(one)[0]} & {*ids(one)[1]}


def test_the_share_held_out_is_as_asked_and_two_at_the_least(shots: list[FolderFrame]) -> None:
    assert len(split(shots, 0.5).held_out) == 5
    assert len(split(shots[:5], 0.05).held_out) == 2
    assert split(shots, 0.5).digest != split(shots).digest


def test_too_few_frames_are_wrong_usage(shots: list[FolderFrame]) -> None:
    with pytest.raises(UsageError, match="3 frames can be learned from and 1 cannot; 4 are the least"):
        split([*shots[:3], shots[0]])


def test_noise_is_summarised_by_medians_also_of_laws_that_end_early(shots: list[FolderFrame]) -> None:
    some = split([*shots[:4], *named(list(frames(6, electrons=40, lag1=0.0, side=48, seed=50)))[4:]]).training
    assert len({len(shot.law.row_acf) for shot in some}) > 1
    found = noise_of(some)
    assert found.row_acf[0] == 1
    assert found.sigma_range[0] <= found.sigma <= found.sigma_range[1]


def test_frames_with_a_second_one_that_fits_are_pairs_and_others_are_used_alone(shots: list[FolderFrame]) -> None:
    told: list[tuple[str, str]] = []
    again = list(frames(10, electrons=40, lag1=0.4, side=48, seed=0))
    scenes = [scene(KINDS[number % 4], height=48, width=48, seed=number) for number in range(10)]
    seconds = [scanned(clean, electrons=40, lag1=0.4, seed=5000 + number) for number, clean in enumerate(scenes)]
    fitting = [replace(shot, second=second) for shot, second in zip(shots, seconds, strict=True)]
    copy = replace(fitting[3], second=again[3])
    feed = feed_of(
        [copy, *(shot for shot in fitting if shot is not fitting[3])],
        COURSE,
        holdout=0.2,
        left_out=lambda name, why: None,
        alone=lambda name, why: told.append((name, why)),
    )
    assert told[0][0] == "3.tif"
    assert "a copy, or frames of a running average" in told[0][1]
    assert feed.pairs == sum(shot.partner is not None for shot in feed.training)
    assert feed.pairs + sum(shot.partner_content is not None for shot in feed.held_out) == 10 - len(told)
    assert feed.digest != split(shots).digest, "what is learned from is another thing"
    assert ids(feed) == ids(split(shots))


def test_a_frame_that_is_learned_from_judges_in_no_disguise(shots: list[FolderFrame]) -> None:
    scenes = [scene(KINDS[number % 4], height=48, width=48, seed=number) for number in range(5)]
    seconds = [scanned(clean, electrons=40, lag1=0.4, seed=5000 + number) for number, clean in enumerate(scenes)]
    orphans = [FolderFrame(f"{number:032x}-1", f"orphan-{number}.tif", second) for number, second in enumerate(seconds)]
    told: list[tuple[str, str]] = []
    alone: list[str] = []
    mutual = replace(orphans[0], second=shots[0].pixels)
    pairs = [replace(shot, second=second) for shot, second in zip(shots, seconds, strict=False)]
    rival = replace(shots[7], second=seconds[1])
    feed = feed_of(
        [mutual, *orphans[1:], *pairs, *shots[5:7], rival],
        COURSE,
        holdout=0.3,
        left_out=lambda name, why: told.append((name, why)),
        alone=lambda name, why: alone.append(name),
    )
    everything = [*feed.training, *feed.held_out]
    contents = [content for shot in everything for content in (shot.content, shot.partner_content) if content]
    assert len(contents) == len({*contents}), "each frame is in one place"
    assert {why for _, why in told} == {"it is the second frame of another one"}
    assert len(everything) + len(told) == 5 + 5 + 3
    assert feed.left_out == len(told)
    assert all(shot.partner is None for shot in feed.held_out), "what is not looked at is not kept"


def test_frames_of_the_same_pixels_are_told_as_what_they_are(shots: list[FolderFrame]) -> None:
    told: list[tuple[str, str]] = []
    again = replace(shots[2], image_id=f"{99:032d}-0", name="again.tif")
    feed = feed_of([*shots, again], COURSE, holdout=0.2, left_out=lambda name, why: told.append((name, why)))
    assert told == [("again.tif", "the same pixels as 2.tif")]
    assert feed.left_out == 1


def pages(shots: list[FolderFrame], *counts: int) -> list[FolderFrame]:
    """Return frames as pages of files of so many each."""
    names = [f"{file:032d}-{page}" for file, count in enumerate(counts) for page in range(count)]
    return [replace(shot, image_id=name) for shot, name in zip(shots, names, strict=False)]


@pytest.mark.parametrize(("counts", "held_out"), [((1, 4, 5), 5), ((3, 3, 4), 3), ((8, 2), 8), ((2, 4, 4), 2)])
def test_pages_of_one_file_learn_or_judge_together(
    shots: list[FolderFrame], counts: tuple[int, ...], held_out: int
) -> None:
    feed = split(pages(shots, *counts))
    learned, judging = ({image_id.split("-")[0] for image_id in part} for part in ids(feed))
    assert not learned & judging
    assert len(feed.held_out) == held_out


@pytest.mark.parametrize("counts", [(10,), (1, 9), (9, 1)])
def test_too_few_files_for_either_side_are_wrong_usage(shots: list[FolderFrame], counts: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="what judges must be of others than what is learned from"):
        split(pages(shots, *counts))
