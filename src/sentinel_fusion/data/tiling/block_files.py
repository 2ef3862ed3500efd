"""What a finished block leaves in its folder beside the shards."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from sentinel_fusion.data.stats import BandHistograms
from sentinel_fusion.data.tiling.rules import UNREADABLE

ROWS, HISTOGRAMS, _RECORD = "rows.parquet", "histograms.npz", "block.json"


@dataclass(frozen=True)
class BlockRecord:
    """What a finished block holds.

    Args:
        number: Position of the block in the store.
        tiles: Good tiles.
        shards: File name -> size in bytes.
        rejected: Reason -> tiles, or patches, refused for it.
        bad_patches: Reason -> ids of patches whose rasters gave it.
        content_sha256: Digest of the tiles.
        inputs_sha256: Digest of the patches and of the sizes and times of their files.
    """

    number: int
    tiles: int
    shards: dict[str, int]
    rejected: dict[str, int]
    bad_patches: dict[str, list[str]]
    content_sha256: str
    inputs_sha256: str

    @property
    def unreadable(self) -> dict[str, list[str]]:
        """Reason -> ids of the patches that could not be read."""
        reasons = UNREADABLE.values()
        return {r: ids for r, ids in self.bad_patches.items() if r in reasons}


def write_record(record: BlockRecord, folder: Path) -> None:
    """Write what a block holds.

    Args:
        record: What it holds.
        folder: Folder of the block.
    """
    (folder / _RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n")


def read_record(folder: Path) -> BlockRecord | None:
    """What a finished block holds.

    Args:
        folder: Folder of the block.

    Returns:
        The record, or None where the block is not there whole.
    """
    try:
        record = BlockRecord(**json.loads((folder / _RECORD).read_text()))
    except FileNotFoundError:
        return None
    found = {file.name: file.stat().st_size for file in folder.glob("*.npy")}
    return record if found == record.shards else None


def save_histograms(histograms: Mapping[str, BandHistograms], file: Path) -> None:
    """Write the counts that are not 0, a fiftieth of all.

    Args:
        histograms: Sensor -> counts.
        file: File to write, ending in ".npz".
    """
    arrays: dict[str, Integer[np.ndarray, " counted"]] = {}
    for sensor, found in histograms.items():
        position = np.flatnonzero(found.counts)
        arrays |= {f"{sensor}_at": position, sensor: found.counts.ravel()[position]}
    np.savez(file, allow_pickle=False, **arrays)


def merge_histograms(histograms: Mapping[str, BandHistograms], file: Path) -> None:
    """Add the counts of a file.

    Args:
        histograms: Sensor -> counts to add to.
        file: File of ``save_histograms``.
    """
    with np.load(file) as arrays:
        for sensor, found in histograms.items():
            found.counts.reshape(-1)[arrays[f"{sensor}_at"]] += arrays[sensor]
