"""Writes simulated places in the folders and file names of SEN12MS and DFC2020."""

import math
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from rasterio.warp import transform

from sentinel_fusion.bands import S1_BANDS, S2_BANDS
from sentinel_fusion.data.synthetic.geotiff import Georeference, write_geotiff
from sentinel_fusion.data.synthetic.locations import ROLES, Location, draw_locations
from sentinel_fusion.data.synthetic.modis import LC_LAYERS, coarse_land_cover
from sentinel_fusion.data.synthetic.place import SEASONS
from sentinel_fusion.data.synthetic.scene import SMALLEST_PX, Scene, simulate_scene

SEN12MS_FOLDERS = {
    "spring": "ROIs1158_spring",
    "summer": "ROIs1868_summer",
    "fall": "ROIs1970_fall",
    "winter": "ROIs2017_winter",
}
# SEN12MS names seasons after the northern calendar everywhere.
OPPOSITE_SEASON = dict(zip(SEASONS, (*SEASONS[2:], *SEASONS[:2]), strict=True))
# The folder after the sensor's name, as the contest's archives unpack.
DFC2020_SUFFIXES = {"validation": "validation", "test": "0"}


@dataclass(frozen=True)
class PlaceJob:
    """All that one process needs to write one place.

    Args:
        role: One of ``locations.ROLES``.
        number: Position of the place within its role, from 0.
        seed: Seed of the data set.
        location: Centre of the place.
        patches: Patches to cut from the place.
        patch_px: Side of a patch.
        folder: Root of the data set.
    """

    role: str
    number: int
    seed: int
    location: Location
    patches: int
    patch_px: int
    folder: Path


def write_sen12ms(
    folder: Path,
    *,
    seed: int,
    num_places: int,
    patches_per_place: int,
    patch_px: int,
    workers: int,
) -> int:
    """Writes unlabelled sensor pairs with coarse land cover in SEN12MS's layout.

    Places take the four seasons in turn; scene numbers start at 1 and are unique.

    Args:
        folder: Root; gets one folder a season.
        seed: Seed; the same seed gives the same bytes whatever ``workers``.
        num_places: Places to simulate; more places keep the earlier ones.
        patches_per_place: Adjacent patches cut from each place.
        patch_px: Side of a patch.
        workers: Processes; 1 stays in this one.

    Returns:
        Number of patches written; each is three files.

    Raises:
        ValueError: If a number is too small or there are more places than room.
    """
    if num_places < 1:
        raise ValueError(f"num_places must be >= 1, got {num_places}; raise it")
    _check_numbers(seed, patches_per_place, patch_px, workers)
    jobs = _plan("pretrain", num_places, folder, seed, patches_per_place, patch_px)
    return _write_all(jobs, workers)


def write_dfc2020(
    folder: Path,
    *,
    seed: int,
    num_places: dict[str, int],
    patches_per_place: int,
    patch_px: int,
    workers: int,
) -> int:
    """Writes labelled sensor pairs in DFC2020's layout.

    Args:
        folder: Root; gets ``ROIs0000_validation`` and ``ROIs0000_test``.
        seed: Seed; the same seed gives the same bytes whatever ``workers``.
        num_places: Places of "validation" and of "test".
        patches_per_place: Adjacent patches cut from each place.
        patch_px: Side of a patch.
        workers: Processes; 1 stays in this one.

    Returns:
        Number of patches written; each is three files.

    Raises:
        ValueError: If a count is too small, there are more places than room, or the
            groups are not these two.
    """
    _check_numbers(seed, patches_per_place, patch_px, workers)
    if set(num_places) != set(DFC2020_SUFFIXES):
        raise ValueError(
            f"num_places must have the keys {', '.join(DFC2020_SUFFIXES)}, "
            f"got {', '.join(num_places) or 'none'}; give each group a number"
        )
    if min(num_places.values()) < 1:
        raise ValueError(
            f"num_places must be >= 1 in each group, got {num_places}; raise it"
        )
    jobs = [
        job
        for group in DFC2020_SUFFIXES
        for job in _plan(
            group, num_places[group], folder, seed, patches_per_place, patch_px
        )
    ]
    return _write_all(jobs, workers)


