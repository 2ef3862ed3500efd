"""Which raster of a scene holds which band: a stack, or one file a band."""

import re
from dataclasses import dataclass
from pathlib import Path

from sentinel_fusion.bands import S1_BANDS, S2_BANDS, S2_SPECTRUM
from sentinel_fusion.data.grids import check_kind, grid_of, open_raster

OPTIONAL_BANDS = tuple(band.name for band in S2_SPECTRUM if band.pixel_m == 60)
"""Bands for the atmosphere: level 2A lacks B10, common stacks of ten lack all three."""
S2_MEANING = "reflectance x 10000"

_S2_NAME = re.compile(r"(?<![A-Z0-9])B(?P<number>\d{1,2})(?P<a>A?)(?![A-Z0-9])")
_S1_NAME = re.compile(r"(?<![A-Z])(VV|VH|HH|HV)(?![A-Z])")
_BAND_FILES = (".tif", ".tiff", ".jp2")


@dataclass(frozen=True)
class BandSource:
    """Where a band lies.

    Args:
        file: Its raster.
        index: Its number in the raster, from 1.
    """

    file: Path
    index: int


@dataclass(frozen=True)
class S2Bands:
    """The optical bands of a scene.

    Args:
        sources: Band name -> raster, in storage order.
        missing: Bands that the scene lacks.
        left_out: Layers that are no band, for example a scene classification.
    """

    sources: dict[str, BandSource]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Each raster once, in the order of its first band."""
        return list(dict.fromkeys(source.file for source in self.sources.values()))


def band_name(text: str) -> str | None:
    """The Sentinel-2 band that a text names.

    Args:
        text: A band description or file name, such as "B8A, 865 nm" or "T32_B2_10m".

    Returns:
        The name with two digits; None if the text names no band.
    """
    match = _S2_NAME.search(text.upper())
    if match is None:
        return None
    number = int(match["number"])
    name = f"B{number}A" if match["a"] else f"B{number:02d}"
    return name if name in S2_BANDS else None


def band_files(scene: Path) -> list[Path]:
    """Rasters of a folder that are named after a band.

    Args:
        scene: Folder of a scene.

    Returns:
        The files in order of their names; none if there is none.
    """
    return sorted(
        file
        for file in scene.iterdir()
        if file.suffix.lower() in _BAND_FILES and band_name(file.stem)
    )


def find_s2_bands(path: Path) -> S2Bands:
    """The bands of a stack, or of a folder with one file a band.

    A stack is read by its band descriptions. Without any, 13 bands are taken to be in
    storage order; fewer could be any and are refused.

    Args:
        path: Raster of all bands, or folder of band files.

    Returns:
        The bands, and what is missing or left out.

    Raises:
        ValueError: If a band that every product has is missing, or one is there twice.
    """
    sources, left_out = _from_files(path) if path.is_dir() else _from_stack(path)
    missing = tuple(name for name in S2_BANDS if name not in sources)
    needed = [name for name in missing if name not in OPTIONAL_BANDS]
    if needed:
        raise ValueError(
            f"{path} must hold every band but {', '.join(OPTIONAL_BANDS)}, lacks "
            f"{', '.join(needed)}; add them or mend the band descriptions"
        )
    ordered = {name: sources[name] for name in S2_BANDS if name in sources}
    return S2Bands(ordered, missing, left_out)


def _from_stack(file: Path) -> tuple[dict[str, BandSource], tuple[str, ...]]:
    with open_raster(file) as raster:
        check_kind(raster, file, "iu", S2_MEANING)
        described = list(raster.descriptions)
    if not any(described):
        if len(described) != len(S2_BANDS):
            raise ValueError(
                f"{file}: {len(described)} bands without names could be any; describe "
                "each (rio edit-info, gdal_edit or rasterio's set_band_description) as "
                f"one of {', '.join(S2_BANDS)}"
            )
        described = list(S2_BANDS)
    sources: dict[str, BandSource] = {}
    left_out = []
    for index, text in enumerate(described, start=1):
        name = band_name(text or "")
        if name is None:
            left_out.append(text or f"layer {index}")
            continue
        if name in sources:
            raise ValueError(
                f"{file}: bands {sources[name].index} and {index} are both described "
                f"as {name}; mend one description"
            )
        sources[name] = BandSource(file, index)
    return sources, tuple(left_out)


def _from_files(scene: Path) -> tuple[dict[str, BandSource], tuple[str, ...]]:
    """One file a band; of a band at several pixel sizes the finest."""
    pixel: dict[Path, float] = {}
    found: dict[str, list[Path]] = {}
    for file in band_files(scene):
        with open_raster(file) as raster:
            check_kind(raster, file, "iu", S2_MEANING)
            if raster.count != 1:
                raise ValueError(
                    f"{file}: a file named after a band must hold 1 band, got "
                    f"{raster.count}; name a stack s2.tif"
                )
            pixel[file] = abs(grid_of(raster).transform.determinant)
        found.setdefault(band_name(file.stem) or "", []).append(file)
    sources: dict[str, BandSource] = {}
    left_out = []
    for name, files in found.items():
        finest, *others = sorted(files, key=lambda file: pixel[file])
        if others and pixel[others[0]] == pixel[finest]:
            raise ValueError(
                f"{scene}: {finest.name} and {others[0].name} are both {name} at one "
                "pixel size; remove one"
            )
        sources[name] = BandSource(finest, 1)
        left_out += [file.name for file in others]
    return sources, tuple(left_out)


def find_s1_bands(file: Path) -> tuple[int, int]:
    """Numbers of VV and VH in a radar raster.

    Args:
        file: Raster with described bands, or with two bands VV, VH.

    Returns:
        Band numbers from 1, VV first.

    Raises:
        ValueError: If the two polarisations are not there.
    """
    with open_raster(file) as raster:
        check_kind(raster, file, "f", "VV and VH")
        described = [text or "" for text in raster.descriptions]
    found = [_S1_NAME.search(text.upper()) for text in described]
    names = [match[1] if match else "" for match in found]
    if not any(names) and len(names) == len(S1_BANDS):
        return 1, 2
    if any(names.count(name) != 1 for name in S1_BANDS):
        got = ", ".join(described).strip(", ") or "no names"
        raise ValueError(
            f"{file} must hold {' and '.join(S1_BANDS)} once each, got {len(names)} "
            f"bands ({got}); keep two bands, or describe them by polarisation"
        )
    vv, vh = (names.index(name) + 1 for name in S1_BANDS)
    return vv, vh
