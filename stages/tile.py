"""Cut a role's patches into the tile store."""

import json
import logging
import shutil
import sys
from functools import partial
from pathlib import Path

from sentinel_fusion.data.patches import name_some, read_manifest
from sentinel_fusion.data.plausibility import ImplausibleUnitsError, refuse_wrong_units
from sentinel_fusion.data.scenes.block_edges import describe_lost_tiles
from sentinel_fusion.data.tiles import (
    TileRules,
    UnreadablePatchesError,
    write_tiles,
)
from sentinel_fusion.data.tiling.dask_workers import run_on_workers
from sentinel_fusion.data.tiling.run import ClusterError
from sentinel_fusion.params import load_params
from sentinel_fusion.progress import progress

_LOG = logging.getLogger(__name__)


def main(role: str) -> None:
    """Write a role's tile store; refuse one whose pixels are of a wrong unit.

    Args:
        role: "pretrain" or "labelled".
    """
    params = load_params()
    raw = Path("data/raw") / role
    patches = read_manifest(raw / "patches.csv")
    store = Path("data/tiles") / role
    shutil.rmtree(store, ignore_errors=True)
    rules = params.tile.model_dump()
    patience = {key: rules.pop(key) for key in ("retries", "max_unreadable_share")}
    cluster = {key: rules.pop(key) for key in ("workers", "scheduler")}
    with progress(f"{role} tiled", len(patches), "patch") as advance:
        try:
            counts = write_tiles(
                patches,
                store,
                TileRules(**rules),
                with_labels=role == "labelled",
                progress=advance,
                run=partial(run_on_workers, **cluster),
                **patience,
            )
        except (UnreadablePatchesError, ClusterError) as error:
            sys.exit(str(error))
    stats = json.loads((store / "stats.json").read_text())
    try:
        refuse_wrong_units(stats["bands"], store)
    except ImplausibleUnitsError as error:
        shutil.rmtree(store)
        sys.exit(str(error))
    _LOG.info("%s tiles: %s", role, ", ".join(f"{k} {v}" for k, v in counts.items()))
    if lost := describe_lost_tiles(raw, params.tile.size_px, params.tile.stride_px):
        _LOG.warning("%s: %s", role, lost)
    for reason, names in stats.get("bad_patches", {}).items():
        _LOG.info("%s %s: %s", role, reason, name_some(names))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
