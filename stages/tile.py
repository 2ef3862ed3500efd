"""Cut a role's patches into the tile store."""

import json
import logging
import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from sentinel_fusion.data.patches import read_manifest
from sentinel_fusion.data.plausibility import ImplausibleUnitsError, refuse_wrong_units
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.params import load_params

_LOG = logging.getLogger(__name__)


def main(role: str) -> None:
    """Write a role's tile store; refuse one whose pixels are of a wrong unit.

    Args:
        role: "pretrain" or "labelled".
    """
    params = load_params()
    patches = read_manifest(Path("data/raw") / role / "patches.csv")
    store = Path("data/tiles") / role
    shutil.rmtree(store, ignore_errors=True)
    with tqdm(total=len(patches), unit="patch", disable=None) as bar:
        counts = write_tiles(
            patches,
            store,
            TileRules(**params.tile.model_dump()),
            with_labels=role == "labelled",
            progress=bar.update,
        )
    try:
        refuse_wrong_units(
            json.loads((store / "stats.json").read_text())["bands"], store
        )
    except ImplausibleUnitsError as error:
        shutil.rmtree(store)
        sys.exit(str(error))
    _LOG.info("%s tiles: %s", role, ", ".join(f"{k} {v}" for k, v in counts.items()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
