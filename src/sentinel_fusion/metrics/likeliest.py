"""The likeliest class of many items, a class at a time."""

import numpy as np
from jaxtyping import Real, UInt8


def likeliest(
    probability: Real[np.ndarray, "*items classes"],
) -> tuple[UInt8[np.ndarray, "*items"], Real[np.ndarray, "*items"]]:
    """Class of the largest probability, and that probability.

    As ``argmax`` and ``max`` over the last axis, the first of equals; with few classes
    and many items some ten times as fast, since whole planes are compared.

    Args:
        probability: Probabilities in any unit.

    Returns:
        Classes 0.., and their probabilities as they came.
    """
    planes = np.ascontiguousarray(np.moveaxis(probability, -1, 0))
    largest = planes[0].copy()
    found = np.zeros(largest.shape, np.uint8)
    for code, plane in enumerate(planes[1:], start=1):
        is_larger = (plane > largest).view(np.uint8)
        np.maximum(found, is_larger * np.uint8(code), out=found)  # codes ascend
        np.maximum(largest, plane, out=largest)
    return found, largest
