from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from scipy.stats import norm

from sentinel_fusion.bands import BANDS, S1_UNITS_PER_DB, encode_s1, encode_s2
from sentinel_fusion.data.plausibility import (
    ImplausibleUnitsError,
    check_units,
    refuse_wrong_units,
)
from sentinel_fusion.data.published_stats import PUBLISHED, PublishedStats
from sentinel_fusion.data.sources import dfc2020, sen12ms, synthetic
from sentinel_fusion.data.stats import PERCENTILES

SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "sample"
Pixels = np.ndarray
Bands = dict[str, dict[str, dict[str, float]]]
SIZE = 64
SPECKLE_LOOKS = 4.4  # of the 10 m products
# VV and VH in dB; B01..B08, B8A, B09, B10, B11, B12 as the top of the atmosphere shows
PLACES = {
    "water": (
        (-22.0, -30.0),
        (1250, 950, 650, 400, 350, 280, 260, 220, 200, 60, 8, 60, 40),
    ),
    "rainforest": (
        (-7.5, -13.0),
        (1250, 900, 750, 430, 700, 2200, 2900, 2800, 3100, 900, 9, 1400, 550),
    ),
    "desert": (
        (-12.0, -24.0),
        (2000, 2300, 2900, 3800, 4100, 4300, 4500, 4500, 4700, 1600, 40, 5200, 4600),
    ),
    "high_desert": (
        (-10.0, -20.0),
        (1500, 1700, 2100, 2600, 2800, 2900, 3000, 3000, 3100, 2200, 230, 3600, 3200),
    ),
    "snow": (
        (-14.0, -20.0),
        (9500, 9300, 9100, 9000, 9000, 8800, 8700, 8500, 8300, 4000, 160, 800, 600),
    ),
    "city": (
        (-2.0, -8.0),
        (1700, 1600, 1600, 1700, 1800, 2000, 2100, 2200, 2300, 900, 12, 2300, 2000),
    ),
}


def _pixels(place: str) -> tuple[Pixels, Pixels]:
    """dB with speckle, and reflectance x 10000 with texture, of one kind of place."""
    rng = np.random.default_rng(sorted(PLACES).index(place))
    decibel, reflectance = PLACES[place]
    speckle = rng.gamma(SPECKLE_LOOKS, 1 / SPECKLE_LOOKS, (SIZE, SIZE, 2))
    texture = np.exp(0.15 * rng.normal(size=(SIZE, SIZE, 13)))
    s2 = np.rint(np.array(reflectance) * texture).astype(np.int64)
    return np.array(decibel) + 10 * np.log10(speckle), s2


def _bands(s1: Pixels, s2: Pixels) -> Bands:
    return {
        "s1": _summaries("s1", encode_s1(s1) / S1_UNITS_PER_DB),
        "s2": _summaries("s2", encode_s2(s2).astype(np.float64)),
    }


def _summaries(sensor: str, pixels: Pixels) -> dict[str, dict[str, float]]:
    """As ``BandHistograms`` gives them, without its tables of every possible value."""
    columns = pixels.reshape(-1, pixels.shape[-1])
    keys = [f"p{percent}" for percent in PERCENTILES]
    levels = np.percentile(columns, PERCENTILES, axis=0, method="inverted_cdf").T
    return {
        name: {"mean": float(column.mean()), "sd": float(column.std())}
        | dict(zip(keys, level.tolist(), strict=True))
        for name, column, level in zip(BANDS[sensor], columns.T, levels, strict=True)
    }


