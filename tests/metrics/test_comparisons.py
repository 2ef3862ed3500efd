import numpy as np
import pytest
from scipy import stats
from tests.metrics.simulated import World

from sentinel_fusion.metrics.bootstrap import Sample, place_weights, resample
from sentinel_fusion.metrics.comparisons import (
    COLUMNS,
    Best,
    Samples,
    best_rows,
    comparison_table,
    find_best,
    holm,
    twin_rows,
)
from sentinel_fusion.metrics.intervals import interval
from sentinel_fusion.metrics.single_label import count_scores

SEEDS, PLACES, DRAWS = 3, 5, 40


def _sample(mean: float, seed: int) -> Sample:
    """A score that wavers by about 0.01."""
    rng = np.random.default_rng(seed)
    shapes = ((SEEDS,), (SEEDS, DRAWS), (SEEDS, PLACES))
    values, draws, left_out = (mean + 0.01 * rng.normal(size=shape) for shape in shapes)
    return Sample(values, draws, left_out)


ARMS = {"late": 0.6, "early": 0.5, "mma": 0.8, "vgg_late": 0.3}
SAMPLES: Samples = {
    (arm, use, frac): _sample(mean * frac**0.1, number)
    for number, (arm, mean) in enumerate(ARMS.items())
    for use in ("finetuned", "frozen")
    for frac in (0.1, 1.0)
}
LATE, EARLY, MMA = (SAMPLES[arm, "finetuned", 1.0] for arm in ("late", "early", "mma"))


def _best(val_scores: dict[str, float]) -> Best:
    best = find_best(SAMPLES, val_scores, label_frac=1.0, confidence=0.95)
    assert best is not None
    return best


BEST = _best({"early": 0.9, "late": 0.8})


def test_the_best_is_named_by_its_test_score() -> None:
    assert BEST.arm == "late"
    assert BEST.score == pytest.approx(LATE.values.mean())


def test_the_best_is_named_by_its_validation_score_as_well() -> None:
    assert BEST.arm_on_val == "early"


def test_without_supervised_arms_there_is_no_best() -> None:
    assert find_best(SAMPLES, {}, label_frac=1.0, confidence=0.95) is None


def test_the_difference_is_to_the_best_on_test() -> None:
    found = BEST.compare(MMA)
    assert found.value == pytest.approx(MMA.values.mean() - LATE.values.mean())


def test_the_interval_holds_those_of_both_comparisons() -> None:
    found = BEST.compare(MMA)
    to_late, to_early = (interval(MMA - other, 0.95) for other in (LATE, EARLY))
    assert (found.low, found.high) == (to_late.low, to_early.high)
    assert found.p_value == max(to_late.p_value, to_early.p_value)


def test_where_both_name_the_same_arm_the_comparison_is_the_plain_one() -> None:
    assert _best({"late": 1.0}).compare(MMA) == interval(MMA - LATE, 0.95)


TWINS = {"mma": "vgg_late", "dual_simclr": "late"}


def test_a_pre_trained_arm_meets_its_twin_at_the_same_use_and_fraction() -> None:
    rows = twin_rows(SAMPLES, TWINS, 0.95)
    points = [
        (r["use"], r["label_frac"], r["versus_use"], r["versus_frac"]) for r in rows
    ]
    assert points == [
        (use, frac, use, frac) for use in ("finetuned", "frozen") for frac in (0.1, 1.0)
    ]
    assert {(row["arm"], row["versus"]) for row in rows} == {("mma", "vgg_late")}


def test_a_difference_is_positive_where_the_first_arm_is_better() -> None:
    rows = twin_rows(SAMPLES, TWINS, 0.95)
    assert rows[1]["difference"] == pytest.approx(0.5, abs=0.05)


def test_a_twin_that_was_not_run_is_left_out() -> None:
    assert twin_rows(SAMPLES, {"mma": "vgg_early"}, 0.95) == []


def test_arms_of_both_uses_meet_the_best_fine_tuned_with_all_labels() -> None:
    rows = best_rows(SAMPLES, {"mma"}, BEST)
    assert [(row["use"], row["label_frac"]) for row in rows] == [
        ("finetuned", 0.1),
        ("finetuned", 1.0),
        ("frozen", 0.1),
        ("frozen", 1.0),
    ]
    versus = {(r["versus"], r["versus_use"], r["versus_frac"]) for r in rows}
    assert versus == {("late", "finetuned", 1.0)}


def test_holms_correction_by_hand() -> None:
    corrected = holm(np.array([0.01, 0.04, 0.03]))
    assert corrected == pytest.approx([3 * 0.01, 2 * 0.03, 2 * 0.03])


def test_a_table_is_corrected_over_all_its_rows() -> None:
    rows = twin_rows(SAMPLES, TWINS, 0.95)
    table = comparison_table(rows)
    p_values = np.array([row["p_value"] for row in rows])
    assert table["p_holm"].to_numpy() == pytest.approx(holm(p_values))


def test_a_table_without_comparisons_has_its_columns() -> None:
    table = comparison_table([])
    assert (tuple(table.columns), len(table)) == (COLUMNS, 0)


def _picked(arms: list[Sample], numbers: np.ndarray) -> Sample:
    """Of each study the arm with its number."""
    studies = np.arange(len(numbers))
    values, draws, left_out = (
        np.stack([getattr(arm, part) for arm in arms])[numbers, studies]
        for part in ("values", "draws", "left_out")
    )
    return Sample(values, draws, left_out)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
def test_the_luckiest_of_equal_arms_makes_no_verdict(seeds: int) -> None:
    studies, places, rivals = 500, 60, 8
    rng = np.random.default_rng(seeds)
    weights = place_weights(places, 200, 0)
    counts = World().counts(studies, seeds, places, rng, gains=(0,) * (1 + rivals))
    arm, *others = (resample(c, count_scores, weights)["aa"] for c in counts)
    on_test = np.argmax([other.values.mean(axis=-1) for other in others], axis=0)
    on_val = rng.integers(0, rivals, studies)  # whichever validation places favour
    samples = _picked(others, on_test), _picked(others, on_val)
    worse = np.asarray(Best("", "", 1.0, samples, 0.95).compare(arm).high) < 0
    on_test_alone = np.asarray(interval(arm - samples[0], 0.95).high) < 0
    limit = stats.binom.ppf(0.995, studies, 0.025)
    assert worse.sum() <= limit < on_test_alone.sum()
