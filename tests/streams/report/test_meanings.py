from stages.metrics.names import Score
from streams.report import meanings


def test_every_score_of_the_closed_list_has_a_label_and_a_sentence() -> None:
    for score in Score:
        assert meanings.label(score)[0].isupper()
        assert meanings.sentence(score).endswith(".")


def test_a_score_that_nobody_described_is_called_by_its_name() -> None:
    assert meanings.label("line_edge_roughness_nm") == "line_edge_roughness_nm"
    assert meanings.sentence("line_edge_roughness_nm") == ""


def test_scores_stand_in_the_order_of_the_closed_list_and_others_after_them() -> None:
    assert meanings.in_order(["mine", "ssim", "noise_left", "yours", "psnr_db"]) == [
        "noise_left", "psnr_db", "ssim", "mine", "yours",
    ]  # fmt: skip


def test_the_short_table_has_scores_against_a_reference() -> None:
    assert meanings.headline(["noise_left", "psnr_db", "ssim"]) == ["psnr_db"]
