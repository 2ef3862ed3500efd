"""A cell on disk: the label splits it starts from and the results it leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Integer

from sentinel_fusion.folders import make_empty
from sentinel_fusion.train.cell import CellResult

SPLIT_FILES = ("tiles.parquet", "label_order.parquet")
"""What the split stage writes: split of every tile, label order of every seed."""


def read_splits(
    folder: Path, seeds: tuple[int, ...]
) -> tuple[
    dict[str, Integer[np.ndarray, " tiles"]],
    dict[int, Integer[np.ndarray, " train"]],
]:
    """Tiles by split, and the label orders.

    Args:
        folder: Folder the split stage wrote.
        seeds: Seeds whose label order is wanted.

    Returns:
        "train", "val" and "test" -> tile rows; seed -> training rows in label order.
    """
    split = pd.read_parquet(folder / SPLIT_FILES[0], columns=["split"])["split"]
    orders = pd.read_parquet(folder / SPLIT_FILES[1])
    rows = {name: np.flatnonzero(split == name) for name in ("train", "val", "test")}
    return rows, {
        seed: orders.loc[orders["seed"] == seed, "row"].to_numpy(copy=True)
        for seed in seeds
    }


def write_result(result: CellResult, index: pd.DataFrame, folder: Path) -> None:
    """Write ``predictions.parquet``, ``curves.csv`` and ``cost.json``.

    Args:
        result: What the cell left.
        index: Tile index with ids and targets, joined to the predictions by row.
        folder: Folder to write to; what lies there is removed.
    """
    make_empty(folder)
    tiles = index.iloc[result.predictions["row"].to_numpy()].reset_index(drop=True)
    table = pd.concat([tiles, result.predictions], axis=1)
    table.to_parquet(folder / "predictions.parquet", index=False)
    result.curves.to_csv(folder / "curves.csv", index=False)
    (folder / "cost.json").write_text(json.dumps(result.cost, indent=2) + "\n")
