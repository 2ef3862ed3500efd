from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_fusion.data import splits
from sentinel_fusion.data.splits import (
    hold_out_places,
    label_order,
    order_table,
    split_places,
    subset_size,
)

GROUPS = ("validation", "test")
CLASSES = st.lists(st.integers(0, 7), min_size=1, max_size=200).map(np.array)
SEEDS = st.integers(0, 1000)


@pytest.fixture(autouse=True, scope="module")
def _few_candidates() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "_CANDIDATES", 5)
        yield


def _index(places: list[int], classes: list[int]) -> pd.DataFrame:
    """Even places are of the group validation, odd ones of the group test."""
    return pd.DataFrame(
        {
            "place_id": [f"place-{place}" for place in places],
            "group": [GROUPS[place % 2] for place in places],
            "majority": classes,
        },
        index=range(100, 100 + len(places)),
    )


@st.composite
def _indices(draw: st.DrawFn) -> pd.DataFrame:
    places = list(range(8)) + draw(st.lists(st.integers(0, 20), max_size=40))
    size = len(places)
    classes = draw(st.lists(st.integers(0, 7), min_size=size, max_size=size))
    return _index(places, classes)


EIGHT_PLACES = _index([0, 1, 2, 3, 4, 5, 6, 7] * 2, [0, 1, 2, 3] * 4)


def _split(index: pd.DataFrame, protocol: str, seed: int = 0) -> pd.Series:
    rng = np.random.default_rng(seed)
    return split_places(index, protocol=protocol, val_frac=0.3, test_frac=0.3, rng=rng)


@pytest.mark.parametrize("protocol", ["A", "B", "C", "places"])
@settings(max_examples=25, deadline=None)
@given(index=_indices(), seed=SEEDS)
def test_no_place_is_in_two_splits(
    protocol: str, index: pd.DataFrame, seed: int
) -> None:
    split = _split(index, protocol, seed)
    assert (split.groupby(index["place_id"]).nunique() == 1).all()


@pytest.mark.parametrize("protocol", ["A", "B", "places"])
@settings(max_examples=25, deadline=None)
@given(index=_indices(), seed=SEEDS)
def test_every_tile_is_assigned_and_no_split_is_empty(
    protocol: str, index: pd.DataFrame, seed: int
) -> None:
    split = _split(index, protocol, seed)
    assert set(split) == {"train", "val", "test"}
    assert split.index.equals(index.index)


@settings(max_examples=25, deadline=None)
@given(index=_indices(), seed=SEEDS)
def test_same_seed_gives_the_same_split(index: pd.DataFrame, seed: int) -> None:
    pd.testing.assert_series_equal(
        _split(index, "places", seed), _split(index, "places", seed)
    )


def test_different_seeds_give_different_splits() -> None:
    assert len({tuple(_split(EIGHT_PLACES, "B", seed)) for seed in range(20)}) > 1


@pytest.mark.parametrize(("protocol", "tested"), [("A", "test"), ("B", "validation")])
def test_protocol_fixes_the_group_to_test_on(protocol: str, tested: str) -> None:
    split = _split(EIGHT_PLACES, protocol)
    assert set(EIGHT_PLACES.loc[split == "test", "group"]) == {tested}
    assert set(EIGHT_PLACES.loc[split != "test", "group"]) == set(GROUPS) - {tested}


def test_protocol_c_stays_inside_the_larger_group() -> None:
    split = _split(EIGHT_PLACES, "C")
    assert set(EIGHT_PLACES.loc[split != "", "group"]) == {"test"}
    assert set(EIGHT_PLACES.loc[split == "", "group"]) == {"validation"}
    assert set(split) == {"train", "val", "test", ""}


def test_protocol_c_has_the_sizes_of_copernicus_bench() -> None:
    places = 2 * np.arange(5128) + 1
    split = _split(_index(places.tolist(), (places % 8).tolist()), "C")
    assert split.value_counts().to_dict() == {"train": 3156, "val": 986, "test": 986}


def test_protocol_holdout_tests_on_what_is_held_out() -> None:
    names = {"validation": "train", "test": "test"}
    index = EIGHT_PLACES.assign(group=EIGHT_PLACES["group"].map(names))
    split = _split(index, "holdout")
    assert set(index.loc[split == "test", "group"]) == {"test"}
    assert set(index.loc[split != "test", "group"]) == {"train"}


