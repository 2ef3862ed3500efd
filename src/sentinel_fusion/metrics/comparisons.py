"""Paired comparisons of arms on the same test tiles.

The best supervised arm is named twice, by its score on the test places and by its
score on the validation places, and what both comparisons agree on is reported. The best
of many arms on the test places is partly the luckiest: of arms as good as eight others,
simulated, 6 to 16 % are "worse than the best" by a 95 % interval, and 1 to 4 % by both.
The best on the validation places may have a rival that is better on the test places.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from statsmodels.stats.multitest import multipletests

from sentinel_fusion.metrics.bootstrap import Sample
from sentinel_fusion.metrics.intervals import Interval, interval, more_cautious

FINETUNED = "finetuned"
Point = tuple[str, str, float]
"""Arm, use and label fraction: a point of a curve."""
Samples = dict[Point, Sample]
Row = dict[str, object]
COLUMNS = (
    *("arm", "use", "label_frac", "versus", "versus_use", "versus_frac"),
    *("difference", "low", "high", "p_value", "p_holm"),
)


@dataclass(frozen=True)
class Best:
    """The best supervised arm, fine-tuned with a fraction of the labels.

    Args:
        arm: The one with the highest mean score on the test places.
        arm_on_val: The one with the highest mean score on the validation places.
        label_frac: The fraction.
        samples: Test scores of both.
        confidence: Of intervals.
    """

    arm: str
    arm_on_val: str
    label_frac: float
    samples: tuple[Sample, Sample]
    confidence: float

    @property
    def score(self) -> float:
        """Mean score on the test places."""
        return float(self.samples[0].values.mean())

    def compare(self, sample: Sample) -> Interval:
        """How much better a score is.

        Args:
            sample: The score.

        Returns:
            The difference to the best on the test places; interval and p value are what
            it and the comparison with the best on the validation places agree on.
        """
        on_test, on_val = (
            interval(sample - reference, self.confidence) for reference in self.samples
        )
        return more_cautious(on_test, on_val)


def find_best(
    samples: Samples,
    val_scores: dict[str, float],
    *,
    label_frac: float,
    confidence: float,
) -> Best | None:
    """The best supervised arm.

    Args:
        samples: Scores of all arms.
        val_scores: Supervised arm -> its mean score on the validation places when it is
            fine-tuned with the fraction.
        label_frac: The fraction.
        confidence: Of the intervals of comparisons with it.

    Returns:
        The best, or None where there is no supervised arm.
    """
    if not val_scores:
        return None
    rivals = {arm: samples[arm, FINETUNED, label_frac] for arm in val_scores}
    arm = max(rivals, key=lambda name: rivals[name].values.mean())
    on_val = max(val_scores, key=lambda name: val_scores[name])
    return Best(arm, on_val, label_frac, (rivals[arm], rivals[on_val]), confidence)


def twin_rows(samples: Samples, twins: dict[str, str], confidence: float) -> list[Row]:
    """Every pre-trained arm against its twin from scratch, at each use and fraction.

    Args:
        samples: Scores of all arms.
        twins: Pre-trained arm -> arm that differs in pre-training only; pairs of which
            one is missing are left out.
        confidence: Of intervals.

    Returns:
        Rows of ``comparison_table``, not corrected.
    """
    rows = []
    for (arm, use, label_frac), sample in samples.items():
        twin = (twins.get(arm, ""), use, label_frac)
        if twin in samples:
            found = interval(sample - samples[twin], confidence)
            rows.append(_row((arm, use, label_frac), twin, found))
    return rows


def best_rows(samples: Samples, arms: Collection[str], best: Best) -> list[Row]:
    """Arms against the best supervised arm, at each use and fraction.

    Args:
        samples: Scores of all arms.
        arms: Arms to compare.
        best: The best supervised arm.

    Returns:
        Rows of ``comparison_table``, not corrected.
    """
    reference = (best.arm, FINETUNED, best.label_frac)
    return [
        _row(point, reference, best.compare(sample))
        for point, sample in samples.items()
        if point[0] in arms
    ]


def _row(point: Point, versus: Point, found: Interval) -> Row:
    values = (found.value, *difference_ends(found), found.p_value)
    return dict(zip(COLUMNS[:-1], (*point, *versus, *map(float, values)), strict=True))


def difference_ends(found: Interval) -> tuple[float, float]:
    """Ends of the interval of a difference of two scores in 0..1.

    Args:
        found: The interval.

    Returns:
        Its ends, cut where no difference can be.
    """
    low, high = np.clip([found.low, found.high], -1, 1).tolist()
    return low, high


def comparison_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Comparisons corrected for their number.

    Args:
        rows: All comparisons by which a task's question is asked.

    Returns:
        ``COLUMNS``, a row a comparison. "p_holm" is "p_value" with Holm's correction
        over the rows: where nothing differs, any of them is below 5 % in at most 5 % of
        repetitions.
    """
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    return table.assign(p_holm=holm(table["p_value"].to_numpy(np.float64)))


def holm(
    p_values: Float[np.ndarray, " comparisons"],
) -> Float[np.ndarray, " comparisons"]:
    """Holm's step-down correction.

    Args:
        p_values: Of all comparisons; may be none.

    Returns:
        Corrected p values, in their order.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65.
    """
    if not p_values.size:
        return p_values
    return np.asarray(multipletests(p_values, method="holm")[1])
