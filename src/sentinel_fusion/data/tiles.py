"""Tile store: cut patches into tiles, refuse bad ones by reason, write whole or not.

Layout: ``index.parquet`` (GeoParquet, a row a tile), ``s1-*.npy`` int16 centi-dB,
``s2-*.npy`` uint16 reflectance x 10000, ``label-*.npy`` uint8 classes, ``stats.json``.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from sentinel_fusion.data.patches import Patch, name_some
from sentinel_fusion.data.tiling.assemble import assemble
from sentinel_fusion.data.tiling.block import BlockJob, work_key, write_block
from sentinel_fusion.data.tiling.block_files import BlockRecord
from sentinel_fusion.data.tiling.plan import plan_blocks
from sentinel_fusion.data.tiling.rules import TileRules
from sentinel_fusion.data.tiling.run import Run, run_here

__all__ = ["TileRules", "UnreadablePatchesError", "write_tiles"]


class UnreadablePatchesError(ValueError):
    """Too many patches cannot be read; the message names them."""


def write_tiles(
    patches: Sequence[Patch],
    folder: Path,
    rules: TileRules,
    *,
    with_labels: bool,
    progress: Callable[[], object],
    retries: int = 0,
    max_unreadable_share: float = 0.0,
    run: Run = run_here,
) -> dict[str, int]:
    """Write a tile store; it appears under its name only when it is complete.

    Patches are tiled in blocks of about one shard. Finished blocks of a run that was
    interrupted lie beside the store, in ``<folder>.partial``, and are not done again.

    Args:
        patches: Patches in the order their tiles are stored.
        folder: Store to write; must not exist.
        rules: How patches become tiles.
        with_labels: Whether to store labels and to judge tiles by them.
        progress: Called after every patch.
        retries: How often a patch is read again before it is given up.
        max_unreadable_share: Largest share of patches that may be given up, 0..1.
        run: Does the blocks; the store is the same whoever does them.

    Returns:
        Counts: "accepted", and one a reason of rejection.

    Raises:
        FileExistsError: If the store is there already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} must not exist; remove it to tile anew")
    partial = folder.absolute().with_name(f"{folder.name}.partial")
    blocks = partial / work_key(rules, with_labels=with_labels)
    _clear(partial, blocks)
    jobs = [
        BlockJob(number, block, blocks, Path.cwd(), rules, with_labels, retries)
        for number, block in enumerate(plan_blocks(patches, rules))
    ]
    records: list[BlockRecord] = []
    unreadable: list[str] = []
    with closing(run(write_block, jobs)) as results:
        for record in results:
            records.append(record)
            unreadable += _unreadable_patches(record)
            _refuse_too_many(unreadable, max_unreadable_share * len(patches))
            for _ in jobs[record.number].patches:
                progress()
    store = partial / "store"
    store.mkdir()
    counts = assemble(records, blocks, store)
    store.rename(folder)
    shutil.rmtree(partial)
    return counts


def _clear(partial: Path, blocks: Path) -> None:
    """Remove what neither is a finished block of this work nor can become one."""
    blocks.mkdir(parents=True, exist_ok=True)
    for other in set(partial.iterdir()) - {blocks}:
        shutil.rmtree(other)
    for attempt in blocks.glob("*.*"):
        shutil.rmtree(attempt)


def _unreadable_patches(record: BlockRecord) -> list[str]:
    return [
        f"{patch_id} ({reason})"
        for reason, ids in record.unreadable.items()
        for patch_id in ids
    ]


def _refuse_too_many(names: Sequence[str], allowed: float) -> None:
    if len(names) > allowed:
        raise UnreadablePatchesError(
            f"at most {int(allowed)} patches may be unreadable, got {len(names)}: "
            f"{name_some(names)}; mend those rasters (blocks without are kept) or "
            "raise tile.max_unreadable_share"
        )
