"""Refuse splits in which a held-out tile is known, before anything is trained."""

import json
import logging
import sys
from itertools import chain, combinations, product
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.duplicates import Hashes, content_hashes
from sentinel_fusion.data.leakage import (
    NONE_LEFT,
    PRETRAIN_REMEDY,
    REMEDY,
    Leaks,
    TileSet,
    find_known,
    find_pairs_leaks,
    find_watched_leaks,
    summarise,
)
from sentinel_fusion.data.left_out import LEFT_OUT, write_left_out
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
_STORES = {role: Path("data/tiles") / role for role in ("pretrain", "labelled")}
OUT = Path("data/leakage_checked")
_NUMBERS = Path("metrics/leakage.json")
_SPLITS = ("train", "val", "test")


def main() -> None:
    """Write numbers, tiles left out, and a constant file that trainings wait for."""
    params = load_params()
    tiles = _read_tiles()
    left_out = _leave_out(tiles, params)
    within = find_pairs_leaks(tiles, combinations(_SPLITS, 2), same_names=True)
    across = find_watched_leaks(
        tiles["pretrain"], params.watched_shares(), params.seed
    ) | find_pairs_leaks(
        tiles,
        product(["pretrain"], _SPLITS[1:]),
        same_names=params.sources.places_agree(),
    )
    _refuse(within, REMEDY)
    if params.split.pretrain_overlap != "report":
        _refuse(across, PRETRAIN_REMEDY)
    for leak in chain.from_iterable(across.values()):
        _LOG.warning("%s", leak)
    numbers = {"left_out": left_out, **summarise(tiles, within | across)}
    _NUMBERS.parent.mkdir(exist_ok=True)
    _NUMBERS.write_text(json.dumps(numbers, indent=2) + "\n")
    OUT.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    OUT.write_text("no held-out tile is known but as split.pretrain_overlap allows\n")
    pairs = len(within | across)
    _LOG.info("%d pairs of tile sets checked, %d tiles left out", pairs, left_out)


def _read_tiles() -> dict[str, TileSet]:
    """The labelled tiles by split, and those of the pre-training."""
    layers = [{s: ShardReader(store, s) for s in BANDS} for store in _STORES.values()]
    hashes = dict(zip(_STORES, content_hashes(layers), strict=True))
    labelled = _read_role("labelled", hashes["labelled"])
    split = pd.read_parquet("data/splits/tiles.parquet", columns=["split"])["split"]
    return {"pretrain": _read_role("pretrain", hashes["pretrain"])} | {
        name: labelled.take(np.flatnonzero(split == name), f"labelled {name} tiles")
        for name in _SPLITS
    }


def _leave_out(tiles: dict[str, TileSet], params: Params) -> int:
    """Take tiles on held-out ground away from the pre-training where that is wanted."""
    ours, rows = tiles["pretrain"], np.empty(0, np.int64)
    if params.split.pretrain_overlap == "drop":
        held_out = [tiles[name] for name in _SPLITS[1:]]
        same_names = params.sources.places_agree()
        rows = find_known(ours, held_out, same_names=same_names)
    if len(rows) == len(ours.tile_ids):
        sys.exit(f"leakage: {NONE_LEFT}")
    kept = write_left_out(LEFT_OUT, rows, ours.tile_ids)
    tiles["pretrain"] = ours.take(kept, ours.name)
    return len(rows)


def _read_role(role: str, contents: Hashes) -> TileSet:
    columns = ["tile_id", "place_id", "footprint"]
    index = gpd.read_parquet(_STORES[role] / "index.parquet", columns=columns)
    tile_ids, place_ids, footprints = (index[name].to_numpy() for name in columns)
    return TileSet(f"{role} tiles", tile_ids, place_ids, footprints, contents)


def _refuse(leaks: Leaks, remedy: str) -> None:
    lines = [f"leakage: {leak}" for leak in chain.from_iterable(leaks.values())]
    if lines:
        sys.exit("\n".join([*lines, remedy]))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
