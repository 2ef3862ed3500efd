import numpy as np
import pytest
import torch
from tests.builders import write_labelled_store

from sentinel_fusion.data.augment import build_augment
from sentinel_fusion.data.loader import TileStore
from sentinel_fusion.train.one_rank import OneRank
from sentinel_fusion.train.pretrain_data import PretrainData, open_data


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TileStore:
    """Three places of 16 tiles."""
    return TileStore(write_labelled_store(tmp_path_factory.mktemp("store")))


def _open(store: TileStore, rows: np.ndarray) -> tuple[PretrainData, str]:
    return open_data(
        store,
        ("s1",),
        rows,
        OneRank(torch.device("cpu")),
        build_augment("none", None),
        val_frac=0.4,
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
