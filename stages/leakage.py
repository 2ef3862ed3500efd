"""Refuse splits in which a held-out tile is known, before anything is trained."""

import json
import logging
import sys
from itertools import chain, combinations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.duplicates import Hashes, content_hashes
from sentinel_fusion.data.leakage import (
    PRETRAIN_REMEDY,
    REMEDY,
    Leaks,
    TileSet,
    find_leaks,
    find_watched_leaks,
    summarise,
)
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
_STORES = {role: Path("data/tiles") / role for role in ("pretrain", "labelled")}
OUT = Path("data/leakage_checked")
_NUMBERS = Path("metrics/leakage.json")
_SPLITS = ("train", "val", "test")


def main() -> None:
    """Write ``metrics/leakage.json`` and a constant file that trainings wait for."""
    params = load_params()
    tiles = _read_tiles()
    within = {
        f"{known}_{held_out}": find_leaks(
            tiles[known], tiles[held_out], same_names=True
        )
        for known, held_out in combinations(_SPLITS, 2)
    }
    across = find_watched_leaks(tiles["pretrain"], _val_fracs(params), params.seed) | {
        f"pretrain_{held_out}": find_leaks(
            tiles["pretrain"], tiles[held_out], same_names=_names_agree(params)
        )
        for held_out in _SPLITS[1:]
    }
    _refuse(within, REMEDY)
    if params.split.pretrain_overlap == "refuse":
        _refuse(across, PRETRAIN_REMEDY)
    for leak in chain.from_iterable(across.values()):
        _LOG.warning("%s", leak)
    numbers = json.dumps(summarise(tiles, within | across), indent=2)
    _NUMBERS.parent.mkdir(exist_ok=True)
    _NUMBERS.write_text(numbers + "\n")
    OUT.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    OUT.write_text("no held-out tile is known but as split.pretrain_overlap allows\n")
    _LOG.info("%d pairs of tile sets checked", len(within | across))


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


def _read_role(role: str, contents: Hashes) -> TileSet:
    columns = ["tile_id", "place_id", "footprint"]
    index = gpd.read_parquet(_STORES[role] / "index.parquet", columns=columns)
    tile_ids, place_ids, footprints = (index[name].to_numpy() for name in columns)
    return TileSet(f"{role} tiles", tile_ids, place_ids, footprints, contents)


def _val_fracs(params: Params) -> dict[str, float]:
    """Shares of watched places that differ, named by the first arm that has them."""
    shares = {"pretrain": params.pretrain.val_frac}
    for name in params.arms:
        share = params.pretrain_settings(name).val_frac
        if share not in shares.values():
            shares[name] = share
    return shares


def _names_agree(params: Params) -> bool:
    """Whether a place id means the same place in both roles."""
    pretrain, labelled = params.sources.pretrain, params.sources.labelled
    is_published = pretrain.source in {"sen12ms", "dfc2020"}
    is_same = is_published or pretrain.path == labelled.path
    return pretrain.source == labelled.source and is_same


def _refuse(leaks: Leaks, remedy: str) -> None:
    lines = [f"leakage: {leak}" for leak in chain.from_iterable(leaks.values())]
    if lines:
        sys.exit("\n".join([*lines, remedy]))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
