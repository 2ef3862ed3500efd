import logging

import numpy as np
import pytest
import torch
from tests.builders import write_labelled_store

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain_data import PretrainData, choose_rows, open_data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Three places of 16 tiles."""
    return TileStore(write_labelled_store(tmp_path_factory.mktemp("store")))


def _open(
    store: TileStore, rows: np.ndarray, watched_tiles: int = 48
) -> tuple[PretrainData, str]:
    return open_data(
        store,
        ("s1",),
        rows,
        OneRank(torch.device("cpu")),
        build_augment("none", None),
        val_frac=0.4,
        watched_tiles=watched_tiles,
        seed=0,
    )


def _used(data: PretrainData) -> list[int]:
    return sorted([*data.train_rows.tolist(), *data.val_rows.tolist()])


def test_tiles_train_or_are_watched_by_place(store: TileStore) -> None:
    data, watched = _open(store, np.arange(48))
    assert (_used(data), watched) == ([*range(48)], "val")
    assert len(set(data.val_rows // 16)) == 1


def test_tiles_that_take_no_part_neither_train_nor_are_watched(
    store: TileStore,
) -> None:
    rows = np.array([*range(3, 16), *range(32, 48)])
    data, watched = _open(store, rows)
    assert (_used(data), watched) == (rows.tolist(), "val")
    assert len(data.tile_ids) == 48


def test_of_one_place_left_the_training_tiles_are_watched(store: TileStore) -> None:
    data, watched = _open(store, np.arange(16, 32))
    assert watched == "train"
    assert data.val_rows.tolist() == data.train_rows.tolist() == [*range(16, 32)]


def test_tiles_beyond_the_most_are_not_watched(store: TileStore) -> None:
    every, _ = _open(store, np.arange(48))
    some, watched = _open(store, np.arange(48), watched_tiles=5)
    assert (len(some.val_rows), watched) == (5, "val")
    assert set(some.val_rows) < set(every.val_rows)
    assert np.all(np.diff(some.val_rows) > 0)


def test_tiles_that_are_left_out_of_watching_are_not_trained_on(
    store: TileStore,
) -> None:
    every, _ = _open(store, np.arange(48))
    some, _ = _open(store, np.arange(48), watched_tiles=5)
    assert np.array_equal(some.train_rows, every.train_rows)


def test_a_most_that_is_just_reached_draws_nothing(store: TileStore) -> None:
    every, _ = _open(store, np.arange(48))
    all_of_them, _ = _open(store, np.arange(48), watched_tiles=16)
    assert np.array_equal(all_of_them.val_rows, every.val_rows)


def test_of_one_place_left_some_training_tiles_are_watched(store: TileStore) -> None:
    data, _ = _open(store, np.arange(16, 32), watched_tiles=5)
    assert data.train_rows.tolist() == [*range(16, 32)]
    assert len(set(data.val_rows) & set(range(16, 32))) == 5


def _drawn(store: TileStore, seed: int) -> list[int]:
    rows = np.arange(16, 32)  # one place, so that the seed draws tiles alone
    _, val, _ = choose_rows(store, rows, val_frac=0.4, watched_tiles=5, seed=seed)
    return [int(row) for row in val]


def test_the_seed_draws_what_is_watched(store: TileStore) -> None:
    assert _drawn(store, 0) == _drawn(store, 0) != _drawn(store, 1)


def test_diagnostics_choose_the_tiles_that_were_watched(store: TileStore) -> None:
    assert _drawn(store, 0) == _open(store, np.arange(16, 32), 5)[0].val_rows.tolist()


def test_tiles_left_out_of_watching_are_counted(
    store: TileStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        _open(store, np.arange(48), watched_tiles=5)
    assert caplog.messages == [
        "5 of 16 tiles are watched, drawn by chance; the other 11 are left out"
    ]
