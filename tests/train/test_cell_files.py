from pathlib import Path

import numpy as np
import pandas as pd

from sentinel_fusion.data.predictions import read_predictions
from sentinel_fusion.train.cell import CellPart
from sentinel_fusion.train.cell_files import SPLIT_FILES, read_splits, write_results

INDEX = pd.DataFrame({"tile_id": ["a", "b", "c"], "place_id": ["x", "y", "z"]})


def _part(use: str, seed: int, rows: list[int], num_curves: int = 1) -> CellPart:
    predictions = pd.DataFrame(
        {"use": use, "seed": seed, "split": "test", "row": np.array(rows)}
    )
    return CellPart(predictions, [pd.DataFrame({"seed": [seed]})] * num_curves)


PARTS = [
    _part("finetuned", 0, [2]),
    _part("finetuned", 0, [0], num_curves=0),
    _part("frozen", 1, [1, 2]),
]


def test_splits_come_back_by_name_and_seed(tmp_path: Path) -> None:
    split = pd.DataFrame({"split": ["test", "train", "", "val", "train"]})
    orders = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "rank": [0, 1, 0, 1],
            "row": [4, 1, 1, 4],
            "label_row": [4, 1, 4, 1],
        }
    )
    for table, name in zip((split, orders), SPLIT_FILES, strict=True):
        table.to_parquet(tmp_path / name)
    rows, by_seed, label_rows = read_splits(tmp_path, (1,))
    assert {n: r.tolist() for n, r in rows.items()} == {
        "train": [1, 4],
        "val": [3],
        "test": [0],
    }
    assert {seed: order.tolist() for seed, order in by_seed.items()} == {1: [1, 4]}
    assert {seed: order.tolist() for seed, order in label_rows.items()} == {1: [4, 1]}


def test_predictions_are_joined_to_their_tiles_by_row(tmp_path: Path) -> None:
    write_results(PARTS, INDEX, tmp_path)
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert table["tile_id"].tolist() == ["c", "a", "b", "c"]
    assert table["place_id"].tolist() == ["z", "x", "y", "z"]


def test_parts_of_a_use_and_seed_are_read_back_as_one(tmp_path: Path) -> None:
    write_results(iter(PARTS), INDEX, tmp_path)
    found = [(use, seed) for use, seed, _ in read_predictions(tmp_path)]
    assert found == [("finetuned", 0), ("frozen", 1)]


def test_curves_of_all_seeds_lie_in_one_file(tmp_path: Path) -> None:
    write_results(PARTS, INDEX, tmp_path)
    assert pd.read_csv(tmp_path / "curves.csv")["seed"].tolist() == [0, 1]


def test_what_an_earlier_run_left_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    write_results(PARTS, INDEX, tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"predictions.parquet", "curves.csv"}
