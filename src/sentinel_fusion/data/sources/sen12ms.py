"""SEN12MS: triplets of Sentinel-1, Sentinel-2 and MODIS land cover in 252 scenes.

Source: doi 10.14459/2019mp1474000; layout
``ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p30.tif``.
"""

import re
from pathlib import Path
from typing import Any

from sentinel_fusion.data.download.obtain import fetch_parts
from sentinel_fusion.data.patches import (
    MissingRastersError,
    Patch,
    paired_raster,
)

_S1_FILE = re.compile(
    r"(?P<roi>ROIs\d+)_(?P<season>spring|summer|fall|winter)"
    r"_s1_(?P<scene>\d+)_p(?P<patch>\d+)\.tif"
)


def list_patches(folder: Path, *, with_labels: bool) -> list[Patch]:
    """Patches of a SEN12MS folder, listed by name without opening a raster.

    A place is a scene, that is a season and a scene number. Labels are layer 1 of the
    land-cover raster (IGBP).

    Args:
        folder: Folder that holds ``ROIs*_<season>`` folders.
        with_labels: Whether every patch must have its land-cover raster.

    Returns:
        The patches in order of season, scene and patch number.

    Raises:
        MissingRastersError: If there is none, or a partner raster is missing.
    """
    found = []
    for s1 in folder.glob("ROIs*_*/s1_*/*.tif"):
        match = _S1_FILE.fullmatch(s1.name)
        if match is None:
            raise MissingRastersError(
                f"{s1} is not a SEN12MS name; expected ROIs<n>_<season>_s1_<scene>"
                "_p<patch>.tif; rename or remove it"
            )
        found.append((match, s1))
    if not found:
        raise MissingRastersError(
            f"{folder} holds no SEN12MS radar raster "
            "(ROIs*_<season>/s1_<scene>/*_s1_<scene>_p<patch>.tif); "
            "point sources.<role>.path in params.yaml at the data set's top folder"
        )
    found.sort(key=lambda f: (f[0]["season"], int(f[0]["scene"]), int(f[0]["patch"])))
    return [_patch(match, s1, with_labels) for match, s1 in found]


def _patch(match: re.Match[str], s1: Path, with_labels: bool) -> Patch:
    def partner(sensor: str) -> Path:
        scene = s1.parent.parent / f"{sensor}_{match['scene']}"
        return paired_raster(s1, scene / s1.name.replace("_s1_", f"_{sensor}_"))

    place_id = f"{match['season']}-{match['scene']}"
    return Patch(
        patch_id=f"{place_id}-p{match['patch']}",
        place_id=place_id,
        group=match["season"],
        season=match["season"],
        s1=s1,
        s2=partner("s2"),
        label=partner("lc") if with_labels else None,
        label_scheme="igbp",
    )


def prepare(
    path: Path,
    raw: Path,
    *,
    role: str,
    seed: int,
    seasons: tuple[str, ...],
    fetch: dict[str, Any],
) -> list[Patch]:
    """Patches of a SEN12MS folder on disk, fetched before where seasons are named.

    Args:
        path: The data set's top folder.
        raw: Not written to.
        role: "pretrain" or "labelled"; only the latter reads land cover.
        seed: Not drawn from.
        seasons: Seasons to fetch; none: what lies there is used.
        fetch: Arguments of ``fetch_parts``.

    Returns:
        The patches.
    """
    with_labels = role == "labelled"
    if seasons:
        kinds = ("s1", "s2", "lc") if with_labels else ("s1", "s2")
        fetch_parts("sen12ms", seasons, kinds, path, **fetch)
    return list_patches(path, with_labels=with_labels)
