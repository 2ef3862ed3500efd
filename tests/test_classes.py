import numpy as np
import pytest

from sentinel_fusion.classes import (
    CLASS_COLOURS,
    CLASS_NAMES,
    CLASS_TO_DFC,
    ESRI_TO_CLASS,
    IGBP_TO_DFC,
    IGNORE_INDEX,
    NUM_CLASSES,
    WORLDCOVER_TO_CLASS,
    to_classes,
)

DFC_CODES = {1: 0, 2: 1, 4: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7}
IGBP_CODES = [0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 6, 8, 9, 10]

WORLDCOVER_CODES = {
    10: "forest",
    20: "shrubland",
    30: "grassland",
    40: "cropland",
    50: "urban",
    60: "barren",
    80: "water",
    90: "wetland",
    95: "wetland",
}
ESRI_CODES = {
    1: "water",
    2: "forest",
    3: "grassland",
    4: "wetland",
    5: "cropland",
    6: "shrubland",
    7: "urban",
    8: "barren",
    11: "grassland",
}


@pytest.mark.parametrize(("code", "expected"), DFC_CODES.items())
def test_scored_dfc_code_becomes_its_class(code: int, expected: int) -> None:
    assert to_classes(np.array([code], np.uint8), "dfc").tolist() == [expected]


def test_every_other_dfc_code_is_ignored() -> None:
    others = np.array([c for c in range(256) if c not in DFC_CODES], np.uint8)
    assert {0, 3, 8} <= set(others.tolist())
    assert (to_classes(others, "dfc") == IGNORE_INDEX).all()


def test_classes_lead_back_to_their_dfc_codes() -> None:
    classes = np.arange(NUM_CLASSES)
    assert to_classes(CLASS_TO_DFC, "dfc").tolist() == classes.tolist()


def test_igbp_codes_become_the_simplified_scheme() -> None:
    assert IGBP_TO_DFC[:18].tolist() == IGBP_CODES


def test_igbp_codes_above_17_become_0() -> None:
    assert not IGBP_TO_DFC[18:].any()


def test_igbp_labels_go_through_the_simplified_scheme_to_the_classes() -> None:
    codes = np.arange(18, dtype=np.uint8)
    expected = [DFC_CODES.get(code, IGNORE_INDEX) for code in IGBP_CODES]
    assert to_classes(codes, "igbp").tolist() == expected


@pytest.mark.parametrize(("code", "name"), WORLDCOVER_CODES.items())
def test_worldcover_code_becomes_its_class(code: int, name: str) -> None:
    (found,) = to_classes(np.array([code], np.uint8), "worldcover")
    assert CLASS_NAMES[found] == name


@pytest.mark.parametrize(("code", "name"), ESRI_CODES.items())
def test_esri_code_becomes_its_class(code: int, name: str) -> None:
    (found,) = to_classes(np.array([code], np.uint8), "esri")
    assert CLASS_NAMES[found] == name


@pytest.mark.parametrize(
    ("table", "codes"),
    [(WORLDCOVER_TO_CLASS, WORLDCOVER_CODES), (ESRI_TO_CLASS, ESRI_CODES)],
    ids=["worldcover", "esri"],
)
def test_snow_clouds_lichen_and_no_data_are_ignored(
    table: np.ndarray, codes: dict[int, str]
) -> None:
    others = [code for code in range(256) if code not in codes]
    assert (table[others] == IGNORE_INDEX).all()


def test_classes_keep_shape_and_type_of_the_codes() -> None:
    classes = to_classes(np.ones((3, 5), np.uint8), "dfc")
    assert classes.shape == (3, 5)
    assert classes.dtype == np.uint8


def test_unknown_scheme_is_refused() -> None:
    with pytest.raises(
        ValueError, match="one of dfc, igbp, worldcover, esri, got 'corine'"
    ):
        to_classes(np.zeros(1, np.uint8), "corine")


def test_class_names_and_colours_differ() -> None:
    assert len(set(CLASS_NAMES)) == len(set(CLASS_COLOURS)) == NUM_CLASSES == 8