def _half(change: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    def change_half(pixels: Pixels) -> Pixels:
        whole = change(pixels)
        whole[: SIZE // 2] = pixels[: SIZE // 2]
        return whole

    return change_half


def _power(decibel: Pixels) -> Pixels:
    return np.asarray(10 ** (decibel / 10))


@pytest.mark.parametrize("place", PLACES)
def test_unusual_places_are_no_fault(place: str) -> None:
    assert check_units(_bands(*_pixels(place))) == []


def test_all_places_together_are_no_fault() -> None:
    s1, s2 = zip(*(_pixels(place) for place in PLACES), strict=True)
    assert check_units(_bands(np.concatenate(s1), np.concatenate(s2))) == []


def test_thick_cirrus_is_no_fault() -> None:
    s1, s2 = _pixels("rainforest")
    cloud = np.random.default_rng(0).gamma(1.5, 400, (SIZE, SIZE, 1))
    assert check_units(_bands(s1, s2 + cloud.astype(np.int64))) == []


def test_an_empty_cirrus_band_is_no_fault() -> None:
    s1, s2 = _pixels("rainforest")
    s2[..., BANDS["s2"].index("B10")] = 0
    assert check_units(_bands(s1, s2)) == []


@pytest.mark.parametrize("stats", PUBLISHED, ids=lambda stats: stats.name)
def test_published_statistics_are_no_fault(stats: PublishedStats) -> None:
    bands: Bands = {sensor: {} for sensor in BANDS}
    for sensor, names in BANDS.items():
        for name in names:
            mean, sd = stats.of(name)
            floor = -100.0 if sensor == "s1" else 1.0
            bands[sensor][name] = {"mean": mean, "sd": sd} | {
                f"p{p}": max(floor, mean + sd * float(norm.ppf(p / 100)))
                for p in PERCENTILES
            }
    assert check_units(bands) == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_power, id="power"),
        pytest.param(lambda db: np.sqrt(_power(db)), id="amplitude"),
        pytest.param(lambda db: np.clip((db + 30) / 35, 0, 1), id="rescaled"),
        pytest.param(np.abs, id="sign lost"),
    ],
)
def test_radar_that_is_not_in_db_is_told(
    place: str, change: Callable[[Pixels], Pixels]
) -> None:
    s1, s2 = _pixels(place)
    faults = check_units(_bands(change(s1), s2))
    assert [fault.split()[0] for fault in faults] == ["VV", "VH"]
    assert all("linear power" in f and "s1_scale" in f for f in faults)


@pytest.mark.parametrize("place", PLACES)
def test_logarithm_without_the_factor_is_told(place: str) -> None:
    s1, s2 = _pixels(place)
    faults = check_units(_bands(s1 / 10, s2))
    assert len(faults) == 2
    assert all("convert them to dB, 10 log10(power)" in fault for fault in faults)


def test_db_times_a_factor_is_told() -> None:
    s1, s2 = _pixels("rainforest")
    faults = check_units(_bands(s1 * 10, s2))
    assert [fault.split()[0] for fault in faults] == ["VV", "VH"]
    assert all("hundredths of a dB" in fault for fault in faults)


@pytest.mark.parametrize("place", PLACES)
def test_power_in_a_part_of_the_rasters_is_told(place: str) -> None:
    s1, s2 = _pixels(place)
    (fault,) = check_units(_bands(_half(_power)(s1), s2))
    assert "VH" in fault
    assert "a part of the rasters holds linear power, or a fill value of 0" in fault


def test_swapped_radar_bands_are_told() -> None:
    s1, s2 = _pixels("desert")
    (fault,) = check_units(_bands(s1[..., ::-1], s2))
    assert "VH must be darker than VV" in fault
    assert "swap its bands" in fault


@pytest.mark.parametrize("place", PLACES)
def test_the_offset_left_in_is_told(place: str) -> None:
    s1, s2 = _pixels(place)
    (fault,) = check_units(_bands(s1, s2 + 1000))
    assert (
        "offset of +1000 of processing baseline N0400 and later was left in:" in fault
    )
    assert "set download.folder.s2_offset" in fault