def test_tiles_of_other_groups_are_left_out() -> None:
    other = EIGHT_PLACES.assign(group="folder", place_id="elsewhere").iloc[:2]
    index = pd.concat([EIGHT_PLACES, other], ignore_index=True)
    split = _split(index, "A")
    assert split.iloc[-2:].tolist() == ["", ""]
    assert not (split.iloc[:-2] == "").any()


@pytest.mark.parametrize(("val_frac", "places"), [(0.01, 1), (0.5, 2), (0.99, 3)])
def test_share_of_the_training_places_is_held_out(val_frac: float, places: int) -> None:
    rng = np.random.default_rng(0)
    split = split_places(
        EIGHT_PLACES, protocol="A", val_frac=val_frac, test_frac=0.5, rng=rng
    )
    assert EIGHT_PLACES.loc[split == "val", "place_id"].nunique() == places


def test_draw_resembles_the_classes_it_is_drawn_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splits, "_CANDIDATES", 100)
    index = _index([0, 2, 4, 6, 1, 3], [0, 0, 1, 1, 0, 1])
    rng = np.random.default_rng(0)
    split = split_places(index, protocol="A", val_frac=0.5, test_frac=0.5, rng=rng)
    assert sorted(index.loc[split == "val", "majority"]) == [0, 1]


def test_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="one of A, B, C, holdout, places, got 'D'"):
        _split(EIGHT_PLACES, "D")


@pytest.mark.parametrize(("protocol", "group"), [("A", "test"), ("B", "test")])
def test_protocol_without_one_of_its_groups_is_refused(
    protocol: str, group: str
) -> None:
    index = EIGHT_PLACES[EIGHT_PLACES["group"] != group]
    with pytest.raises(ValueError, match=f"of group '{group}', got only validation;"):
        _split(index, protocol)


def test_single_training_place_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a val split needs at least 2 places .* 1;"):
        _split(_index([0, 0, 1, 3], [0, 1, 0, 1]), "A")


@pytest.mark.parametrize(("places", "name"), [(1, "test"), (2, "val")])
def test_too_few_places_to_split_are_refused(places: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"a {name} split needs at least 2 places"):
        _split(_index(list(range(places)), [0] * places), "places")


def _order(classes: np.ndarray, seed: int) -> np.ndarray:
    return label_order(classes, np.random.default_rng(seed))


@settings(max_examples=50, deadline=None)
@given(classes=CLASSES, seed=SEEDS)
def test_label_order_holds_every_tile_once(classes: np.ndarray, seed: int) -> None:
    assert sorted(_order(classes, seed)) == list(range(len(classes)))


@settings(max_examples=50, deadline=None)
@given(classes=CLASSES, seed=SEEDS)
def test_first_tiles_are_one_a_class(classes: np.ndarray, seed: int) -> None:
    names = np.unique(classes)
    head = classes[_order(classes, seed)][: len(names)]
    assert sorted(head) == names.tolist()


@settings(max_examples=50, deadline=None)
@given(classes=CLASSES, seed=SEEDS)
def test_commonest_class_comes_first(classes: np.ndarray, seed: int) -> None:
    head = classes[_order(classes, seed)][: len(np.unique(classes))]
    sizes = [int((classes == name).sum()) for name in head]
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=50, deadline=None)
@given(classes=CLASSES, seed=SEEDS)
def test_every_prefix_has_each_class_in_proportion(
    classes: np.ndarray, seed: int
) -> None:
    names = np.unique(classes)
    grown = np.cumsum(classes[_order(classes, seed)][:, None] == names, axis=0)
    prefix = np.arange(1, len(classes) + 1)[:, None]
    fair = prefix * grown[-1] / len(classes)
    assert np.abs(grown - fair).max() <= len(names) + 1


def test_label_order_differs_between_seeds_and_not_within() -> None:
    classes = np.arange(40) % 4
    assert _order(classes, 1).tolist() == _order(classes, 1).tolist()
    assert _order(classes, 1).tolist() != _order(classes, 2).tolist()


