from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from tests.builders import write_scene_raster

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.scenes.bands import find_s2_bands
from sentinel_fusion.data.scenes.units import find_s1_scale, find_s2_offset

HERE = Affine(10, 0, 500_000, 0, -10, 5_300_000)
SIZE_PX = 20
L2A = tuple(name for name in S2_BANDS if name != "B10")


def _radar(file: Path, values: np.ndarray, nodata: float | None = None) -> Path:
    pixels = np.broadcast_to(values, (2, SIZE_PX, SIZE_PX)).astype(np.float32)
    return write_scene_raster(file / "s1.tif", pixels, HERE, nodata=nodata)


@pytest.mark.parametrize(
    ("value", "nodata", "expected"),
    [
        (-14.0, None, "db"),
        (0.04, None, "linear"),
        (-14.0, 0, "db"),
        (0.04, -9999, "linear"),
    ],
)
def test_scale_is_told_from_pixels(
    tmp_path: Path, value: float, nodata: float | None, expected: str
) -> None:
    values = np.full((1, SIZE_PX, SIZE_PX), value)
    values[0, :15] = np.nan if nodata is None else nodata
    file = _radar(tmp_path, values, nodata)
    assert find_s1_scale(file, (1, 2), "auto")[0] == expected


def test_linear_zeros_do_not_count_as_pixels(tmp_path: Path) -> None:
    values = np.zeros((1, SIZE_PX, SIZE_PX))
    values[0, 0] = -12
    assert find_s1_scale(_radar(tmp_path, values), (1, 2), "auto")[0] == "db"


def test_a_few_bright_pixels_do_not_hide_the_scale(tmp_path: Path) -> None:
    values = np.full((1, SIZE_PX, SIZE_PX), -8.0)
    values[0, :2] = 12.0
    scale, why = find_s1_scale(_radar(tmp_path, values), (1, 2), "auto")
    assert (scale, why) == ("db", "90.0% of the pixels negative, median -8")


@pytest.mark.parametrize("value", [250.0, 3.0])
def test_uncalibrated_radar_is_refused(tmp_path: Path, value: float) -> None:
    file = _radar(tmp_path, np.full((1, 1, 1), value))
    message = rf"s1\.tif: .* 0\.0% .*, median {value:g}; .*set download\.folder\.s1_sc"
    with pytest.raises(ValueError, match=message):
        find_s1_scale(file, (1, 2), "auto")