def _check_numbers(
    seed: int, patches_per_place: int, patch_px: int, workers: int
) -> None:
    limits = (
        ("seed", seed, 0),
        ("patches_per_place", patches_per_place, 1),
        ("patch_px", patch_px, SMALLEST_PX),
        ("workers", workers, 1),
    )
    for name, value, least in limits:
        if value < least:
            raise ValueError(f"{name} must be >= {least}, got {value}; raise it")


def _plan(
    role: str, num_places: int, folder: Path, seed: int, patches: int, patch_px: int
) -> list[PlaceJob]:
    return [
        PlaceJob(role, number, seed, location, patches, patch_px, folder)
        for number, location in enumerate(draw_locations(role, num_places, seed))
    ]


def _write_all(jobs: list[PlaceJob], workers: int) -> int:
    if workers == 1:
        return sum(map(write_place, jobs))
    # Spawned and not forked: the caller may hold threads of torch or GDAL.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(write_place, jobs))


def write_place(job: PlaceJob) -> int:
    """Simulates one place and writes its patches.

    Args:
        job: The place.

    Returns:
        Number of patches written.
    """
    key = (ROLES.index(job.role), job.number)
    rng = np.random.default_rng(np.random.SeedSequence(job.seed, spawn_key=key))
    is_labelled = job.role in DFC2020_SUFFIXES
    season = str(rng.choice(SEASONS)) if is_labelled else SEASONS[job.number % 4]
    is_northern = job.location.latitude >= 0
    columns = math.ceil(math.sqrt(job.patches))
    rows = math.ceil(job.patches / columns)
    scene = simulate_scene(
        height_px=rows * job.patch_px,
        width_px=columns * job.patch_px,
        season=season if is_northern else OPPOSITE_SEASON[season],
        rng=rng,
    )
    if is_labelled:
        rasters = _dfc2020_rasters(job, scene)
    else:
        rasters = _sen12ms_rasters(season, scene)
    (x,), (y,) = transform(
        "EPSG:4326",
        f"EPSG:{job.location.epsg}",
        [job.location.longitude],
        [job.location.latitude],
    )
    origin = (round(x, -1), round(y, -1))
    for raster in rasters:
        _write_patches(job, raster, columns, origin)
    return job.patches


@dataclass(frozen=True)
class _Raster:
    """One layer of a place and where its patches go."""

    pixels: np.ndarray
    band_names: tuple[str, ...]
    folder: str
    stem: str


def _sen12ms_rasters(season: str, scene: Scene) -> Iterable[_Raster]:
    root = SEN12MS_FOLDERS[season]
    layers = (
        ("s1", scene.s1, S1_BANDS),
        ("s2", scene.s2, S2_BANDS),
        ("lc", coarse_land_cover(scene.label), LC_LAYERS),
    )
    return [
        _Raster(pixels, names, f"{root}/{layer}_{{scene}}", f"{root}_{layer}")
        for layer, pixels, names in layers
    ]


def _dfc2020_rasters(job: PlaceJob, scene: Scene) -> Iterable[_Raster]:
    root, suffix = f"ROIs0000_{job.role}", DFC2020_SUFFIXES[job.role]
    layers = (
        ("s1", scene.s1.astype(np.float64), S1_BANDS),
        ("s2", scene.s2, S2_BANDS),
        ("dfc", scene.label[..., None], ("dfc",)),
    )
    return [
        _Raster(pixels, names, f"{root}/{layer}_{suffix}", f"{root}_{layer}")
        for layer, pixels, names in layers
    ]


def _write_patches(
    job: PlaceJob, raster: _Raster, columns: int, origin: tuple[float, float]
) -> None:
    is_labelled = job.role in DFC2020_SUFFIXES
    scene_number = job.number if is_labelled else job.number + 1
    first = job.number * job.patches if is_labelled else 0
    folder = job.folder / raster.folder.format(scene=scene_number)
    folder.mkdir(parents=True, exist_ok=True)
    for patch in range(job.patches):
        top = patch // columns * job.patch_px
        left = patch % columns * job.patch_px
        window = raster.pixels[top : top + job.patch_px, left : left + job.patch_px]
        west, north = origin[0] + 10 * left, origin[1] - 10 * top
        write_geotiff(
            folder / f"{raster.stem}_{scene_number}_p{first + patch}.tif",
            np.moveaxis(window, -1, 0),
            raster.band_names,
            Georeference(job.location.epsg, west, north),
        )
