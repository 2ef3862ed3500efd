"""How many labels an arm needs to reach a reference score."""

from collections.abc import Sequence

import numpy as np


def labels_needed(
    label_fracs: Sequence[float], scores: Sequence[float], reference: float
) -> float | None:
    """The smallest label fraction at which a curve reaches a reference.

    Between measured fractions the score is taken as linear in the logarithm of the
    fraction; nothing is extrapolated below the smallest.

    Args:
        label_fracs: Measured fractions, ascending, each > 0.
        scores: Score at each fraction.
        reference: Score to reach.

    Returns:
        The fraction, or None where no measured fraction reaches the reference.

    Raises:
        ValueError: If the fractions do not ascend or the lengths differ.
    """
    if len(label_fracs) != len(scores) or any(np.diff(label_fracs) <= 0):
        raise ValueError(
            "label_fracs must ascend with one score each, got "
            f"{list(label_fracs)} and {len(scores)} scores"
        )
    for i, score in enumerate(scores):
        if score < reference:
            continue
        if i == 0:
            return label_fracs[0]
        share = (reference - scores[i - 1]) / (score - scores[i - 1])
        low, high = np.log(label_fracs[i - 1]), np.log(label_fracs[i])
        return float(np.exp(low + share * (high - low)))
    return None
