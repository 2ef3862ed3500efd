import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_fusion.bands import (
    S1_NAN,
    S1_UNITS_PER_DB,
    band_indices,
    encode_s1,
    encode_s2,
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 60), min_size=1, max_size=20))
def test_stored_backscatter_is_within_half_a_hundredth_of_a_db(
    decibels: list[float],
) -> None:
    stored = encode_s1(np.array(decibels))
    assert stored.dtype == np.int16
    np.testing.assert_allclose(stored / S1_UNITS_PER_DB, decibels, atol=0.005 + 1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_backscatter_that_is_no_number_is_stored_as_missing(value: float) -> None:
    assert encode_s1(np.array([value, -10.0])).tolist() == [-32768, -1000]


@pytest.mark.parametrize(("decibels", "stored"), [(-5000.0, -32767), (5000.0, 32767)])
def test_extreme_backscatter_is_cut_and_not_taken_for_missing(
    decibels: float, stored: int
) -> None:
    assert encode_s1(np.array([decibels])).tolist() == [stored]
    assert stored != S1_NAN


def test_backscatter_keeps_its_shape() -> None:
    assert encode_s1(np.zeros((3, 4, 2), np.float32)).shape == (3, 4, 2)


def test_reflectance_above_uint16_is_cut() -> None:
    stored = encode_s2(np.array([0, 65535, 65536, 10**9]))
    assert stored.dtype == np.uint16
    assert stored.tolist() == [0, 65535, 65535, 65535]


def test_negative_reflectance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be >= 0, got -3; give .* nodata"):
        encode_s2(np.array([1, -3, 2], np.int16))


def test_no_reflectance_at_all_is_stored_as_nothing() -> None:
    assert encode_s2(np.empty((0, 13), np.int32)).shape == (0, 13)


@pytest.mark.parametrize(
    ("sensor", "names", "indices"),
    [
        ("s1", ("VH", "VV"), [1, 0]),
        ("s2", ("B01", "B08", "B8A", "B10", "B12"), [0, 7, 8, 10, 12]),
        ("s2", (), []),
    ],
)
def test_bands_are_found_by_name_in_the_order_asked(
    sensor: str, names: tuple[str, ...], indices: list[int]
) -> None:
    assert band_indices(sensor, names) == indices


def test_unknown_sensor_is_refused() -> None:
    with pytest.raises(ValueError, match="sensor must be one of s1, s2, got 's3'"):
        band_indices("s3", ("VV",))


def test_unknown_band_is_refused_with_the_bands_there_are() -> None:
    with pytest.raises(ValueError, match="s1 bands must be among VV, VH, got B04, HH"):
        band_indices("s1", ("VV", "B04", "HH"))
