"""SEN12MS: triplets of Sentinel-1, Sentinel-2 and MODIS land cover in 252 scenes.

Source: doi 10.14459/2019mp1474000; layout
``ROIs1158_spring/s1_1/ROIs1158_spring_s1_1_p30.tif``.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentinel_fusion.data.download.obtain import fetch_parts
from sentinel_fusion.data.patch_lists import is_listed, patch_key, read_list
from sentinel_fusion.data.patches import (
    Folders,
    MissingRastersError,
    Patch,
)

_LOG = logging.getLogger(__name__)
_HOLD_OUT = "test_list.txt"
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
    kinds = ("s2", "lc") if with_labels else ("s2",)
    found = []
    for scene in folder.glob("ROIs*_*/s1_*/"):
        found += _list_scene(scene, kinds)
    if not found:
        raise MissingRastersError(
            f"{folder} holds no SEN12MS radar raster "
            "(ROIs*_<season>/s1_<scene>/*_s1_<scene>_p<patch>.tif); "
            "point sources.<role>.path in params.yaml at the data set's top folder"
        )
    found.sort(key=lambda item: item[:3])
    return [patch for *_, patch in found]


def _list_scene(
    scene: Path, kinds: tuple[str, ...]
) -> list[tuple[str, int, int, Patch]]:
    """Season, scene number, patch number and patch of every file of a radar folder."""
    folders = Folders()
    partners = {
        kind: scene.with_name(scene.name.replace("s1_", f"{kind}_")) for kind in kinds
    }
    found = []
    for name, s1 in folders.files(scene).items():
        if not name.endswith(".tif"):
            continue
        match = _S1_FILE.fullmatch(name)
        if match is None:
            raise MissingRastersError(
                f"{s1} is not a SEN12MS name; expected ROIs<n>_<season>_s1_<scene>"
                "_p<patch>.tif; rename or remove it"
            )
        others = {
            kind: folders.partner(s1, other, name.replace("_s1_", f"_{kind}_"))
            for kind, other in partners.items()
        }
        season, number = match["season"], match["scene"]
        patch = Patch(
            patch_id=f"{season}-{number}-p{match['patch']}",
            place_id=f"{season}-{number}",
            group=season,
            season=season,
            s1=s1,
            s2=others["s2"],
            label=others.get("lc"),
            label_scheme="igbp",
        )
        found.append((season, int(number), int(match["patch"]), patch))
    return found


def prepare(
    path: Path,
    raw: Path,
    *,
    role: str,
    seed: int,
    seasons: tuple[str, ...],
    hold_out: str,
    fetch: dict[str, Any],
) -> list[Patch]:
    """Patches of a SEN12MS folder on disk, fetched before where seasons are named.

    Args:
        path: The data set's top folder.
        raw: Not written to.
        role: "pretrain" or "labelled"; only the latter reads land cover.
        seed: Not drawn from.
        seasons: Seasons to fetch; none: what lies there is used.
        hold_out: "none", or "published": patches in ``test_list.txt`` of the top folder
            are left out of the role pretrain; in the role labelled they are the group
            "test" and all others "train". Where seasons are fetched and the list is
            not there, it comes with them.
        fetch: Arguments of ``fetch_parts``.

    Returns:
        The patches.
    """
    with_labels = role == "labelled"
    if seasons:
        # the small file first; a list that lies there already is the user's to choose
        if hold_out == "published" and not (path / _HOLD_OUT).is_file():
            fetch_parts("sen12ms", ("hold-out",), ("list",), path, **fetch)
        kinds = ("s1", "s2", "lc") if with_labels else ("s1", "s2")
        fetch_parts("sen12ms", seasons, kinds, path, **fetch)
    patches = list_patches(path, with_labels=with_labels)
    if hold_out == "none":
        return patches
    is_held = _held_out(patches, path / _HOLD_OUT)
    groups = [
        replace(patch, group="test" if held else "train")
        for patch, held in zip(patches, is_held, strict=True)
    ]
    return [patch for patch in groups if with_labels or patch.group == "train"]


def _held_out(patches: Sequence[Patch], file: Path) -> list[bool]:
    if not file.is_file():
        raise MissingRastersError(
            f"{file} must exist for download.sen12ms.hold_out published; it comes with "
            "the data set, doi 10.14459/2019mp1474000, and names 26 scenes with 18106 "
            "patches; put it there, name download.sen12ms.seasons to have it fetched, "
            "or set hold_out to none"
        )
    keys = read_list(file)
    is_held = [is_listed(patch_key(patch.s1.name), keys) for patch in patches]
    held = [patch for patch, listed in zip(patches, is_held, strict=True) if listed]
    if not held or len(held) == len(patches):
        raise MissingRastersError(
            f"{file} must hold out a part of the {len(patches)} patches, got "
            f"{len(held)}; fetch more seasons, or set download.sen12ms.hold_out to none"
        )
    scenes = len({patch.place_id for patch in held})
    _LOG.info("hold-out: %d patches of %d scenes", len(held), scenes)
    return is_held
