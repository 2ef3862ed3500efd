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
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import rasterio

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.rasters import UnreadableRasterError
from sentinel_fusion.data.tiling.block_files import BlockRecord, read_record
from sentinel_fusion.data.tiling.block_writer import BlockWriter
from sentinel_fusion.data.tiling.plan import Block
from sentinel_fusion.data.tiling.rules import UNREADABLE, TileRules
from sentinel_fusion.data.tiling.run import ClusterError

_RETRY_AFTER_S = 0.1
_GDAL = {
    # siblings are looked for one by one: listing the 700 files of a scene again with
    # every file opened takes half as long as opening it
    "GDAL_DISABLE_READDIR_ON_OPEN": "TRUE",
    # bytes; the default is a share of the machine for every worker. A strip of a whole
    # scene fits, so that bands that lie together are decoded once.
    "GDAL_CACHEMAX": 512 * 2**20,
}


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
        ClusterError: If this process runs other code than the one that gave the job,
            or elsewhere, where paths inside VRTs lead nowhere.
    """
    if job.folder.name != work_key(job.rules, with_labels=job.with_labels):
        raise ClusterError(
            f"block {job.number} was planned by other code than this worker runs; "
            "give every worker the same version of sentinel_fusion"
        )
    if _has_vrt(job.patches) and not _is_here(job.root):
        raise ClusterError(
            f"block {job.number} holds VRTs, whose paths start from {job.root}, and "
            f"this worker runs in {Path.cwd()}; start every worker in the clone's "
            f"folder: cd {job.root}"
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


def _has_vrt(patches: Block) -> bool:
    return any(
        file.suffix.lower() == ".vrt"
        for patch in patches
        for file in (patch.s1, patch.s2, patch.label)
        if file
    )


def _is_here(folder: Path) -> bool:
    try:
        return folder.samefile(Path.cwd())
    except FileNotFoundError:  # no such folder on this machine
        return False


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
    with rasterio.Env(**_GDAL), ExitStack() as stack:
        writer = BlockWriter(
            folder, job.rules, with_labels=job.with_labels, stack=stack
        )
        for patch in job.patches:
            _add_patch(writer, patch, job)
    return writer.finish(job.number, inputs_sha256)


def _add_patch(writer: BlockWriter, patch: Patch, job: BlockJob) -> None:
    for attempt in range(job.retries + 1):
        try:
            writer.add_patch(patch, job.root)
        except UnreadableRasterError as error:
            reason = UNREADABLE[error.layer]
            if attempt < job.retries:
                time.sleep(_RETRY_AFTER_S * 2**attempt)
        else:
            return
    writer.refuse(patch, Counter({reason: 1}))
