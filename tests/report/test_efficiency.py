import math

import pandas as pd
import pytest

from sentinel_fusion.report.efficiency import (
    margin_table,
    margins,
    markdown_table,
    percent_key,
    plot_rows,
    report_task,
    summarise,
    with_intervals,
)

POINTS = {
    ("late", 0.1): (0.4, 0.6),
    ("late", 1.0): (0.6, 0.8),
    ("dual_simclr", 0.1): (0.5, 0.7),
    ("dual_simclr", 1.0): (0.8, 0.8),
}
SCORES = pd.DataFrame(
    [
        ("single_label", "finetuned", arm, frac, seed, "aa", value)
        for (arm, frac), values in POINTS.items()
        for seed, value in enumerate(values)
    ],
    columns=["task", "use", "arm", "label_frac", "seed", "metric", "value"],
)
SUMMARY = summarise(SCORES, "aa")
SAVINGS = pd.DataFrame(
    [
        ("dual_simclr", "finetuned", "late", 0.7, True, 31.62278),
        ("dual_simclr", "frozen", "late", 0.7, False, math.nan),
    ],
    columns=["arm", "use", "reference_arm", "reference", "reached", "labels_pct"],
)
REPORT = report_task(SUMMARY, "aa", SAVINGS)


def test_a_point_is_the_mean_over_seeds() -> None:
    assert SUMMARY["mean"].tolist() == pytest.approx([0.5, 0.7, 0.6, 0.8])


def test_the_spread_is_the_population_deviation() -> None:
    assert SUMMARY["sd"].tolist() == pytest.approx([0.1, 0.1, 0.1, 0])


def test_other_metrics_are_left_out() -> None:
    other = SCORES.assign(metric="oa", value=0.0)
    assert summarise(pd.concat([SCORES, other]), "aa").equals(SUMMARY)


def test_the_reference_is_that_of_the_labels_saved() -> None:
    assert REPORT["reference"] == {"arm": "late", "aa": 0.7}


def test_labels_needed_are_those_of_the_labels_saved() -> None:
    assert REPORT["labels_needed"] == {
        "finetuned": {"dual_simclr": {"reached": True, "labels_pct": 31.623}},
        "frozen": {"dual_simclr": {"reached": False}},
    }


def test_where_no_labels_are_saved_there_is_no_reference() -> None:
    assert set(report_task(SUMMARY, "aa", SAVINGS[:0])) == {"finetuned"}


def test_every_arm_has_a_curve() -> None:
    assert set(REPORT["finetuned"]) == {"late", "dual_simclr"}  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("label_frac", "key"),
    [(0.01, "pct_001"), (0.1, "pct_010"), (1.0, "pct_100"), (0.005, "pct_000_50")],
)
def test_metric_keys_hold_no_dot(label_frac: float, key: str) -> None:
    assert percent_key(label_frac) == key


INTERVALS = SUMMARY[["task", "use", "arm", "label_frac"]].assign(
    low=[0.3, 0.5, 0.2, 0.7], high=[0.6, 0.8, 0.9, 0.9]
)


def test_a_mean_gets_its_own_interval() -> None:
    both = with_intervals(SUMMARY, INTERVALS[::-1])
    assert both["mean"].equals(SUMMARY["mean"])
    assert both["low"].tolist() == [0.3, 0.5, 0.2, 0.7]


def test_a_mean_without_interval_is_refused() -> None:
    with pytest.raises(
        ValueError,
        match=r"single_label finetuned dual_simclr 1\.0 must have an interval",
    ):
        with_intervals(SUMMARY, INTERVALS[:-1])


def test_plot_rows_carry_the_interval() -> None:
    row = plot_rows(with_intervals(SUMMARY, INTERVALS), {"dual_simclr"})[0]
    assert (row["label_pct"], row["low"], row["high"]) == pytest.approx((10, 0.3, 0.6))


def test_plot_rows_tell_random_weights_from_pre_trained_ones() -> None:
    rows = plot_rows(with_intervals(SUMMARY, INTERVALS), {"dual_simclr"})
    assert {row["arm"]: row["start"] for row in rows} == {
        "late": "random weights",
        "dual_simclr": "pre-trained",
    }


def test_the_table_has_a_row_an_arm_in_percent() -> None:
    assert markdown_table(SUMMARY).splitlines() == [
        "| arm | use | 10 % | 100 % |",
        "| --- | --- | --- | --- |",
        "| late | fine-tuned | 50.0 ± 10.0 | 70.0 ± 10.0 |",
        "| dual_simclr | fine-tuned | 60.0 ± 10.0 | 80.0 ± 0.0 |",
    ]


def test_a_frozen_encoder_has_a_row_of_its_own() -> None:
    both = pd.concat([SUMMARY, SUMMARY.assign(use="frozen", mean=0.25)])
    rows = markdown_table(both).splitlines()
    assert rows[4] == "| late | frozen encoder | 25.0 ± 10.0 | 25.0 ± 10.0 |"


MARGINS = margins(SUMMARY, {"dual_simclr": "late", "mma": "vgg_late"})


def test_a_margin_is_the_gain_over_the_arm_from_scratch() -> None:
    gains = MARGINS.set_index("label_frac")["margin"].to_dict()
    assert gains == pytest.approx({0.1: 0.6 - 0.5, 1.0: 0.8 - 0.7})


def test_a_pair_of_which_an_arm_is_missing_has_no_margin() -> None:
    assert set(MARGINS["arm"]) == {"dual_simclr"}
    assert margins(SUMMARY, {"dual_simclr": "early"}).empty


def test_uses_are_compared_with_their_own_kind() -> None:
    frozen = SUMMARY.assign(use="frozen", mean=[0.1, 0.1, 0.4, 0.4])
    both = margins(pd.concat([SUMMARY, frozen]), {"dual_simclr": "late"})
    gains = both[both["use"] == "frozen"]["margin"].tolist()
    assert gains == pytest.approx([0.3, 0.3])


def test_the_table_of_margins_is_in_points() -> None:
    assert margin_table(MARGINS).splitlines() == [
        "| pre-trained | from scratch | use | 10 % | 100 % |",
        "| --- | --- | --- | --- | --- |",
        "| dual_simclr | late | fine-tuned | +10.0 | +10.0 |",
    ]
