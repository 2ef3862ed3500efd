import numpy as np
import pytest
from tests.metrics.simulated import World

from sentinel_fusion.metrics.bootstrap import Sample, place_weights, resample
from sentinel_fusion.metrics.comparisons import Best, Samples, best_rows
from sentinel_fusion.metrics.label_saving import needed, saving_rows
from sentinel_fusion.metrics.single_label import count_scores

FRACS = (0.01, 0.1, 1.0)
SEEDS, PLACES, DRAWS = 3, 6, 50


def _sample(mean: float, spread: float = 0.0, seed: int = 0) -> Sample:
    rng = np.random.default_rng(seed)
    values, draws, left_out = (
        mean + spread * rng.normal(size=(SEEDS, size)) for size in (1, DRAWS, PLACES)
    )
    return Sample(values[:, 0], draws, left_out)


def _best(mean: float, spread: float = 0.0) -> Best:
    reference = _sample(mean, spread, seed=9)
    return Best("late", "late", 1.0, (reference, reference), 0.95)


def _curve(*means: float, spread: float = 0.0) -> Samples:
    return {
        ("mma", "frozen", frac): _sample(mean, spread, seed)
        for seed, (frac, mean) in enumerate(zip(FRACS, means, strict=True))
    }


def _row(samples: Samples, best: Best) -> dict[str, object]:
    (row,) = saving_rows(samples, {"mma"}, best)
    return row


def test_without_any_doubt_the_interval_is_the_point() -> None:
    row = _row(_curve(0.2, 0.4, 0.8), _best(0.6))
    ends = [row[key] for key in ("labels_pct", "low_pct", "high_pct")]
    assert ends == pytest.approx([100 * 10**-0.5] * 3)


def test_the_saving_is_how_many_times_fewer_labels_are_needed() -> None:
    row = _row(_curve(0.2, 0.6, 0.8), _best(0.6))
    assert (row["labels_pct"], row["saving"]) == pytest.approx((10, 10))


def test_a_reference_out_of_reach_has_no_figures() -> None:
    row = _row(_curve(0.2, 0.4, 0.5), _best(0.6))
    assert row["reached"] is False
    assert {row[key] for key in row if key.endswith("pct") or "saving" in key} == {None}


def test_the_reference_is_named_with_its_score() -> None:
    row = _row(_curve(0.2, 0.4, 0.8), _best(0.6))
    assert (row["reference_arm"], row["reference"]) == ("late", pytest.approx(0.6))


def test_most_labels_needed_are_the_least_saved() -> None:
    row = _row(_curve(0.2, 0.5, 0.9, spread=0.02), _best(0.6, spread=0.02))
    assert row["low_pct"] < row["labels_pct"] < row["high_pct"]  # type: ignore[operator]
    assert row["saving_low"] == pytest.approx(100 / row["high_pct"])  # type: ignore[operator]
    assert row["saving_high"] == pytest.approx(100 / row["low_pct"])  # type: ignore[operator]


def test_an_arm_that_may_never_get_there_has_no_upper_end() -> None:
    row = _row(_curve(0.2, 0.5, 0.61, spread=0.02), _best(0.6, spread=0.02))
    assert row["reached"] is True
    assert (row["high_pct"], row["saving_low"]) == (None, None)


def test_an_arm_that_just_misses_may_get_there() -> None:
    row = _row(_curve(0.2, 0.5, 0.59, spread=0.02), _best(0.6, spread=0.02))
    assert row["reached"] is False
    assert row["low_pct"] is not None


def test_the_upper_end_is_where_the_comparison_turns_sure() -> None:
    best = _best(0.6, spread=0.02)
    samples = _curve(0.2, 0.6, 0.9, spread=0.02)
    lows = {r["label_frac"]: r["low"] for r in best_rows(samples, {"mma"}, best)}
    assert lows[0.1] < 0 < lows[1.0]  # type: ignore[operator]
    assert 10 < _row(samples, best)["high_pct"] < 100  # type: ignore[operator]


def test_other_arms_have_no_row() -> None:
    assert saving_rows(_curve(0.2, 0.4, 0.8), {"dual_simclr"}, _best(0.6)) == []


@pytest.mark.slow
def test_the_labels_needed_are_covered_at_the_nominal_rate() -> None:
    world, studies, places = World(), 200, 30
    weights = place_weights(places, 100, 0)
    gains = (-0.6, -0.2, 0.2, -0.05)
    counts = world.counts(studies, 3, places, np.random.default_rng(0), gains)
    *curve, reference = (resample(c, count_scores, weights)["aa"] for c in counts)
    heights = [world.truth("aa", gain) for gain in gains]
    share = (heights[3] - heights[1]) / (heights[2] - heights[1])
    truth = 0.1 * 10**share
    covering = 0
    for study in range(studies):
        points, rival = (
            [_study(point, study) for point in curve],
            _study(reference, study),
        )
        _, low, high = needed(FRACS, points, Best("", "", 1.0, (rival, rival), 0.95))
        is_above = low is None or truth < low
        covering += not is_above and (high is None or truth <= high)
    assert 0.91 <= covering / studies <= 0.99


def _study(sample: Sample, study: int) -> Sample:
    return Sample(sample.values[study], sample.draws[study], sample.left_out[study])
