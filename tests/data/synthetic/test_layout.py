from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform

from sentinel_fusion.data.synthetic import layout
from sentinel_fusion.data.synthetic.layout import (
    SEN12MS_FOLDERS,
    PlaceJob,
    write_dfc2020,
    write_place,
    write_sen12ms,
)
from sentinel_fusion.data.synthetic.locations import Location
from sentinel_fusion.data.synthetic.scene import Scene, simulate_scene

SMALL = {"patches_per_place": 2, "patch_px": 32}
GROUPS = {"validation": 1, "test": 2}


def _bytes(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _pretrain(folder: Path, seed: int, num_places: int, workers: int) -> int:
    return write_sen12ms(
        folder, seed=seed, num_places=num_places, workers=workers, **SMALL
    )


def _labelled(folder: Path, groups: dict[str, int], workers: int) -> int:
    return write_dfc2020(folder, seed=0, num_places=groups, workers=workers, **SMALL)


def test_same_seed_gives_same_bytes_whatever_workers(tmp_path: Path) -> None:
    _labelled(tmp_path / "one", GROUPS, 1)
    _labelled(tmp_path / "two", GROUPS, 2)
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


def test_different_seeds_differ_in_every_file(tmp_path: Path) -> None:
    _pretrain(tmp_path / "one", 0, 1, 1)
    _pretrain(tmp_path / "two", 1, 1, 1)
    one, two = _bytes(tmp_path / "one"), _bytes(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


def test_more_places_keep_the_earlier_files(tmp_path: Path) -> None:
    _labelled(tmp_path / "few", {"validation": 1, "test": 1}, 1)
    _labelled(tmp_path / "many", {"validation": 2, "test": 2}, 1)
    assert _bytes(tmp_path / "few").items() <= _bytes(tmp_path / "many").items()


def test_sen12ms_names_are_those_of_the_data_set(tmp_path: Path) -> None:
    assert _pretrain(tmp_path, 0, 4, 1) == 8
    expected = {
        f"{root}/{layer}_{scene}/{root}_{layer}_{scene}_p{patch}.tif"
        for scene, root in enumerate(SEN12MS_FOLDERS.values(), start=1)
        for layer in ("s1", "s2", "lc")
        for patch in (0, 1)
    }
    assert _bytes(tmp_path).keys() == expected


def test_dfc2020_names_are_those_of_the_data_set(tmp_path: Path) -> None:
    assert _labelled(tmp_path, GROUPS, 1) == 6
    names = _bytes(tmp_path).keys()
    root = "ROIs0000_validation"
    assert f"{root}/dfc_validation/{root}_dfc_0_p1.tif" in names
    assert "ROIs0000_test/s1_0/ROIs0000_test_s1_1_p3.tif" in names
    assert len(names) == 18


@pytest.mark.parametrize(
    ("layer", "dtype", "count"),
    [("s1", "float64", 2), ("s2", "uint16", 13), ("dfc", "uint8", 1)],
)
def test_rasters_have_type_bands_and_grid(
    layer: str, dtype: str, count: int, tmp_path: Path
) -> None:
    _labelled(tmp_path, {"validation": 1, "test": 1}, 1)
    path = tmp_path / f"ROIs0000_test/{layer}_0/ROIs0000_test_{layer}_0_p1.tif"
    with rasterio.open(path) as raster:
        assert (raster.dtypes[0], raster.count, raster.shape) == (
            dtype,
            count,
            (32, 32),
        )
        assert raster.crs.to_epsg() // 100 in {326, 327}
        assert raster.res == (10, 10)
        assert raster.tags()["SYNTHETIC"] == "yes, simulated by sentinel-fusion"
        assert all(raster.descriptions)


def test_sen12ms_radar_is_float32_and_cover_has_four_layers(tmp_path: Path) -> None:
    _pretrain(tmp_path, 0, 1, 1)
    folder = tmp_path / "ROIs1158_spring"
    with rasterio.open(folder / "s1_1/ROIs1158_spring_s1_1_p0.tif") as raster:
        assert raster.dtypes[0] == "float32"
    with rasterio.open(folder / "lc_1/ROIs1158_spring_lc_1_p0.tif") as raster:
        assert (raster.dtypes[0], raster.count) == ("uint8", 4)


def test_patches_of_a_place_lie_side_by_side(tmp_path: Path) -> None:
    _pretrain(tmp_path, 0, 1, 1)
    folder = tmp_path / "ROIs1158_spring/s2_1"
    first, second = sorted(folder.iterdir())
    with rasterio.open(first) as left, rasterio.open(second) as right:
        assert right.bounds.left == left.bounds.right
        assert right.bounds.top == left.bounds.top


def test_places_lie_inside_the_land_band(tmp_path: Path) -> None:
    _pretrain(tmp_path, 0, 1, 1)
    path = tmp_path / "ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p0.tif"
    with rasterio.open(path) as raster:
        (longitude,), (latitude,) = transform(
            raster.crs, "EPSG:4326", [raster.bounds.left], [raster.bounds.top]
        )
    assert -125 < longitude < 150
    assert -35 < latitude < 60


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    _pretrain(tmp_path, 0, 1, 1)
    assert all(name.endswith(".tif") for name in _bytes(tmp_path))


def test_radar_is_finite(tmp_path: Path) -> None:
    _pretrain(tmp_path, 0, 1, 1)
    path = tmp_path / "ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p0.tif"
    with rasterio.open(path) as raster:
        assert np.isfinite(raster.read()).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("seed", -1, "seed must be >= 0, got -1"),
        ("num_places", 0, "num_places must be >= 1, got 0"),
        ("patches_per_place", 0, "patches_per_place must be >= 1, got 0"),
        ("patch_px", 8, "patch_px must be >= 16, got 8"),
        ("workers", 0, "workers must be >= 1, got 0"),
    ],
)
def test_bad_numbers_are_refused(
    name: str, value: int, message: str, tmp_path: Path
) -> None:
    numbers = {"seed": 0, "num_places": 1, "workers": 1, **SMALL}
    with pytest.raises(ValueError, match=message):
        write_sen12ms(tmp_path, **{**numbers, name: value})


def test_unknown_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keys validation, test, got train"):
        _labelled(tmp_path, {"train": 1}, 1)


def test_empty_groups_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_places must be >= 1 in each group"):
        _labelled(tmp_path, {"validation": 1, "test": 0}, 1)


@pytest.mark.parametrize(
    ("latitude", "seen"),
    [
        (48.0, ["spring", "summer", "fall", "winter"]),
        (-25.0, ["fall", "winter", "spring", "summer"]),
    ],
)
def test_southern_places_have_the_opposite_season(
    latitude: float, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seasons: list[str] = []

    def record(*, season: str, rng: np.random.Generator, **sides_px: int) -> Scene:
        seasons.append(season)
        return simulate_scene(season=season, rng=rng, **sides_px)

    monkeypatch.setattr(layout, "simulate_scene", record)
    epsg = 32633 if latitude > 0 else 32733
    for number in range(4):
        where = Location(15.0, latitude, epsg)
        write_place(PlaceJob("pretrain", number, 0, where, 1, 16, tmp_path))
    assert seasons == seen
    assert {path.name for path in tmp_path.iterdir()} == set(SEN12MS_FOLDERS.values())
