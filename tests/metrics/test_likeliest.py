import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sentinel_fusion.metrics.likeliest import likeliest

FEW_VALUES = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 9), st.integers(1, 8)),
    elements=st.integers(0, 4),
)


@given(FEW_VALUES)
def test_the_first_of_the_largest_is_found(probability: np.ndarray) -> None:
    found, largest = likeliest(probability)
    assert found.tolist() == probability.argmax(axis=-1).tolist()
    assert largest.tolist() == probability.max(axis=-1).tolist()


def test_items_keep_their_shape() -> None:
    probability = np.random.default_rng(0).random((2, 3, 5), dtype=np.float32)
    found, largest = likeliest(probability)
    assert np.array_equal(found, probability.argmax(axis=-1))
    assert np.array_equal(largest, probability.max(axis=-1))
