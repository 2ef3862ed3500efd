"""Labels that an arm needs to reach the best supervised arm, and how many it saves.

The interval turns the comparison around: it holds the fractions at which the arm, on
its curve between the measured fractions, is neither surely worse nor surely better than
the reference. So it says the same as the comparisons do, is open where the arm may
never reach the reference, and needs no curves of single draws, which cross too early
where noise lifts any of their points.

Source: inversion of a test, as Fieller 1954 does for a ratio.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from sentinel_fusion.metrics.bootstrap import Sample, mix
from sentinel_fusion.metrics.comparisons import Best, Row, Samples
from sentinel_fusion.metrics.label_efficiency import labels_needed

_STEPS = 32  # between two measured fractions
COLUMNS = (
    *("arm", "use", "reference_arm", "reference", "reached"),
    *("labels_pct", "low_pct", "high_pct", "saving", "saving_low", "saving_high"),
)
Needed = tuple[float | None, float | None, float | None]
"""A label fraction and the ends of its interval; None: not reached."""


def saving_rows(samples: Samples, arms: Collection[str], best: Best) -> list[Row]:
    """Labels needed and saved by every arm and use.

    Args:
        samples: Scores of all arms.
        arms: Arms whose labels are looked for.
        best: The best supervised arm.

    Returns:
        Rows of ``COLUMNS``. Percentages are of the training tiles; a saving is the
        reference's fraction over the one needed. What is not reached is None. Nothing
        is extrapolated below the smallest fraction: an end there may lie lower.
    """
    curves = dict.fromkeys((arm, use) for arm, use, _ in samples if arm in arms)
    rows: list[Row] = []
    for arm, use in curves:
        fracs = sorted(frac for a, u, frac in samples if (a, u) == (arm, use))
        found = needed(fracs, [samples[arm, use, frac] for frac in fracs], best)
        fraction, low, high = found
        values = (
            *(arm, use, best.arm, best.score, fraction is not None),
            *(None if frac is None else 100 * frac for frac in found),
            *(
                None if frac is None else best.label_frac / frac
                for frac in (fraction, high, low)
            ),
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def needed(fracs: Sequence[float], points: Sequence[Sample], best: Best) -> Needed:
    """The label fraction at which an arm reaches the best supervised arm.

    Args:
        fracs: Measured fractions, ascending.
        points: The arm's score at each.
        best: The best supervised arm.

    Returns:
        The fraction and the ends of its interval.
    """
    fine, curve = _fine_curve(fracs, points)
    gain = best.compare(curve)
    fraction, low, high = (
        labels_needed(fine.tolist(), np.asarray(heights).tolist(), 0)
        for heights in (gain.value, gain.high, gain.low)
    )
    return fraction, low, high


def _fine_curve(
    fracs: Sequence[float], points: Sequence[Sample]
) -> tuple[Float[np.ndarray, " fine"], Sample]:
    """A curve with steps between its points, linear in the logarithm."""
    shares = np.linspace(0, 1, _STEPS, endpoint=False)
    parts = [mix(*ends, shares) for ends in pairwise(points)]
    parts.append(mix(points[-1], points[-1], np.zeros(1)))
    logs = [low + shares * (high - low) for low, high in pairwise(np.log(fracs))]
    fine = np.exp(np.concatenate([*logs, np.log(fracs[-1:])]))
    curve = Sample(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.draws for part in parts]),
        np.concatenate([part.left_out for part in parts]),
    )
    return fine, curve
