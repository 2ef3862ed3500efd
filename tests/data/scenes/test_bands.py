from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine
from tests.builders import write_scene_raster

from sentinel_fusion.bands import S2_BANDS
from sentinel_fusion.data.scenes.bands import (
    BandSource,
    band_files,
    band_name,
    find_s1_bands,
    find_s2_bands,
)

TEN = tuple(name for name in S2_BANDS if name not in ("B01", "B09", "B10"))


def _write(
    file: Path,
    bands: int,
    names: tuple[str, ...] = (),
    *,
    dtype: type[np.number] = np.uint16,
    pixel_m: float = 10,
) -> Path:
    place = Affine(pixel_m, 0, 500_000, 0, -pixel_m, 5_300_000)
    return write_scene_raster(file, np.ones((bands, 2, 2), dtype), place, names=names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B02", "B02"),
        ("B2", "B02"),
        ("b8a", "B8A"),
        ("B11", "B11"),
        ("B8A, central wavelength 865 nm", "B8A"),
        ("T32TQM_20220101T101401_B08_10m", "B08"),
        ("S2-B1", "B01"),
        ("SCL", None),
        ("B13", None),
        ("B0", None),
        ("B4A", None),
        ("AB02", None),
        ("B021", None),
        ("", None),
    ],
)
def test_text_names_a_band(text: str, expected: str | None) -> None:
    assert band_name(text) == expected


def test_stack_without_names_is_in_storage_order(tmp_path: Path) -> None:
    file = _write(tmp_path / "s2.tif", 13)
    bands = find_s2_bands(file)
    assert list(bands.sources) == list(S2_BANDS)
    assert bands.sources["B8A"] == BandSource(file, 9)
    assert (bands.missing, bands.left_out, bands.files) == ((), (), [file])


def test_stack_of_any_order_is_read_by_its_names(tmp_path: Path) -> None:
    file = _write(tmp_path / "s2.tif", 13, S2_BANDS[::-1])
    sources = find_s2_bands(file).sources
    assert list(sources) == list(S2_BANDS)
    assert (sources["B12"].index, sources["B01"].index) == (1, 13)


def test_stack_of_level_2a_lacks_the_cirrus_band(tmp_path: Path) -> None:
    names = tuple(f"B{n}" for n in (*range(1, 9), "8A", 9, 11, 12))
    bands = find_s2_bands(_write(tmp_path / "s2.tif", 12, names))
    assert bands.missing == ("B10",)


def test_stack_of_ten_lacks_the_three_coarse_bands(tmp_path: Path) -> None:
    bands = find_s2_bands(_write(tmp_path / "s2.tif", 10, TEN))
    assert bands.missing == ("B01", "B09", "B10")


def test_layers_that_are_no_band_are_left_out_by_name(tmp_path: Path) -> None:
    bands = find_s2_bands(_write(tmp_path / "s2.tif", 12, (*TEN, "SCL")))
    assert bands.left_out == ("SCL", "layer 12")


@pytest.mark.parametrize("count", [10, 12])
def test_fewer_bands_without_names_are_refused(tmp_path: Path, count: int) -> None:
    file = _write(tmp_path / "s2.tif", count)
    with pytest.raises(ValueError, match=rf"s2\.tif: {count} bands .*; describe each"):
        find_s2_bands(file)


def test_stack_without_a_needed_band_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path / "s2.tif", 8, TEN[:-2])
    with pytest.raises(ValueError, match=r"but B01, B09, B10, lacks B11, B12; add"):
        find_s2_bands(file)


def test_band_described_twice_is_refused(tmp_path: Path) -> None:
    file = _write(tmp_path / "s2.tif", 11, (*TEN, "B2"))
    with pytest.raises(ValueError, match="bands 1 and 11 are both described as B02"):
        find_s2_bands(file)


def test_float_reflectance_is_refused_before_tiling(tmp_path: Path) -> None:
    file = _write(tmp_path / "s2.tif", 13, dtype=np.float32)
    with pytest.raises(ValueError, match=r"s2\.tif: expected whole-number pixels"):
        find_s2_bands(file)


def test_files_are_read_by_their_names(tmp_path: Path) -> None:
    for name in TEN:
        _write(tmp_path / f"T32TQM_20220101_{name}.tif", 1)
    _write(tmp_path / "s1.tif", 2, dtype=np.float32)
    bands = find_s2_bands(tmp_path)
    assert len(band_files(tmp_path)) == len(bands.files) == 10
    assert bands.sources["B8A"].file.name == "T32TQM_20220101_B8A.tif"
    assert bands.missing == ("B01", "B09", "B10")


def test_finest_file_of_a_band_is_taken(tmp_path: Path) -> None:
    for name in TEN:
        _write(tmp_path / f"{name}.tif", 1)
    _write(tmp_path / "a_B02_20m.tif", 1, pixel_m=20)
    bands = find_s2_bands(tmp_path)
    assert bands.sources["B02"].file.name == "B02.tif"
    assert bands.left_out == ("a_B02_20m.tif",)


def test_two_files_of_a_band_at_one_pixel_size_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "B02.tif", 1)
    _write(tmp_path / "B2.tif", 1)
    with pytest.raises(ValueError, match=r"B02\.tif and B2\.tif are both B02"):
        find_s2_bands(tmp_path)


def test_band_file_with_several_bands_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "B02.tif", 3)
    with pytest.raises(ValueError, match=r"B02\.tif: .* 1 band, got 3; name a stack"):
        find_s2_bands(tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), (1, 2)),
        (("VH", "VV"), (2, 1)),
        (("VV", "VH", "angle"), (1, 2)),
        (("Gamma0_VV_db", "sigma0-vh"), (1, 2)),
    ],
)
def test_polarisations_are_found_by_name(
    tmp_path: Path, names: tuple[str, ...], expected: tuple[int, int]
) -> None:
    file = _write(tmp_path / "s1.tif", len(names) or 2, names, dtype=np.float32)
    assert find_s1_bands(file) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("HH", "HV"), r"VV and VH once each, got 2 bands \(HH, HV\)"),
        (("VV", "VV"), r"got 2 bands \(VV, VV\)"),
        (("", "", ""), r"got 3 bands \(no names\); keep two bands"),
        (("VV",), r"got 1 bands \(VV\)"),
    ],
)
def test_other_polarisations_are_refused(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    file = _write(tmp_path / "s1.tif", len(names), names, dtype=np.float32)
    with pytest.raises(ValueError, match=message):
        find_s1_bands(file)
