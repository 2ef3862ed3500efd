import json
import logging
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from rasterio import Affine
from tests.builders import UTM, write_folder_scene, write_scene_raster

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.patches import (
    MissingRastersError,
    Patch,
    read_manifest,
    write_manifest,
)
from sentinel_fusion.data.rasters import Strip, read_strips
from sentinel_fusion.data.sources.folder import list_patches, prepare
from sentinel_fusion.data.tiles import TileRules, write_tiles

HERE = Affine(10, 0, 500_000, 0, -10, 5_300_000)
SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "sample" / "scene"


def _list(folder: Path, *, with_labels: bool = False) -> list[Patch]:
    return list_patches(folder, with_labels=with_labels, label_scheme="dfc")


def test_nested_scenes_are_found_in_order_and_named_by_their_folders(
    tmp_path: Path,
) -> None:
    for name in ("north/b", "north/a", "east"):
        write_folder_scene(tmp_path / name, size_px=8)
    names = [patch.patch_id for patch in _list(tmp_path)]
    assert names == ["east", "north-a", "north-b"]


def test_each_scene_is_a_place_of_its_own(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    write_folder_scene(tmp_path / "b", size_px=8)
    assert [patch.place_id for patch in _list(tmp_path)] == ["a", "b"]


def test_scene_folder_itself_is_named_after_it(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "river", size_px=8)
    (patch,) = _list(tmp_path / "river")
    assert (patch.patch_id, patch.place_id) == ("river", "river")


def test_scene_in_the_working_folder_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder_scene(tmp_path, size_px=8)
    monkeypatch.chdir(tmp_path)
    assert _list(Path())[0].patch_id


def test_scene_holds_its_rasters_and_scheme(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8, codes=(1, 2))
    (patch,) = list_patches(tmp_path, with_labels=True, label_scheme="igbp")
    assert patch.s1 == tmp_path / "a" / "s1.tif"
    assert patch.s2 == tmp_path / "a" / "s2.tif"
    assert patch.label == tmp_path / "a" / "label.tif"
    facts = (patch.group, patch.season, patch.label_scheme)
    assert facts == ("folder", "unknown", "igbp")


def _prepare(folder: Path, raw: Path, role: str = "pretrain") -> list[Patch]:
    return prepare(
        folder,
        raw,
        role=role,
        seed=0,
        label_scheme="esri",
        s1_scale="auto",
        s2_offset="auto",
        min_s1_cover=0.5,
        block_px=0,
    )


def _write_scene(
    folder: Path, *, power: bool = False, cirrus: int = 12, names: bool = True
) -> None:
    """8 x 8 px: radar of -10 dB, bands of 2000 but for the cirrus band."""
    radar = np.full((2, 8, 8), 0.1 if power else -10, np.float32)
    write_scene_raster(folder / "s1.tif", radar, HERE)
    pixels = np.full((13, 8, 8), 2000, np.uint16)
    pixels[10] = cirrus
    write_scene_raster(
        folder / "s2.tif", pixels, HERE, nodata=0, names=S2_BANDS if names else ()
    )


def _read(patch: Patch, size_px: int = 8) -> Strip:
    (strip,) = read_strips(patch, size_px=size_px, stride_px=size_px)[1]
    return strip


@pytest.mark.parametrize(("role", "has_label"), [("pretrain", 0), ("labelled", 1)])
def test_only_the_labelled_role_reads_labels(
    tmp_path: Path, role: str, has_label: int
) -> None:
    _write_scene(tmp_path / "a")
    write_scene_raster(tmp_path / "a/label.tif", np.ones((1, 8, 8), np.uint8), HERE)
    (patch,) = _prepare(tmp_path, tmp_path / "raw", role)
    assert (patch.label is not None) == bool(has_label)


def test_scene_on_one_grid_is_only_described(tmp_path: Path) -> None:
    _write_scene(tmp_path / "a", names=False)
    assert _prepare(tmp_path, tmp_path / "raw") == list_patches(
        tmp_path, with_labels=False, label_scheme="esri"
    )
    assert [file.name for file in (tmp_path / "raw/a").iterdir()] == ["scene.json"]


def test_units_of_each_scene_are_told_apart(tmp_path: Path) -> None:
    _write_scene(tmp_path / "a")
    _write_scene(tmp_path / "b", power=True, cirrus=1012)
    old, new = _prepare(tmp_path, tmp_path / "raw")
    assert (old.s1_scale, old.s2_offset) == ("db", 0)
    assert (new.s1_scale, new.s2_offset) == ("linear", 1000)
    np.testing.assert_allclose(_read(old).s1, _read(new).s1, atol=1e-5)
    assert (_read(new).s2[..., 10] == 12).all()
    assert (_read(new).s2[..., 0] == 1000).all()


def test_params_outweigh_what_pixels_tell(tmp_path: Path) -> None:
    _write_scene(tmp_path / "a")
    (patch,) = prepare(
        tmp_path,
        tmp_path / "raw",
        role="pretrain",
        seed=0,
        label_scheme="esri",
        s1_scale="linear",
        s2_offset=1000,
        min_s1_cover=0.5,
        block_px=0,
    )
    assert (patch.s1_scale, patch.s2_offset) == ("linear", 1000)


def test_report_says_what_was_found(tmp_path: Path) -> None:
    _write_scene(tmp_path / "a", cirrus=1012)
    _prepare(tmp_path, tmp_path / "raw")
    report = json.loads((tmp_path / "raw/a/scene.json").read_text())
    assert (report["s1"]["scale"], report["s1"]["cover"]) == ("db", 1)
    assert report["s1"]["scale_from"] == "100.0% of the pixels negative, median -10"
    assert report["s2"]["offset"] == 1000
    assert report["s2"]["offset_from"] == "B10, 10th percentile 1012"
    assert report["s2"]["files"]["B8A"].endswith("a/s2.tif")
    assert report["grid"]["crs"] == UTM
    assert report["grid"]["transform"] == [10, 0, 500_000, 0, -10, 5_300_000]


def test_missing_bands_are_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write_scene(tmp_path / "whole")
    for name in S2_BANDS:
        level = 90 if name == "B12" else 2000
        pixels = np.full((1, 8, 8), level, np.uint16)
        if name not in ("B09", "B10"):
            write_scene_raster(tmp_path / f"part/{name}.tif", pixels, HERE)
    radar = np.full((2, 8, 8), -10, np.float32)
    write_scene_raster(tmp_path / "part/s1.tif", radar, HERE)
    with caplog.at_level(logging.INFO):
        part, _ = _prepare(tmp_path, tmp_path / "raw")
    assert part.s2_missing == "B09 B10"
    assert "part: s1 is db" in caplog.text
    assert "missing bands: B09, B10; put on the grid: none" in caplog.text
    assert "stored as 0: B09 in 1, B10 in 1 of 2 scenes" in caplog.text


def test_tiles_of_a_scene_off_the_grid_keep_their_footprints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By relative paths through the manifest, as the stages do."""
    monkeypatch.chdir(tmp_path)
    _write_scene(Path("user"))
    radar = np.full((2, 20, 20), 0.1, np.float32)
    around = Affine(10, 0, 499_963, 0, -10, 5_300_044)
    write_scene_raster(Path("user/s1.tif"), radar, around)
    write_manifest(_prepare(Path("user"), Path("raw")), Path("raw/patches.csv"))
    counts = write_tiles(
        read_manifest(Path("raw/patches.csv")),
        Path("store"),
        TileRules(8, 8, 0.0, 0.5, 0.1, 1),
        with_labels=False,
        progress=lambda: None,
    )
    index = gpd.read_parquet("store/index.parquet")
    assert counts["accepted"] == 1
    assert index["crs"].tolist() == [UTM]
    # 80 m from the central meridian of zone 32 eastwards
    west, _, east, north = index.geometry[0].bounds
    assert (west, east) == pytest.approx((9, 9.00107), abs=1e-5)
    assert north == pytest.approx(47.8530, abs=1e-3)
    assert (np.load("store/s1-00000.npy") == -1000).all()


def test_folder_without_stack_and_band_files_names_the_stack(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    (tmp_path / "a/s2.tif").rename(tmp_path / "a/optical.tif")
    with pytest.raises(MissingRastersError, match=r"no partner .*/a/s2\.tif"):
        _prepare(tmp_path, tmp_path / "raw")


def test_missing_optical_raster_is_refused_with_its_path(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    (tmp_path / "a" / "s2.tif").unlink()
    with pytest.raises(MissingRastersError, match=r"no partner .*/a/s2\.tif; restore"):
        _list(tmp_path)


def test_missing_labels_are_refused_with_their_path(tmp_path: Path) -> None:
    write_folder_scene(tmp_path / "a", size_px=8)
    with pytest.raises(MissingRastersError, match=r"no partner .*/a/label\.tif"):
        _list(tmp_path, with_labels=True)


def test_empty_folder_is_refused_with_the_layout(tmp_path: Path) -> None:
    with pytest.raises(MissingRastersError, match=r"no s1\.tif; put each scene in a"):
        _list(tmp_path)


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is not there")
def test_real_sample_is_found_and_readable() -> None:
    (patch,) = _list(SAMPLE)
    grid, strips = read_strips(patch, size_px=512, stride_px=512)
    assert (patch.patch_id, grid.height_px, grid.width_px) == ("scene", 512, 512)
    assert [np.isfinite(strip.s1).mean() > 0.5 for strip in strips] == [True]
