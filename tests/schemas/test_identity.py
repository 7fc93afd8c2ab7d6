import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.image import Key, Roi, acquisition_id_of, event_id_of, image_id_of, outcome_key, version_of
from schemas.model import digest
from tests.events import image_event

ROI = Roi(x=0, y=0, width=4, height=4)


def test_the_same_bytes_are_the_same_image_whatever_their_path() -> None:
    assert image_id_of("ab" * 32, 0) == image_id_of("ab" * 32, 0) != image_id_of("ab" * 32, 1)


def test_publishing_the_same_file_again_is_the_same_acquisition_and_new_content_is_another() -> None:
    first = acquisition_id_of("/feed", "a.tif", "image-1")
    assert first == acquisition_id_of("/feed", "a.tif", "image-1")
    assert first != acquisition_id_of("/feed", "a.tif", "image-2")
    assert first != acquisition_id_of("/feed", "b.tif", "image-1")


def test_with_another_second_frame_it_is_another_acquisition_and_without_one_what_it_was_before_there_were_any() -> (
    None
):
    ids = [acquisition_id_of("/feed", "a.tif", "image-1", second) for second in (None, "ab", "cd")]
    assert len(set(ids)) == 3
    assert ids[0] == "0d22468a-5660-561a-8784-b76a69ac106f"


def test_a_stage_event_has_one_id_a_stage_lane_and_pipeline() -> None:
    ids = {event_id_of("a", s, lane, p) for s in ("filter", "x") for lane in ("live", "replay") for p in ("1", "2")}
    assert len(ids) == 8


def test_everything_that_stages_read_besides_the_bytes_changes_the_version() -> None:
    one = version_of(reader="r1", valid_roi=ROI, databar_source=None)
    others = [
        version_of(reader="r2", valid_roi=ROI, databar_source=None),
        version_of(reader="r1", valid_roi=Roi(x=0, y=0, width=4, height=3), databar_source=None),
        version_of(reader="r1", valid_roi=ROI, databar_source="pixels"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, recipe="lines"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, prior="p"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, reference="ab"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, second="ab"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, second="cd"),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, bits=12),
        version_of(reader="r1", valid_roi=ROI, databar_source=None, bits=16),
    ]
    assert len({one, *others}) == 11


def test_the_version_of_an_image_without_second_frame_and_stated_bits_is_what_it_was_before_there_were_any() -> None:
    assert version_of(reader="r1", valid_roi=ROI, databar_source=None, reference="ab") == "78dec389b487fb06"


def test_an_outcome_key_reads_image_version_stage_and_config() -> None:
    image = image_event().image
    assert outcome_key(image, "filter", "c0") == f"{image.image_id}:v1:filter:c0"


def test_a_digest_depends_on_content_and_not_on_order() -> None:
    assert digest({"a": 1, "b": 2.0}) == digest({"b": 2.0, "a": 1}) != digest({"a": 1, "b": 2.5})


@pytest.mark.parametrize("key", ["../secret", "a//b", "/a", "a/../b", "a\nb", "a b", "", "x" * 513, "a/"])
def test_keys_that_could_lead_elsewhere_are_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Key).validate_python(key)
