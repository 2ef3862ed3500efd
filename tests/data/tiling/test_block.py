import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from distributed import Client, LocalCluster
from tests.builders import write_sen12ms_patch

from sentinel_fusion.data import rasters
from sentinel_fusion.data.grids import grid_of, open_raster
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.scenes.vrt import write_window
from sentinel_fusion.data.sources.sen12ms import list_patches
from sentinel_fusion.data.tiles import write_tiles
from sentinel_fusion.data.tiling import block, block_writer
from sentinel_fusion.data.tiling.block import BlockJob, work_key, write_block
from sentinel_fusion.data.tiling.block_files import read_record
from sentinel_fusion.data.tiling.dask_workers import run_on_workers
from sentinel_fusion.data.tiling.rules import TileRules
from sentinel_fusion.data.tiling.run import ClusterError

RULES = TileRules(
    size_px=16,
    stride_px=16,
    max_invalid_share=0.0,
    min_label_share=0.5,
    min_class_share=0.1,
    shard_mib=1,
)


@pytest.fixture
def patches(tmp_path: Path) -> list[Patch]:
    for number in range(3):
        write_sen12ms_patch(tmp_path / "raw", patch=number, size_px=16)
    return list_patches(tmp_path / "raw", with_labels=False)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_RETRY_AFTER_S", 0.0)


def _job(folder: Path, patches: list[Patch], retries: int = 0) -> BlockJob:
    blocks = folder / work_key(RULES, with_labels=False)
    return BlockJob(3, tuple(patches), blocks, folder, RULES, False, retries)


def _inode(job: BlockJob) -> int:
    return (job.target / "s2-00000.npy").stat().st_ino


def test_a_finished_block_is_found_again(tmp_path: Path, patches: list[Patch]) -> None:
    job = _job(tmp_path, patches)
    first, inode = write_block(job), _inode(job)
    assert write_block(job) == first
    assert _inode(job) == inode


