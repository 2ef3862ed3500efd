"""Shards, index rows and counts of one block, grown patch by patch."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.grids import Grid
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import (
    READ_ROWS_PX,
    Strip,
    UnreadableRasterError,
    read_strips,
)
from sentinel_fusion.data.shards import ShardWriter
from sentinel_fusion.data.stats import BandHistograms
from sentinel_fusion.data.tiling.block_files import (
    HISTOGRAMS,
    ROWS,
    BlockRecord,
    save_histograms,
    write_record,
)
from sentinel_fusion.data.tiling.cut import cut_strip
from sentinel_fusion.data.tiling.rows import PatchRows, index_rows
from sentinel_fusion.data.tiling.rules import (
    PATCH_TOO_SMALL,
    REJECTIONS,
    UNREADABLE,
    TileRules,
    layers,
)

_NAMED = {"s1_invalid", "s2_invalid", PATCH_TOO_SMALL, *UNREADABLE.values()}
"""Reasons that speak against a raster, so that its patch is named."""


class BlockWriter:
    """Shards, index rows and counts of one block.

    Use inside a context that closes ``stack`` before ``finish``.
    """

    def __init__(
        self, folder: Path, rules: TileRules, *, with_labels: bool, stack: ExitStack
    ) -> None:
        """Start with nothing.

        Args:
            folder: Existing, empty folder.
            rules: How patches become tiles.
            with_labels: Whether labels are kept.
            stack: Closes the shards.
        """
        self._folder, self._rules = folder, rules
        self._shards = {
            name: stack.enter_context(
                ShardWriter(folder, name, shape, dtype, shard_mib=rules.shard_mib)
            )
            for name, (shape, dtype) in layers(
                rules.size_px, with_labels=with_labels
            ).items()
        }
        self._histograms = _empty_histograms()
        self._digest = hashlib.sha256()
        self._rows: list[PatchRows] = []
        self._rejected = Counter(dict.fromkeys((*REJECTIONS, PATCH_TOO_SMALL), 0))
        self._bad_patches: dict[str, list[str]] = {}

    def add_patch(self, patch: Patch, root: Path) -> None:
        """Add a whole patch, or nothing where a raster of it cannot be read.

        Args:
            patch: The patch.
            root: Folder that relative raster paths start from.

        Raises:
            UnreadableRasterError: If a raster cannot be read.
        """
        grid, strips = read_strips(
            _resolve(patch, root),
            size_px=self._rules.size_px,
            stride_px=self._rules.stride_px,
        )
        if min(grid.height_px, grid.width_px) < self._rules.size_px:
            self.refuse(patch, Counter({PATCH_TOO_SMALL: 1}))
            return
        before = {name: len(shards) for name, shards in self._shards.items()}
        try:
            self._add_strips(patch, grid, strips)
        except UnreadableRasterError:
            for name, shards in self._shards.items():
                shards.rewind(before[name])
            raise

    def _add_strips(self, patch: Patch, grid: Grid, strips: Iterator[Strip]) -> None:
        # What a patch adds is kept aside until its last strip is read. A patch that is
        # read at once needs no tables of its own, and they would cost as much as it.
        is_tall = grid.height_px > READ_ROWS_PX
        histograms = _empty_histograms() if is_tall else self._histograms
        digest, rejected = self._digest.copy(), Counter[str]()
        rows: list[PatchRows] = []
        for strip in strips:
            cut = cut_strip(strip, self._rules)
            rejected += cut.rejected
            rows.append(PatchRows(patch, grid, cut.columns))
            for name, shards in self._shards.items():
                shards.append(cut.tiles[name])
                digest.update(cut.tiles[name].data)
                if name in histograms:
                    histograms[name].add(cut.tiles[name])
        if is_tall:
            for name, found in histograms.items():
                self._histograms[name].counts += found.counts
        self._digest = digest
        self._rows += [part for part in rows if len(part)]
        self.refuse(patch, rejected)

    def refuse(self, patch: Patch, reasons: Counter[str]) -> None:
        """Count what is refused, and name the patch where its rasters are to blame.

        Args:
            patch: The patch.
            reasons: Reason -> tiles of it, or 1 for the patch, that are refused.
        """
        self._rejected.update(reasons)
        for reason in sorted(_NAMED & set(reasons)):
            self._bad_patches.setdefault(reason, []).append(patch.patch_id)

    def finish(self, number: int, inputs_sha256: str) -> BlockRecord:
        """Write what belongs to the closed shards, the record last.

        Args:
            number: Position of the block in the store.
            inputs_sha256: Digest of what the block was made from.

        Returns:
            The record.
        """
        if self._rows:
            index_rows(self._rows).to_parquet(self._folder / ROWS)
        save_histograms(self._histograms, self._folder / HISTOGRAMS)
        record = BlockRecord(
            number=number,
            tiles=sum(map(len, self._rows)),
            shards={f.name: f.stat().st_size for f in self._folder.glob("*.npy")},
            rejected={name: int(count) for name, count in self._rejected.items()},
            bad_patches=self._bad_patches,
            content_sha256=self._digest.hexdigest(),
            inputs_sha256=inputs_sha256,
        )
        write_record(record, self._folder)
        return record


def _resolve(patch: Patch, root: Path) -> Patch:
    label = None if patch.label is None else root / patch.label
    return replace(patch, s1=root / patch.s1, s2=root / patch.s2, label=label)


def _empty_histograms() -> dict[str, BandHistograms]:
    return {sensor: BandHistograms(sensor) for sensor in BANDS}
