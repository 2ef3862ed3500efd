"""Whoever works and whatever breaks, the store is the same to the byte."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.builders import write_sen12ms_patch

from sentinel_fusion.data.patches import Patch, write_manifest
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.tiles import TileRules, write_tiles
from sentinel_fusion.data.tiling.block import BlockJob, write_block
from sentinel_fusion.data.tiling.block_files import BlockRecord
from sentinel_fusion.data.tiling.dask_workers import run_on_workers
from sentinel_fusion.data.tiling.run import Run, run_here

RULES = TileRules(
    size_px=16,
    stride_px=2,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)
"""157 tiles of 16 px fill a shard; a patch of 40 px gives 13 x 13: a block each,
with two shards of S2."""
PATCHES = 6


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> list[Patch]:
    folder = tmp_path_factory.mktemp("raw")
    for number in range(PATCHES):
        write_sen12ms_patch(folder, scene=1 + number % 3, patch=number, size_px=40)
    return list_patches(folder, with_labels=True)


def _write(patches: list[Patch], store: Path, run: Run = run_here) -> dict[str, bytes]:
    write_tiles(patches, store, RULES, with_labels=True, progress=lambda: None, run=run)
    return _bytes(store)


def _bytes(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in store.iterdir()}


def _backwards(
    function: Callable[[Any], Any], jobs: Sequence[Any]
) -> Generator[Any, None, None]:
    yield from run_here(function, jobs[::-1])


def _stopping_after(
    done: int, function: Callable[[Any], Any], jobs: Sequence[Any]
) -> Generator[Any, None, None]:
    yield from run_here(function, jobs[:done])
    raise InterruptedError


def test_the_order_in_which_blocks_are_done_does_not_matter(
    tmp_path: Path, patches: list[Patch]
) -> None:
    stores = [_write(patches, tmp_path / r.__name__, r) for r in (run_here, _backwards)]
    assert sum(name.startswith("s2-") for name in stores[0]) == 2 * PATCHES
    assert stores[0] == stores[1]


@pytest.mark.parametrize("done", [1, 4])
def test_a_run_that_is_stopped_goes_on_with_the_blocks_it_did(
    tmp_path: Path, patches: list[Patch], done: int
) -> None:
    whole = _write(patches, tmp_path / "whole")
    with pytest.raises(InterruptedError):
        _write(patches, tmp_path / "store", partial(_stopping_after, done))
    kept = {f.stat().st_ino for f in (tmp_path / "store.partial").rglob("s2-*.npy")}
    assert len(kept) == 2 * done
    assert _write(patches, tmp_path / "store") == whole
    assert kept <= {f.stat().st_ino for f in (tmp_path / "store").iterdir()}


def test_what_an_interrupted_block_left_is_removed(
    tmp_path: Path, patches: list[Patch]
) -> None:
    with pytest.raises(InterruptedError):
        _write(patches, tmp_path / "store", partial(_stopping_after, 1))
    (key,) = (tmp_path / "store.partial").iterdir()
    (key / "00001.attempt").mkdir()
    (key.with_name("of other rules") / "00000").mkdir(parents=True)
    with pytest.raises(InterruptedError):
        _write(patches, tmp_path / "store", partial(_stopping_after, 0))
    assert [f.name for f in (tmp_path / "store.partial").iterdir()] == [key.name]
    assert [folder.name for folder in key.iterdir()] == ["00000"]


@pytest.mark.slow
def test_workers_write_what_one_process_writes(
    tmp_path: Path, patches: list[Patch]
) -> None:
    whole = _write(patches, tmp_path / "one")
    many = partial(run_on_workers, workers=2, scheduler="")
    assert _write(patches, tmp_path / "two", many) == whole


def _write_or_die(marker: Path, job: BlockJob) -> BlockRecord:
    """The worker of the third block dies over it, once."""
    if job.number == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return write_block(job)


@pytest.mark.slow
def test_a_killed_worker_leaves_the_same_store(
    tmp_path: Path, patches: list[Patch]
) -> None:
    def run(
        function: Callable[[Any], Any], jobs: Sequence[Any]
    ) -> Generator[Any, None, None]:
        deadly = partial(_write_or_die, tmp_path / "marker")
        yield from run_on_workers(deadly, jobs, workers=2, scheduler="")

    whole = _write(patches, tmp_path / "whole")
    assert _write(patches, tmp_path / "store", run) == whole
    assert (tmp_path / "marker").exists()


_SLOWLY = """
import sys, time
from pathlib import Path
from sentinel_fusion.data.patches import read_manifest
from tests.data.tiling.test_same_store import _write

def slow(function, jobs):
    for job in jobs:
        yield function(job)
        time.sleep(0.5)

_write(read_manifest(Path(sys.argv[1])), Path(sys.argv[2]), slow)
"""


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_store(
    tmp_path: Path, patches: list[Patch]
) -> None:
    ordered = sorted(patches, key=lambda patch: patch.patch_id)
    whole = _write(ordered, tmp_path / "whole")
    write_manifest(ordered, tmp_path / "patches.csv")
    store = tmp_path / "store"
    killed = subprocess.Popen(
        [sys.executable, "-c", _SLOWLY, tmp_path / "patches.csv", store],
        env={**os.environ, "PYTHONPATH": "src:."},
        cwd=Path(__file__).parents[3],
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("store.partial/*/0000?/block.json")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not store.exists()
    assert _write(ordered, store) == whole
