import pytest

from sentinel_fusion.metrics.label_efficiency import labels_needed

FRACS = [0.01, 0.1, 1.0]


def test_a_measured_fraction_is_returned_as_it_is() -> None:
    assert labels_needed(FRACS, [0.2, 0.5, 0.8], 0.5) == pytest.approx(0.1)


def test_between_fractions_the_score_is_linear_in_the_logarithm() -> None:
    needed = labels_needed(FRACS, [0.2, 0.4, 0.8], 0.6)
    assert needed == pytest.approx(10**-0.5)


def test_a_reference_out_of_reach_gives_none() -> None:
    assert labels_needed(FRACS, [0.2, 0.4, 0.8], 0.81) is None


def test_nothing_is_extrapolated_below_the_smallest_fraction() -> None:
    assert labels_needed(FRACS, [0.5, 0.6, 0.7], 0.1) == 0.01


def test_the_first_crossing_counts() -> None:
    assert labels_needed(FRACS, [0.2, 0.6, 0.4], 0.6) == pytest.approx(0.1)


@pytest.mark.parametrize("fracs", [[0.1, 0.1, 1.0], [1.0, 0.1, 0.01], [0.1, 1.0]])
def test_unordered_or_unpaired_fractions_are_refused(fracs: list[float]) -> None:
    with pytest.raises(ValueError, match="must ascend with one score each"):
        labels_needed(fracs, [0.2, 0.4, 0.8], 0.5)
