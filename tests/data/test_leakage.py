from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from sentinel_fusion.data.leakage import (
    TileSet,
    drop_shared_ground,
    find_leaks,
    find_watched_leaks,
    summarise,
)

NUM_TILES = 6


def _boxes(west: list[float], edge: float) -> np.ndarray:
    return np.array([shapely.box(x, 50, x + edge, 50 + edge) for x in west], object)


def _set(name: str, number: int) -> TileSet:
    """Tiles of two places, of ground and content of their own."""
    tiles = range(NUM_TILES)
    return TileSet(
        name=f"{name} tiles",
        tile_ids=np.array([f"{name}-{tile}" for tile in tiles], object),
        place_ids=np.array([f"{name}-place-{tile % 2}" for tile in tiles], object),
        footprints=_boxes([0.01 * tile + number for tile in tiles], 0.005),
        contents=np.array([f"{name}{tile}".encode() for tile in tiles]),
    )


TRAIN, TEST = _set("train", 0), _set("test", 1)


def _planted(column: str, source: int, target: int) -> TileSet:
    """Test tiles of which one has a value of a training tile."""
    values = getattr(TEST, column).astype(object)
    values[target] = getattr(TRAIN, column)[source]
    if column == "contents":
        values = values.astype("S")
    return replace(TEST, **{column: values})


TWIN = _planted("contents", 0, 4)


def test_sets_that_share_nothing_have_no_leak() -> None:
    assert find_leaks(TRAIN, TEST, same_names=True) == []


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("place_ids", "lie in a place of"),
        ("footprints", "lie on ground of"),
        ("contents", "have the pixels of"),
    ],
)
def test_a_planted_leak_is_found_with_both_tiles(column: str, words: str) -> None:
    (leak,) = find_leaks(TRAIN, _planted(column, 0, 4), same_names=True)
    assert str(leak) == f"1 test tiles {words} train tiles: test-4 (as train-0)"


def test_place_ids_of_other_data_are_not_compared() -> None:
    assert find_leaks(TRAIN, _planted("place_ids", 0, 4), same_names=False) == []


def test_the_first_tiles_are_named_and_the_others_counted() -> None:
    same = replace(TEST, contents=TRAIN.contents)
    (leak,) = find_leaks(TRAIN, same, same_names=True)
    assert str(leak).startswith("6 test tiles")
    assert str(leak).endswith("test-2 (as train-2) and 3 more")


def test_places_and_contents_are_compared_where_there_is_no_footprint() -> None:
    unknown = np.full(NUM_TILES, None)
    train = replace(TRAIN, footprints=unknown)
    test = replace(_planted("contents", 3, 5), footprints=unknown)
    assert [leak.kind for leak in find_leaks(train, test, same_names=True)] == [
        "duplicate"
    ]


def test_watched_tiles_on_training_ground_are_found() -> None:
    on_one_ground = replace(TRAIN, footprints=TRAIN.footprints[[0, 0, 2, 3, 4, 5]])
    clean, planted = (
        find_watched_leaks(tiles, {"arm": 0.5}, 0) for tiles in (TRAIN, on_one_ground)
    )
    assert clean == {"watched_arm": []}
    assert [leak.kind for leak in planted["watched_arm"]] == ["footprint"]


def test_one_place_that_is_watched_while_it_trains_is_no_leak() -> None:
    one_place = TRAIN.take(np.array([0, 2, 4]), "tiles of one place")
    assert find_watched_leaks(one_place, {"arm": 0.5}, 0) == {}


def test_the_numbers_name_what_was_checked_and_what_leaks() -> None:
    leaks = {"train_test": find_leaks(TRAIN, TWIN, same_names=True)}
    half = replace(TEST, footprints=np.append(TEST.footprints[:3], [None] * 3))
    assert summarise({"test": half}, leaks) == {
        "checked": {"test": {"tiles": 6, "georeferenced": 3}},
        "shared": {"train_test": {"place": 0, "footprint": 0, "duplicate": 1}},
    }


BOXES = _boxes([0, 1, 1.002, 2, 2.002, 3], 0.01)
SPLIT = pd.Series(["train", "train", "val", "val", "test", "test"], index=range(10, 16))


def test_tiles_on_shared_ground_go_from_the_split_that_knows_more() -> None:
    kept = drop_shared_ground(
        pd.concat([SPLIT, pd.Series(["val", ""], index=[16, 17])]),
        np.append(BOXES, [shapely.box(5, 50, 5.01, 50.01)] * 2),
    )
    assert kept.tolist() == ["train", "", "val", "", "test", "test", "val", ""]
    assert kept.index.tolist() == list(range(10, 18))


def test_a_split_that_would_lose_all_its_tiles_is_refused() -> None:
    with pytest.raises(ValueError, match="all 2 train tiles lie on ground of test"):
        drop_shared_ground(SPLIT, BOXES[[4, 5, 2, 3, 4, 5]])
