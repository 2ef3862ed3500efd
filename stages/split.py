"""Assign labelled tiles to train, val and test, and order the training tiles."""

import logging
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.data.leakage import drop_shared_ground
from sentinel_fusion.data.listed_splits import split_by_lists
from sentinel_fusion.data.patch_lists import PatchListError, read_split_lists
from sentinel_fusion.data.splits import order_table, split_places
from sentinel_fusion.folders import make_empty
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
_INDEX = Path("data/tiles/labelled/index.parquet")
_COLUMNS = ["tile_id", "place_id", "group", "majority"]
_LISTS = Path("lists")
OUT = Path("data/splits")


def main() -> None:
    """Write ``tiles.parquet`` and ``label_order.parquet``."""
    params = load_params()
    section = params.split
    index = pd.read_parquet(_INDEX, columns=_COLUMNS)
    index.insert(0, "row", np.arange(len(index)))
    index["split"] = _assign(index, params)
    if section.shared_ground == "drop":
        index["split"] = _without_shared_ground(index["split"])
    make_empty(OUT)
    index.to_parquet(OUT / "tiles.parquet", index=False)
    train = index[index["split"] == "train"]
    orders = order_table(train, params.seeds, section.train_labels)
    orders.to_parquet(OUT / "label_order.parquet", index=False)
    if section.train_labels == "permuted":
        _LOG.warning("training labels are permuted: scores should fall to chance")
    for name, rows in index[index["split"] != ""].groupby("split"):
        counts = rows["majority"].value_counts()
        classes = ", ".join(
            f"{label} {counts.get(code, 0)}" for code, label in enumerate(CLASS_NAMES)
        )
        places = rows["place_id"].nunique()
        _LOG.info("%s: %d tiles of %d places: %s", name, len(rows), places, classes)
    unused = int((index["split"] == "").sum())
    if unused:
        _LOG.info("unused by %s: %d tiles", section.describe(), unused)


def _assign(index: pd.DataFrame, params: Params) -> pd.Series:
    section, rng = params.split, np.random.default_rng(params.seed)
    if section.list:
        try:
            lists = read_split_lists(_LISTS / section.list)
            files = pd.read_parquet(_INDEX, columns=["source_file"])
            return split_by_lists(
                index.join(files), lists, val_frac=section.val_frac, rng=rng
            )
        except PatchListError as error:
            sys.exit(str(error))
    return split_places(
        index,
        protocol=section.protocol,
        val_frac=section.val_frac,
        test_frac=section.test_frac,
        rng=rng,
    )


def _without_shared_ground(split: pd.Series) -> pd.Series:
    footprints = gpd.read_parquet(_INDEX, columns=["footprint"])["footprint"]
    try:
        kept = drop_shared_ground(split, footprints.to_numpy())
    except ValueError as error:
        sys.exit(f"data/tiles/labelled: {error}")
    _LOG.info("dropped on shared ground: %d tiles", int((kept != split).sum()))
    return kept


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