def test_half_negative_radar_is_refused(tmp_path: Path) -> None:
    values = np.array([-0.5, 0.5]).repeat(SIZE_PX // 2)
    with pytest.raises(ValueError, match=r"got 50\.0% of the pixels negative"):
        find_s1_scale(_radar(tmp_path, values), (1, 2), "auto")


def test_empty_radar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no radar pixel has a value"):
        find_s1_scale(_radar(tmp_path, np.full((1, 1, 1), np.nan)), (1, 2), "auto")


def test_scale_in_params_is_not_questioned(tmp_path: Path) -> None:
    found = find_s1_scale(tmp_path / "none.tif", (1, 2), "linear")
    assert found == ("linear", "set in params")


def _optical(
    folder: Path,
    values: dict[str, int],
    *,
    names: tuple[str, ...] = S2_BANDS,
    tags: dict[str, str] | None = None,
) -> Path:
    """Bands hold 2000 unless named; the first row holds no data."""
    pixels = np.stack(
        [np.full((SIZE_PX, SIZE_PX), values.get(name, 2000)) for name in names]
    ).astype(np.uint16)
    pixels[:, 0] = 0
    file = folder / "s2.tif"
    return write_scene_raster(file, pixels, HERE, names=names, tags=tags)


def _find(file: Path) -> int:
    return find_s2_offset(find_s2_bands(file), "auto")[0]


@pytest.mark.parametrize(("cirrus", "expected"), [(12, 0), (1012, 1000)])
def test_cirrus_band_tells_the_offset(
    tmp_path: Path, cirrus: int, expected: int
) -> None:
    assert _find(_optical(tmp_path, {"B10": cirrus})) == expected


def test_cirrus_evidence_is_reported(tmp_path: Path) -> None:
    bands = find_s2_bands(_optical(tmp_path, {"B10": 12}))
    assert find_s2_offset(bands, "auto") == (0, "B10, 10th percentile 12")


def test_value_below_the_offset_tells_there_is_none(tmp_path: Path) -> None:
    assert _find(_optical(tmp_path, {"B12": 90}, names=L2A)) == 0


def test_water_just_above_the_offset_tells_it(tmp_path: Path) -> None:
    water = {"B8A": 1090, "B11": 1060, "B12": 1040}
    assert _find(_optical(tmp_path, water, names=L2A)) == 1000


def test_dry_ground_is_not_taken_for_an_offset(tmp_path: Path) -> None:
    """First percentiles of real dry ground without the offset (DFC2020)."""
    dry = {"B02": 1007, "B03": 965, "B04": 1025, "B11": 2646, "B12": 1654}
    file = _optical(tmp_path, dry, names=L2A)
    with pytest.raises(
        ValueError, match=r"neither metadata nor dark pixels .* to 0 or"
    ):
        _find(file)


def test_cirrus_band_of_zeros_tells_nothing(tmp_path: Path) -> None:
    assert _find(_optical(tmp_path, {"B10": 0, "B12": 90})) == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PROCESSING_BASELINE": "05.09"}, 1000),
        ({"PROCESSING_BASELINE": "04.00"}, 1000),
        ({"PROCESSING_BASELINE": "N0301"}, 0),
        ({"BOA_ADD_OFFSET": "-1000"}, 1000),
        ({"RADIO_ADD_OFFSET_B02": "-1000.0"}, 1000),
        ({"BOA_ADD_OFFSET": "0", "PROCESSING_BASELINE": "05.09"}, 0),
        ({"PRODUCT": "S2A_MSIL2A_20220301T100031_N0400_R122_T32TQM"}, 1000),
        ({"PRODUCT": "S2A_MSIL2A_20180301T100031_N0206_R122_T32TQM"}, 0),
    ],
)
def test_metadata_tells_the_offset_of_bright_ground(
    tmp_path: Path, tags: dict[str, str], expected: int
) -> None:
    assert _find(_optical(tmp_path, {}, names=L2A, tags=tags)) == expected


def test_product_name_in_the_path_tells_the_offset(tmp_path: Path) -> None:
    product = tmp_path / "S2B_MSIL1C_20230101T101409_N0509_R022_T32TQM.SAFE"
    assert _find(_optical(product, {}, names=L2A)) == 1000


def test_scaling_of_the_raster_tells_the_offset(tmp_path: Path) -> None:
    file = _optical(tmp_path, {}, names=L2A)
    with rasterio.open(file, "r+") as raster:
        raster.scales = [1e-4] * len(L2A)
        raster.offsets = [-0.1] * len(L2A)
    assert _find(file) == 1000


def test_number_of_the_toolbox_is_no_baseline(tmp_path: Path) -> None:
    tags = {"PROCESSING_BASELINE": "99.99"}
    assert _find(_optical(tmp_path, {"B12": 90}, names=L2A, tags=tags)) == 0


def test_metadata_against_pixels_is_refused_with_both(tmp_path: Path) -> None:
    """Harmonised copies keep the tags of the product that had the offset."""
    tags = {"PROCESSING_BASELINE": "04.00"}
    file = _optical(tmp_path, {"B10": 12}, tags=tags)
    message = r"1000 by metadata \(processing baselines \[400\]\) but 0 by pixels \(B10"
    with pytest.raises(ValueError, match=message):
        _find(file)


@pytest.mark.parametrize("value", ["-500", "0,-1000"])
def test_other_offsets_are_refused(tmp_path: Path, value: str) -> None:
    file = _optical(tmp_path, {"B10": 12}, tags={"BOA_ADD_OFFSET": value})
    with pytest.raises(ValueError, match=r"one offset, 0 or -1000, got offsets \[-"):
        _find(file)


def test_offset_in_params_is_not_questioned(tmp_path: Path) -> None:
    bands = find_s2_bands(_optical(tmp_path, {"B10": 12}))
    assert find_s2_offset(bands, 1000) == (1000, "set in params")
