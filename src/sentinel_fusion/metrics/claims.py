"""The headline as a verdict: with few labels as good as supervised arms with all?"""

from collections.abc import Collection

import numpy as np

from sentinel_fusion.metrics.comparisons import Best, Samples, difference_ends
from sentinel_fusion.metrics.intervals import Interval, interval

HOLDS = "holds"
FAILS = "does not hold"
UNDECIDED = "undecided"
Claims = dict[str, dict[str, dict[str, float | str]]]
_DIGITS = 6


def judge(
    samples: Samples, chance: Samples, arms: Collection[str], best: Best
) -> Claims:
    """Whether arms reach the best supervised arm.

    Args:
        samples: Scores of all arms.
        chance: Scores of predictions as frequent as an arm's that know nothing about
            the test tiles, for the points that the claim is about.
        arms: Arms that the claim is about.
        best: The best supervised arm.

    Returns:
        Arm -> use -> difference, its interval, the verdict, the reference and the score
        by chance.
    """
    claims: Claims = {}
    for point, by_chance in chance.items():
        arm, use, _ = point
        if arm not in arms:
            continue
        found = best.compare(samples[point])
        gain = interval(samples[point] - by_chance, best.confidence)
        low, high = difference_ends(found)
        claims.setdefault(arm, {})[use] = {
            "difference": _rounded(found.value),
            "low": _rounded(low),
            "high": _rounded(high),
            "verdict": verdict(found, gain),
            "reference": best.arm,
            "chance": _rounded(by_chance.values.mean()),
        }
    return claims


def verdict(difference: Interval, above_chance: Interval) -> str:
    """What the data say about the claim that an arm is at least as good as another.

    An arm that is not surely better than chance has learnt nothing, and the claim does
    not hold even where the other has learnt nothing either.

    Args:
        difference: How much better it is than the other.
        above_chance: How much better it is than chance.

    Returns:
        ``HOLDS`` where the whole interval is at or above 0, ``FAILS`` where it is below
        0 or the arm may be at chance, else ``UNDECIDED``, as on a single test place.
    """
    if np.isneginf(difference.low):
        return UNDECIDED
    if above_chance.low <= 0 or difference.high < 0:
        return FAILS
    return HOLDS if difference.low >= 0 else UNDECIDED


def _rounded(value: object) -> float:
    return round(float(value), _DIGITS)  # type: ignore[arg-type]
