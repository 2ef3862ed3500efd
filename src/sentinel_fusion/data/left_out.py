"""Unlabelled tiles that take no part in pre-training: they lie on held-out ground.

Unless ``split.pretrain_overlap`` is "drop" the list is empty whatever the split, so
that DVC pre-trains nothing anew for another split.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Integer, Shaped

LEFT_OUT = Path("data/pretrain_left_out.csv")
"""Where the stage ``leakage`` writes the list, for the stages to hand on."""


def write_left_out(
    file: Path,
    rows: Integer[np.ndarray, " some"],
    tile_ids: Shaped[np.ndarray, " tiles"],
) -> Integer[np.ndarray, " kept"]:
    """Write the list.

    Args:
        file: CSV file to write.
        rows: Positions of the tiles in their store.
        tile_ids: Name of every tile of the store.

    Returns:
        As ``kept_rows``.
    """
    file.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    table = pd.DataFrame({"row": rows, "tile_id": tile_ids[rows]})
    table.to_csv(file, index=False)
    return kept_rows(file, len(tile_ids))


def kept_rows(file: Path, count: int) -> Integer[np.ndarray, " kept"]:
    """Tiles that take part in pre-training.

    Args:
        file: List of the tiles that do not.
        count: Tiles of the store.

    Returns:
        Their positions, ascending.
    """
    rows = pd.read_csv(file, usecols=["row"])["row"].to_numpy(np.int64)
    return np.delete(np.arange(count), rows)
