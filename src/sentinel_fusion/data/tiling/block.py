"""Tile one block: shards, index rows and counts in a folder of its own.

A finished block is a folder that appears whole; an interrupted run finds it again.
Nothing here depends on which process works or when, so that neither does the store.
"""

import hashlib
import json
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Integer

from sentinel_fusion.bands import BANDS
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import (
    READ_ROWS_PX,
    UnreadableRasterError,
    read_strips,
)
from sentinel_fusion.data.shards import ShardWriter
from sentinel_fusion.data.stats import BandHistograms
from sentinel_fusion.data.tiling.cut import cut_strip
from sentinel_fusion.data.tiling.plan import Block
from sentinel_fusion.data.tiling.rows import PatchRows, index_rows
from sentinel_fusion.data.tiling.rules import (
    PATCH_TOO_SMALL,
    REJECTIONS,
    UNREADABLE,
    TileRules,
    layers,
)

RECORD, ROWS, HISTOGRAMS = "block.json", "rows.parquet", "histograms.npz"
_RETRY_AFTER_S = 0.1
_NAMED = {"s1_invalid", "s2_invalid", PATCH_TOO_SMALL, *UNREADABLE.values()}
"""Reasons that speak against a raster, so that its patch is named."""


@dataclass(frozen=True)
class BlockJob:
    """All that one process needs to tile one block.

    Args:
        number: Position of the block in the store.
        patches: Its patches.
        folder: Absolute folder of this run's blocks; named by ``work_key``.
        root: Absolute folder that relative raster paths start from.
        rules: How patches become tiles.
        with_labels: Whether labels are kept.
        retries: How often a patch is read again before it is given up.
    """

    number: int
    patches: Block
    folder: Path
    root: Path
    rules: TileRules
    with_labels: bool
    retries: int

    @property
    def target(self) -> Path:
        """Folder of the finished block."""
        return self.folder / f"{self.number:05d}"


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


@cache
def work_key(rules: TileRules, *, with_labels: bool) -> str:
    """Name of the work that finished blocks belong to: rules and code.

    Args:
        rules: How patches become tiles.
        with_labels: Whether labels are kept.

    Returns:
        A hex digest.
    """
    settings = {**asdict(rules), "with_labels": with_labels}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    package = Path(__file__).parents[2]
    code = [package / "bands.py", package / "classes.py"]
    code += [*package.glob("data/*.py"), *package.glob("data/tiling/*.py")]
    for file in sorted(code):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:24]


def write_block(job: BlockJob) -> BlockRecord:
    """Tile a block, or find it done by an earlier run.

    A block with a patch that could not be read is not taken from an earlier run.

    Args:
        job: The block.

    Returns:
        What the block's folder holds.

    Raises:
        RuntimeError: If this process runs other code than the one that gave the job.
    """
    if job.folder.name != work_key(job.rules, with_labels=job.with_labels):
        raise RuntimeError(
            f"block {job.number} was planned by other code than this worker runs; "
            "give every worker the same version of sentinel_fusion"
        )
    inputs = _digest_inputs(job)
    done = read_record(job.target)
    if done and done.inputs_sha256 == inputs and not done.unreadable:
        return done
    attempt = job.target.with_name(f"{job.target.name}.{uuid.uuid4().hex}")
    attempt.mkdir(parents=True)
    record = _write(job, attempt, inputs)
    shutil.rmtree(job.target, ignore_errors=True)
    attempt.rename(job.target)
    return record


def read_record(folder: Path) -> BlockRecord | None:
    """What a finished block holds.

    Args:
        folder: Folder of the block.

    Returns:
        The record, or None where the block is not there whole.
    """
    try:
        record = BlockRecord(**json.loads((folder / RECORD).read_text()))
    except FileNotFoundError:
        return None
    found = {file.name: file.stat().st_size for file in folder.glob("*.npy")}
    return record if found == record.shards else None


def _digest_inputs(job: BlockJob) -> str:
    digest = hashlib.sha256()
    for patch in job.patches:
        files = [job.root / f for f in (patch.s1, patch.s2, patch.label) if f]
        digest.update(f"{patch} {[_state_of(file) for file in files]}".encode())
    return digest.hexdigest()