TRAIN = pd.DataFrame({"row": np.arange(500, 540), "majority": np.arange(40) % 4})


def test_order_table_holds_every_row_once_a_seed() -> None:
    table = order_table(TRAIN, [3, 5])
    assert table.columns.tolist() == ["seed", "rank", "row", "label_row"]
    assert table["seed"].tolist() == [3] * 40 + [5] * 40
    assert table["rank"].tolist() == list(range(40)) * 2
    assert all(
        sorted(t["row"]) == TRAIN["row"].tolist() for _, t in table.groupby("seed")
    )


def test_given_labels_are_the_tiles_own() -> None:
    table = order_table(TRAIN, [3, 5], "given")
    assert table["label_row"].tolist() == table["row"].tolist()


PERMUTED = order_table(TRAIN, [3, 5], "permuted")


def test_permuted_labels_are_those_of_the_training_tiles_each_once() -> None:
    for _, table in PERMUTED.groupby("seed"):
        assert sorted(table["label_row"]) == TRAIN["row"].tolist()
        assert (table["label_row"] != table["row"]).mean() > 0.8


def test_permuted_labels_differ_between_seeds_and_come_back() -> None:
    first, second = (
        t.set_index("row")["label_row"] for _, t in PERMUTED.groupby("seed")
    )
    assert (first.sort_index() != second.sort_index()).mean() > 0.8
    assert order_table(TRAIN, [3, 5], "permuted").equals(PERMUTED)


def test_subsets_are_stratified_by_the_labels_that_are_trained_with() -> None:
    classes = TRAIN.set_index("row")["majority"]
    for _, table in PERMUTED.groupby("seed"):
        assert sorted(classes[table["label_row"][:4]]) == [0, 1, 2, 3]


def test_subsets_differ_between_seeds() -> None:
    first = order_table(TRAIN, [3, 5]).query("rank < 10").groupby("seed")["row"]
    assert len({frozenset(rows) for _, rows in first}) == 2


def test_order_of_a_seed_does_not_depend_on_the_other_seeds() -> None:
    alone = order_table(TRAIN, [5])
    among = order_table(TRAIN, [3, 5, 7]).query("seed == 5")
    assert alone["row"].tolist() == among["row"].tolist()


@settings(max_examples=25, deadline=None)
@given(
    num_tiles=st.integers(1, 40),
    fracs=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
)
def test_smaller_subset_lies_within_the_larger(
    num_tiles: int, fracs: list[float]
) -> None:
    rows = order_table(TRAIN.iloc[:num_tiles], [0])["row"]
    small, large = (set(rows[: subset_size(frac, num_tiles)]) for frac in fracs)
    assert small <= large


@pytest.mark.parametrize(
    ("label_frac", "num_tiles", "expected"),
    [(1.0, 123, 123), (0.1, 100, 10), (0.01, 986, 10), (0.01, 20, 1), (0.5, 7, 4)],
)
def test_subset_size_is_the_rounded_share_and_at_least_1(
    label_frac: float, num_tiles: int, expected: int
) -> None:
    assert subset_size(label_frac, num_tiles) == expected


@settings(max_examples=50, deadline=None)
@given(
    places=st.lists(st.integers(0, 9), min_size=1, max_size=60).map(np.array),
    share=st.floats(0.01, 0.99),
    seed=SEEDS,
)
def test_held_out_places_are_whole_and_leave_some(
    places: np.ndarray, share: float, seed: int
) -> None:
    held = hold_out_places(places, share, np.random.default_rng(seed))
    out, kept = set(places[held].tolist()), set(places[~held].tolist())
    assert not out & kept
    assert kept
    assert bool(out) == (len(out | kept) > 1)


def test_single_place_is_not_held_out() -> None:
    places = np.array(["a", "a"])
    assert not hold_out_places(places, 0.5, np.random.default_rng(0)).any()


@pytest.mark.parametrize(("share", "expected"), [(0.1, 1), (0.25, 2), (0.5, 5)])
def test_share_of_the_places_is_held_out(share: float, expected: int) -> None:
    places = np.repeat(np.arange(10), 3)
    held = hold_out_places(places, share, np.random.default_rng(0))
    assert len(np.unique(places[held])) == expected
