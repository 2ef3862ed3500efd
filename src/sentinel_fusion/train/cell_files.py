"""A cell on disk: the label splits it starts from and the results it leaves."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Integer

from sentinel_fusion.data.loader import BatchLoader, TileStore
from sentinel_fusion.data.predictions import PredictionWriter
from sentinel_fusion.folders import make_empty
from sentinel_fusion.train.cell import CellPart
from sentinel_fusion.train.cell_inputs import CellData, CellTask
from sentinel_fusion.train.checkpoint import loaded_code, work_key

SPLIT_FILES = ("tiles.parquet", "label_order.parquet")
"""What the split stage writes: split of every tile, label order of every seed."""
_BEHIND_FEATURES = tuple(
    f"sentinel_fusion.{part}" for part in ("bands", "data", "models", "train")
)


def read_splits(
    folder: Path, seeds: tuple[int, ...]
) -> tuple[
    dict[str, Integer[np.ndarray, " tiles"]],
    dict[int, Integer[np.ndarray, " train"]],
    dict[int, Integer[np.ndarray, " train"]],
]:
    """Tiles by split, the label orders, and whose labels are used.

    Args:
        folder: Folder the split stage wrote.
        seeds: Seeds whose label order is wanted.

    Returns:
        "train", "val" and "test" -> tile rows; seed -> training rows in label order;
        seed -> the rows whose labels those are trained with.
    """
    split = pd.read_parquet(folder / SPLIT_FILES[0], columns=["split"])["split"]
    orders = pd.read_parquet(folder / SPLIT_FILES[1])
    rows = {name: np.flatnonzero(split == name) for name in ("train", "val", "test")}
    label_orders, label_rows = (
        {
            seed: orders.loc[orders["seed"] == seed, column].to_numpy(copy=True)
            for seed in seeds
        }
        for column in ("row", "label_row")
    )
    return rows, label_orders, label_rows


def read_data(
    store: TileStore,
    splits: Path,
    task: CellTask,
    loader: BatchLoader,
    seeds: tuple[int, ...],
) -> CellData:
    """Labelled tiles by split, as a cell takes them.

    Args:
        store: Labelled tile store.
        splits: Folder the split stage wrote.
        task: Task whose targets are read.
        loader: Reads the store's tiles, scaled for the encoder.
        seeds: Seeds of the cell.

    Returns:
        The data.
    """
    rows, label_orders, label_rows = read_splits(splits, seeds)
    return CellData(
        loader=loader,
        targets=task.targets(store),
        val_rows=rows["val"],
        test_rows=rows["test"],
        label_orders=label_orders,
        label_rows=label_rows,
    )


def input_contents(store: TileStore, splits: Path, encoder: Path) -> list[bytes]:
    """What stands for a cell's input data in the name of its work.

    Args:
        store: Labelled tile store.
        splits: Folder the split stage wrote.
        encoder: Folder of the arm's encoder.

    Returns:
        Contents, or hashes of them.
    """
    files = [*(splits / name for name in SPLIT_FILES), *sorted(encoder.iterdir())]
    return [store.content_sha256.encode(), *(file.read_bytes() for file in files)]


def features_key(settings: object, stage: Path, inputs: Iterable[bytes]) -> str:
    """Name of a pass of a frozen encoder over all tiles, which cells share.

    Of the code it counts what reads tiles, builds encoders and runs them, not tasks,
    metrics or the running script, which differ between cells that share features.

    Args:
        settings: Everything from params that the features depend on.
        stage: Source file that puts encoder and tiles together.
        inputs: Contents that stand for the encoder, the tiles and their split.

    Returns:
        A hex digest.
    """
    return work_key(settings, [stage, *loaded_code(_BEHIND_FEATURES)], inputs)


def write_results(parts: Iterable[CellPart], index: pd.DataFrame, folder: Path) -> None:
    """Write ``predictions.parquet`` and ``curves.csv``, a part at a time.

    Args:
        parts: What the cell leaves, seed by seed.
        index: Tile index with ids, joined to the predictions by row.
        folder: Folder to write to; what lies there is removed.
    """
    make_empty(folder)
    curves = []
    with PredictionWriter(folder) as writer:
        for part in parts:
            tiles = index.iloc[part.predictions["row"].to_numpy()]
            ids = tiles.reset_index(drop=True)
            writer.append(pd.concat([ids, part.predictions], axis=1))
            curves += part.curves
    pd.concat(curves).to_csv(folder / "curves.csv", index=False)
