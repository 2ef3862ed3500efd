from pathlib import Path

import numpy as np
import pandas as pd

from sentinel_fusion.train.cell import CellResult
from sentinel_fusion.train.cell_files import SPLIT_FILES, read_splits, write_result


def test_splits_come_back_by_name_and_seed(tmp_path: Path) -> None:
    split = pd.DataFrame({"split": ["test", "train", "", "val", "train"]})
    orders = pd.DataFrame(
        {"seed": [0, 0, 1, 1], "rank": [0, 1, 0, 1], "row": [4, 1, 1, 4]}
    )
    for table, name in zip((split, orders), SPLIT_FILES, strict=True):
        table.to_parquet(tmp_path / name)
    rows, by_seed = read_splits(tmp_path, (1,))
    assert {n: r.tolist() for n, r in rows.items()} == {
        "train": [1, 4],
        "val": [3],
        "test": [0],
    }
    assert {seed: order.tolist() for seed, order in by_seed.items()} == {1: [1, 4]}


def test_predictions_are_joined_to_their_tiles_by_row(tmp_path: Path) -> None:
    predictions = pd.DataFrame({"row": np.array([2, 0]), "p0": [0.2, 0.0]})
    index = pd.DataFrame({"tile_id": ["a", "b", "c"], "majority": [5, 6, 7]})
    result = CellResult(predictions, pd.DataFrame({"step": [1]}), {"labels": 1})
    write_result(result, index, tmp_path / "cell")
    table = pd.read_parquet(tmp_path / "cell" / "predictions.parquet")
    assert table["tile_id"].tolist() == ["c", "a"]
    assert table["majority"].tolist() == [7, 5]