def test_the_offset_left_in_a_cloudy_scene_is_told() -> None:
    s1, s2 = _pixels("rainforest")
    s2[SIZE // 2 :] += np.random.default_rng(0).integers(50, 900, (SIZE // 2, SIZE, 1))
    (fault,) = check_units(_bands(s1, s2 + 1000))
    assert "was left in:" in fault


@pytest.mark.parametrize("place", ["water", "rainforest", "city"])
def test_the_offset_in_a_part_of_the_rasters_is_told(place: str) -> None:
    s1, s2 = _pixels(place)
    (fault,) = check_units(_bands(s1, _half(lambda pixels: pixels + 1000)(s2)))
    assert "was left in a part of the rasters" in fault


@pytest.mark.parametrize("place", ["water", "rainforest"])
def test_an_offset_taken_off_twice_is_told(place: str) -> None:
    s1, s2 = _pixels(place)
    (fault,) = check_units(_bands(s1, np.maximum(s2 - 1000, 0)))
    assert "1000 was subtracted from rasters that have no offset" in fault


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1 / 10_000, "0..1 as whole numbers"),
        (255 / 10_000, "scaled to 8 bits or percent"),
        (100 / 10_000, "scaled to 8 bits or percent"),
    ],
)
def test_reflectance_of_another_scale_is_told(
    place: str, factor: float, words: str
) -> None:
    s1, s2 = _pixels(place)
    scaled = np.rint(s2 * factor).clip(max=255).astype(np.int64)
    scaled[0, 0] = 1  # not all 0, which would be no measurement
    (fault,) = check_units(_bands(s1, scaled))
    assert f"the rasters hold reflectance {words}" in fault


def test_reflectance_stretched_to_16_bits_is_told() -> None:
    s1, s2 = _pixels("desert")
    (fault,) = check_units(_bands(s1, s2 * 8))
    assert "stretched to 16 bits" in fault


def test_a_fault_says_what_was_expected_and_found() -> None:
    s1, s2 = _pixels("rainforest")
    bands = _bands(s1, s2 + 1000)
    (fault,) = check_units(bands)
    assert "DFC2020 14.8 +- 14.3, SSL4EO-S12 22.1 +- 51.2; reflectance" in fault
    assert f"got p1 {bands['s2']['B10']['p1']:g}, p50 1009, " in fault


def test_wrong_units_are_refused_with_the_store_and_every_fault() -> None:
    s1, s2 = _pixels("rainforest")
    with pytest.raises(
        ImplausibleUnitsError, match=r"(?s)^data/tiles/x holds.*\n- VV.*\n- VH.*\n- B10"
    ):
        refuse_wrong_units(_bands(_power(s1), s2 + 1000), "data/tiles/x")


def _read(s1: Path, s2: Path) -> tuple[Pixels, Pixels]:
    pixels = []
    for file in (s1, s2):
        with rasterio.open(file) as raster:
            pixels.append(np.moveaxis(raster.read(), 0, -1))
    return pixels[0], pixels[1].astype(np.int64)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_generated_scenes_are_no_fault(tmp_path: Path) -> None:
    patches = synthetic.prepare(
        Path("unused"),
        tmp_path,
        role="pretrain",
        seed=0,
        patch_px=32,
        patches_per_place=1,
        pretrain_places=2,
        validation_places=1,
        test_places=1,
        workers=1,
    )
    for patch in patches:
        assert check_units(_bands(*_read(patch.s1, patch.s2))) == []


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is missing")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_real_pixels_are_no_fault() -> None:
    patches = [
        *sen12ms.list_patches(SAMPLE / "sen12ms", with_labels=False),
        *dfc2020.list_patches(SAMPLE / "dfc2020", with_labels=True, block_patches=1),
    ]
    files = [(patch.s1, patch.s2) for patch in patches]
    files.append((SAMPLE / "scene" / "s1.tif", SAMPLE / "scene" / "s2.tif"))
    for s1, s2 in files:
        assert check_units(_bands(*_read(s1, s2))) == [], s1


@pytest.mark.skipif(not SAMPLE.is_dir(), reason=f"{SAMPLE} is missing")
def test_real_pixels_with_wrong_units_are_told() -> None:
    folder = SAMPLE / "sen12ms" / "ROIs1970_fall"
    s1, s2 = _read(
        folder / "s1_139" / "ROIs1970_fall_s1_139_p839.tif",
        folder / "s2_139" / "ROIs1970_fall_s2_139_p839.tif",
    )
    faults = check_units(_bands(_power(s1), s2 + 1000))
    assert [fault.split()[0] for fault in faults] == ["VV", "VH", "B10"]
