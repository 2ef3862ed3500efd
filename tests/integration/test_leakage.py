"""A leak in the user's rasters stops the pipeline before anything trains."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from tests.integration.conftest import Clone, Params

pytestmark = pytest.mark.slow
TRAINING = ("recipe", "pretrain", "grid", "finetune")
KNOWN, HELD_OUT = "train", "test"


def _place(clone: Clone, split: str) -> str:
    """First place of a split, such as "validation-0": group and scene."""
    tiles = pd.read_parquet(clone.folder / "data/splits/tiles.parquet")
    return str(tiles.loc[tiles["split"] == split, "place_id"].iloc[0])


def _raster(top: Path, place: str, sensor: str) -> Path:
    group, scene = place.split("-")
    folder = top / f"ROIs0000_{group}"
    return next(folder.glob(f"{sensor}_*/*_{scene}_p{scene}.tif"))


@pytest.fixture
def planted(clone: Clone, tmp_path: Path) -> Path:
    """The labelled rasters as the user's own, read in place of the generated ones."""
    top = tmp_path / "dfc2020"
    shutil.copytree(clone.folder / "data/raw/labelled", top)

    def change(params: Params) -> None:
        params["sources"]["labelled"] = {"source": "dfc2020", "path": str(top)}

    clone.edit_params(change)
    return top


def _tile(place: str) -> str:
    """Name of a place's first tile."""
    return f"{place}-p{place.split('-')[1]}-0-0"


@pytest.mark.parametrize("command", ["dvc repro", "parallel runner"])
def test_a_copied_patch_stops_the_pipeline_with_its_tiles(
    clone: Clone, planted: Path, command: str
) -> None:
    known, held_out = (_place(clone, split) for split in (KNOWN, HELD_OUT))
    for sensor in ("s1", "s2"):
        pixels = rasterio.open(_raster(planted, known, sensor)).read()
        with rasterio.open(_raster(planted, held_out, sensor), "r+") as copy:
            copy.write(pixels)
    words = {
        "dvc repro": ("dvc", "repro"),
        "parallel runner": (sys.executable, "-m", "sentinel_fusion.repro", "--jobs=2"),
    }[command]
    output = clone.run(*words, check=False)
    assert "4 labelled test tiles have the pixels of labelled train tiles: " in output
    assert f"{_tile(held_out)} (as {_tile(known)})" in output
    assert not [s for s in TRAINING if f"Running stage '{s}" in output]


def test_a_patch_on_the_ground_of_another_split_stops_the_pipeline(
    clone: Clone, planted: Path
) -> None:
    known, held_out = (_place(clone, split) for split in (KNOWN, HELD_OUT))
    for sensor in ("s1", "s2", "dfc"):
        with rasterio.open(_raster(planted, known, sensor)) as raster:
            crs, corner = raster.crs, raster.transform
        with rasterio.open(_raster(planted, held_out, sensor), "r+") as moved:
            moved.crs = crs
            moved.transform = corner @ rasterio.Affine.translation(32, 0)
    output = clone.run("dvc", "repro", check=False)
    assert "labelled test tiles lie on ground of labelled train tiles: " in output
    assert "split.shared_ground to drop" in output
    assert not [s for s in TRAINING if f"Running stage '{s}" in output]


def test_changing_what_is_counted_trains_nothing(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["split"]["pretrain_overlap"] = "report"

    clone.edit_params(change)
    assert clone.stages_run_by("dvc", "repro") == {"check_params", "leakage", "report"}


def test_another_split_pre_trains_nothing(clone: Clone) -> None:
    def change(params: Params) -> None:
        params["split"]["val_frac"] = 0.4

    clone.edit_params(change)
    ran = clone.stages_run_by("dvc", "repro", "pretrain@dual_simclr")
    assert ran == {"check_params", "split", "leakage"}


def test_other_test_tiles_change_nothing_that_was_fitted(
    clone: Clone, tmp_path: Path
) -> None:
    cell = clone.folder / "runs/grid/late/single_label/1.0"
    before = tmp_path / "before"
    shutil.copytree(cell, before)
    store = clone.folder / "data/tiles/labelled"
    split = pd.read_parquet(clone.folder / "data/splits/tiles.parquet")["split"]
    _change_tiles(store, np.flatnonzero(split == "test"))
    code = "from stages.grid import main; main('late', 'single_label', '1.0')"
    clone.run("env", "PYTHONPATH=src:.", sys.executable, "-c", code)
    assert (cell / "curves.csv").read_text() == (before / "curves.csv").read_text()
    first, second = (
        pd.read_parquet(folder / "predictions.parquet") for folder in (before, cell)
    )
    is_val = first["split"] == "val"
    assert first[is_val].equals(second[is_val])
    assert not first[~is_val].equals(second[~is_val])


def _change_tiles(store: Path, rows: np.ndarray) -> None:
    """Other pixels and labels; files are replaced, which may be links to the cache."""
    pixels = np.load(store / "s2-00000.npy")
    pixels[rows] = pixels[rows][:, ::-1] // 2 + 100
    index = pd.read_parquet(store / "index.parquet")
    index.loc[rows, "majority"] = (index.loc[rows, "majority"] + 1) % 8
    for name in ("s2-00000.npy", "index.parquet"):
        (store / name).unlink()
    np.save(store / "s2-00000.npy", pixels)
    index.to_parquet(store / "index.parquet")