def _state_of(file: Path) -> tuple[int, int] | None:
    try:
        facts = file.stat()
    except OSError:
        return None  # counted where it is read
    return facts.st_size, facts.st_mtime_ns


def _write(job: BlockJob, folder: Path, inputs_sha256: str) -> BlockRecord:
    # siblings are looked for one by one: listing the 700 files of a scene again with
    # every file opened takes as long as opening it
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"),
        ExitStack() as stack,
    ):
        writer = _BlockWriter(folder, job, stack)
        for patch in job.patches:
            _add_patch(writer, patch, retries=job.retries)
    return writer.finish(inputs_sha256)


def _add_patch(writer: "_BlockWriter", patch: Patch, *, retries: int) -> None:
    for attempt in range(retries + 1):
        try:
            writer.add_patch(patch)
        except UnreadableRasterError as error:
            reason = UNREADABLE[error.layer]
            if attempt < retries:
                time.sleep(_RETRY_AFTER_S * 2**attempt)
        else:
            return
    writer.refuse(patch, Counter({reason: 1}))


class _BlockWriter:
    """Shards, index rows and counts of one block, grown patch by patch."""

    def __init__(self, folder: Path, job: BlockJob, stack: ExitStack) -> None:
        self._folder, self._job, self._rules = folder, job, job.rules
        kept = layers(job.rules.size_px, with_labels=job.with_labels)
        self._shards = {
            name: stack.enter_context(
                ShardWriter(folder, name, shape, dtype, shard_mib=job.rules.shard_mib)
            )
            for name, (shape, dtype) in kept.items()
        }
        self._histograms = _empty_histograms()
        self._digest = hashlib.sha256()
        self._rows: list[PatchRows] = []
        self._rejected = Counter(dict.fromkeys((*REJECTIONS, PATCH_TOO_SMALL), 0))
        self._bad_patches: dict[str, list[str]] = {}

    def add_patch(self, patch: Patch) -> None:
        """Add a whole patch, or nothing where a raster of it cannot be read."""
        before = {name: len(shards) for name, shards in self._shards.items()}
        try:
            self._add_strips(patch)
        except UnreadableRasterError:
            for name, shards in self._shards.items():
                shards.rewind(before[name])
            raise

    def _add_strips(self, patch: Patch) -> None:
        size_px, stride_px = self._rules.size_px, self._rules.stride_px
        grid, strips = read_strips(
            self._resolve(patch), size_px=size_px, stride_px=stride_px
        )
        if min(grid.height_px, grid.width_px) < size_px:
            self.refuse(patch, Counter({PATCH_TOO_SMALL: 1}))
            return
        # kept aside until the last strip is read; the tables of a patch that is read at
        # once need not be, and are so large that this would show
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
        """Count what is refused, and name the patch where its rasters are to blame."""
        self._rejected.update(reasons)
        for reason in sorted(_NAMED & set(reasons)):
            self._bad_patches.setdefault(reason, []).append(patch.patch_id)

    def _resolve(self, patch: Patch) -> Patch:
        root = self._job.root
        label = None if patch.label is None else root / patch.label
        return replace(patch, s1=root / patch.s1, s2=root / patch.s2, label=label)

    def finish(self, inputs_sha256: str) -> BlockRecord:
        """Write what belongs to the closed shards; the record last."""
        if self._rows:
            index_rows(self._rows).to_parquet(self._folder / ROWS)
        save_histograms(self._histograms, self._folder / HISTOGRAMS)
        record = BlockRecord(
            number=self._job.number,
            tiles=sum(map(len, self._rows)),
            shards={f.name: f.stat().st_size for f in self._folder.glob("*.npy")},
            rejected={name: int(count) for name, count in self._rejected.items()},
            bad_patches=self._bad_patches,
            content_sha256=self._digest.hexdigest(),
            inputs_sha256=inputs_sha256,
        )
        (self._folder / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n")
        return record


def _empty_histograms() -> dict[str, BandHistograms]:
    return {sensor: BandHistograms(sensor) for sensor in BANDS}


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
