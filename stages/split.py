"""Assign labelled tiles to train, val and test, and order the training tiles."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.data.splits import order_table, split_places
from sentinel_fusion.folders import make_empty
from sentinel_fusion.params import load_params

_LOG = logging.getLogger(__name__)
OUT = Path("data/splits")


def main() -> None:
    """Write ``tiles.parquet`` and ``label_order.parquet``."""
    params = load_params()
    index = pd.read_parquet(
        "data/tiles/labelled/index.parquet",
        columns=["tile_id", "place_id", "group", "majority"],
    )
    index.insert(0, "row", np.arange(len(index)))
    index["split"] = split_places(
        index,
        protocol=params.split.protocol,
        val_frac=params.split.val_frac,
        test_frac=params.split.test_frac,
        rng=np.random.default_rng(params.seed),
    )
    make_empty(OUT)
    index.to_parquet(OUT / "tiles.parquet", index=False)
    train = index[index["split"] == "train"]
    orders = order_table(train, params.seeds)
    orders.to_parquet(OUT / "label_order.parquet", index=False)
    for name, rows in index[index["split"] != ""].groupby("split"):
        counts = rows["majority"].value_counts()
        classes = ", ".join(
            f"{label} {counts.get(code, 0)}" for code, label in enumerate(CLASS_NAMES)
        )
        places = rows["place_id"].nunique()
        _LOG.info("%s: %d tiles of %d places: %s", name, len(rows), places, classes)
    unused = int((index["split"] == "").sum())
    if unused:
        _LOG.info("unused by protocol %s: %d tiles", params.split.protocol, unused)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
