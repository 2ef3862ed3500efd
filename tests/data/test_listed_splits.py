import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.data.listed_splits import split_by_lists
from sentinel_fusion.data.patch_lists import PatchListError

Lists = dict[str, frozenset[str]]


def _index() -> pd.DataFrame:
    """Two tiles of each of ten patches, two patches a place; a group more."""
    patch = np.repeat(np.arange(10), 2)
    index = pd.DataFrame(
        {
            "source_file": [f"raw/ROIs0000_test_s1_0_p{n}.tif" for n in patch],
            "place_id": [f"b{n // 2}" for n in patch],
            "group": "test",
            "majority": patch % 2,
        }
    )
    other = index.iloc[:4].assign(
        source_file="raw/ROIs0000_validation_s1_0_p0.tif", group="validation"
    )
    return pd.concat([index, other], ignore_index=True)


def _lists(**patches: list[int]) -> Lists:
    return {
        name: frozenset(f"ROIs0000_test/0/p{number}" for number in numbers)
        for name, numbers in patches.items()
    }


def _split(lists: Lists) -> list[str]:
    rng = np.random.default_rng(0)
    return split_by_lists(_index(), lists, val_frac=0.5, rng=rng).tolist()


def test_lists_of_all_three_splits_are_followed() -> None:
    split = _split(_lists(train=[0, 1], val=[2], test=[7, 9]))
    expected = ["train"] * 4 + ["val"] * 2 + [""] * 8 + ["test"] * 2 + [""] * 2
    assert split == [*expected, *["test"] * 2, *[""] * 4]


def test_what_is_not_listed_trains_where_no_list_says_what_does() -> None:
    split = _split(_lists(val=[2], test=[7, 9]))
    assert split.count("train") == 2 * 7
    assert split[-4:] == [""] * 4


def test_validation_places_are_drawn_from_the_training_ones() -> None:
    split = _split(_lists(train=[0, 1, 2, 3], test=[7]))
    assert sorted([split[0:4], split[4:8]]) == [["train"] * 4, ["val"] * 4]
    assert set(split[8:14]) == {""}


def test_lists_without_a_tile_to_test_on_are_refused() -> None:
    with pytest.raises(PatchListError, match="1 lines name what to test on, but no ti"):
        _split(_lists(test=[99]))


def test_lists_of_two_groups_are_refused() -> None:
    lists = _lists(test=[1]) | {"val": frozenset({"ROIs0000_validation/0"})}
    with pytest.raises(PatchListError, match="of one group, got test, validation; for"):
        _split(lists)


def test_lists_that_leave_nothing_to_train_on_are_refused() -> None:
    with pytest.raises(PatchListError, match="leave no tile to train on"):
        _split(_lists(train=[99], test=[1]))