def test_paths_start_from_the_root_of_the_job(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    relative = [
        replace(p, s1=p.s1.relative_to(tmp_path), s2=p.s2.relative_to(tmp_path))
        for p in patches
    ]
    assert write_block(_job(tmp_path, relative)).tiles == 3


def test_a_block_is_done_again_where_a_raster_has_changed(
    tmp_path: Path, patches: list[Patch]
) -> None:
    job = _job(tmp_path, patches)
    first = write_block(job)
    with rasterio.open(patches[1].s2, "r+") as raster:
        raster.write(raster.read() + np.uint16(5))
    os.utime(patches[1].s2, ns=(1, 1))  # clocks of file systems are coarse
    assert write_block(job).content_sha256 != first.content_sha256


def test_a_block_of_other_patches_is_done_again(
    tmp_path: Path, patches: list[Patch]
) -> None:
    write_block(_job(tmp_path, patches))
    assert write_block(_job(tmp_path, patches[:2])).tiles == 2


def test_a_block_that_lost_a_shard_is_done_again(
    tmp_path: Path, patches: list[Patch]
) -> None:
    job = _job(tmp_path, patches)
    write_block(job)
    (job.target / "s1-00000.npy").unlink()
    assert read_record(job.target) is None
    write_block(job)
    assert np.load(job.target / "s1-00000.npy").shape == (3, 16, 16, 2)


def test_a_block_is_done_again_once_its_bad_raster_is_mended(
    tmp_path: Path, patches: list[Patch]
) -> None:
    job = _job(tmp_path, patches)
    content, facts = patches[0].s2.read_bytes(), patches[0].s2.stat()
    patches[0].s2.write_bytes(b"-" * len(content))
    os.utime(patches[0].s2, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert write_block(job).unreadable == {"s2_unreadable": ["spring-1-p0"]}
    patches[0].s2.write_bytes(content)
    os.utime(patches[0].s2, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert write_block(job).unreadable == {}


def test_a_block_that_is_interrupted_is_not_there(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _job(tmp_path, patches)
    monkeypatch.setattr(block_writer, "index_rows", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_block(job)
    assert read_record(job.target) is None


def _interrupt(*arguments: object) -> None:
    raise KeyboardInterrupt


def _fail_first(monkeypatch: pytest.MonkeyPatch, times: int) -> list[Path]:
    """Opening the second patch's radar fails a few times; the files opened."""
    opened: list[Path] = []

    def opens(file: Path) -> rasterio.DatasetReader:
        opened.append(file)
        if file.name.endswith("s1_1_p1.tif") and opened.count(file) <= times:
            raise OSError("stale file handle")
        return open_raster(file)

    monkeypatch.setattr(rasters, "open_raster", opens)
    return opened


def test_a_patch_that_fails_to_read_is_read_again(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write_block(_job(tmp_path / "whole", patches))
    _fail_first(monkeypatch, times=2)
    record = write_block(_job(tmp_path, patches, retries=2))
    assert record.bad_patches == {}
    assert record.content_sha256 == whole.content_sha256


def test_a_patch_is_given_up_after_its_retries(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = _fail_first(monkeypatch, times=9)
    record = write_block(_job(tmp_path, patches, retries=2))
    assert record.unreadable == {"s1_unreadable": ["spring-1-p1"]}
    assert opened.count(patches[1].s1) == 3
    assert record.tiles == 2


def test_a_fault_that_no_reading_mends_is_raised_at_once(
    tmp_path: Path, patches: list[Patch]
) -> None:
    patches[0].s2.write_bytes(patches[0].s1.read_bytes())
    with pytest.raises(ValueError, match=r"s2_1_p0\.tif: expected 13 bands"):
        write_block(_job(tmp_path, patches, retries=9))


def test_what_a_sidecar_file_says_of_a_raster_holds(
    tmp_path: Path, patches: list[Patch]
) -> None:
    lowest = float(rasterio.open(patches[0].s1).read(1).min())
    patches[0].s1.with_name(f"{patches[0].s1.name}.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><NoDataValue>{lowest}</NoDataValue>'
        "</PAMRasterBand></PAMDataset>"
    )
    record = write_block(_job(tmp_path, patches))
    assert record.bad_patches == {"s1_invalid": ["spring-1-p0"]}


def _through_vrt(patch: Patch, root: Path) -> Patch:
    """The patch with its radar in a VRT; all paths start from the working folder."""
    s1, s2 = (file.relative_to(root) for file in (patch.s1, patch.s2))
    with open_raster(s1) as raster:
        grid = grid_of(raster)
    file = write_window(Path("s1.vrt"), s1, grid, first_row=0, first_col=0)
    return replace(patch, s1=file, s2=s2)


def test_a_vrt_is_read_where_its_paths_start(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    patch = _through_vrt(patches[0], tmp_path)
    record = write_block(_job(tmp_path, [patch]))
    assert (record.tiles, record.unreadable) == (1, {})


def test_a_worker_elsewhere_refuses_a_vrt_and_says_where_to_start(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    patch = _through_vrt(patches[0], tmp_path)
    monkeypatch.chdir("/")
    with pytest.raises(ClusterError, match=f"runs in /; start .*: cd {tmp_path}$"):
        write_block(_job(tmp_path, [patch]))


@pytest.mark.slow
def test_a_process_elsewhere_ends_the_tiling_of_a_vrt(
    tmp_path: Path, patches: list[Patch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    patch = _through_vrt(patches[0], tmp_path)
    with (
        LocalCluster(n_workers=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.run(os.chdir, "/")
        run = partial(run_on_workers, workers=1, scheduler=cluster.scheduler_address)
        with pytest.raises(ClusterError, match="this worker runs in /"):
            write_tiles(
                [patch],
                tmp_path / "store",
                RULES,
                with_labels=False,
                progress=lambda: None,
                run=run,
            )


def test_a_worker_with_other_code_is_refused(
    tmp_path: Path, patches: list[Patch]
) -> None:
    job = replace(_job(tmp_path, patches), folder=tmp_path / "of other code")
    with pytest.raises(ClusterError, match="planned by other code than this worker"):
        write_block(job)


def test_the_key_tells_rules_and_labels_apart() -> None:
    rules = (RULES, replace(RULES, stride_px=8))
    keys = {work_key(r, with_labels=labels) for r in rules for labels in (True, False)}
    assert len(keys) == 4
