"""DFC2020: 986 "validation" and 5128 "test" patches with 10-class labels.

Source: IEEE DataPort, doi 10.21227/rha7-m332; layout
``ROIs0000_validation/s1_validation/ROIs0000_validation_s1_0_p0.tif`` and
``ROIs0000_test/s1_0/ROIs0000_test_s1_0_p0.tif``; some copies name the validation
folders ``*_0`` as well.
"""

import re
from pathlib import Path
from typing import Any

from sentinel_fusion.data.download.obtain import fetch_parts
from sentinel_fusion.data.patches import (
    UNKNOWN_SEASON,
    Folders,
    MissingRastersError,
    Patch,
)

GROUPS = ("validation", "test")
_S1_FILE = re.compile(
    r"ROIs0000_(?P<group>validation|test)_s1_(?P<scene>\d+)_p(?P<patch>\d+)\.tif"
)


def list_patches(folder: Path, *, with_labels: bool, block_patches: int) -> list[Patch]:
    """Patches of a DFC2020 folder, listed by name without opening a raster.

    The distributed copies put every patch in scene 0 and strip the georeferencing.
    There a place is a block of successive patch numbers, which lie near each other;
    where a group has several scenes a place is a scene.

    Args:
        folder: Folder that holds ``ROIs0000_validation`` and ``ROIs0000_test``.
        with_labels: Whether every patch must have its label raster.
        block_patches: Patch numbers a block where a group has one scene only, >= 1.

    Returns:
        The patches in order of group, scene and patch number.

    Raises:
        MissingRastersError: If there is none, or a partner raster is missing.
    """
    patches = []
    folders = Folders()
    for group in GROUPS:
        files = (folder / f"ROIs0000_{group}").glob("s1_*/*.tif")
        found = [(_parse(s1), s1) for s1 in files]
        found.sort(key=lambda f: (int(f[0]["scene"]), int(f[0]["patch"])))
        has_scenes = len({match["scene"] for match, _ in found}) > 1
        for match, s1 in found:
            place = (
                f"{group}-{match['scene']}"
                if has_scenes
                else f"{group}-b{int(match['patch']) // block_patches}"
            )
            patches.append(_patch(match, s1, place, with_labels, folders))
    if not patches:
        raise MissingRastersError(
            f"{folder} holds no DFC2020 radar raster "
            "(ROIs0000_<group>/s1_*/ROIs0000_<group>_s1_<scene>_p<patch>.tif); "
            "point sources.<role>.path in params.yaml at the data set's top folder"
        )
    return patches


def _parse(s1: Path) -> re.Match[str]:
    match = _S1_FILE.fullmatch(s1.name)
    if match is None:
        raise MissingRastersError(
            f"{s1} is not a DFC2020 name; expected ROIs0000_<group>_s1_<scene>"
            "_p<patch>.tif; rename or remove it"
        )
    return match


def _patch(
    match: re.Match[str], s1: Path, place: str, with_labels: bool, folders: Folders
) -> Patch:
    def partner(kind: str) -> Path:
        siblings = s1.parent.parent / s1.parent.name.replace("s1_", f"{kind}_", 1)
        return folders.partner(s1, siblings, s1.name.replace("_s1_", f"_{kind}_"))

    return Patch(
        patch_id=f"{match['group']}-{match['scene']}-p{match['patch']}",
        place_id=place,
        group=match["group"],
        season=UNKNOWN_SEASON,
        s1=s1,
        s2=partner("s2"),
        label=partner("dfc") if with_labels else None,
        label_scheme="dfc",
    )


def prepare(
    path: Path,
    raw: Path,
    *,
    role: str,
    seed: int,
    groups: tuple[str, ...],
    block_patches: int,
    fetch: dict[str, Any],
) -> list[Patch]:
    """Patches of a DFC2020 folder on disk, fetched before where groups are named.

    Args:
        path: The data set's top folder.
        raw: Not written to.
        role: "pretrain" or "labelled"; only the latter reads labels.
        seed: Not drawn from.
        groups: Groups to fetch; none: what lies there is used.
        block_patches: Patch numbers a place where a group has one scene only.
        fetch: Arguments of ``fetch_parts``.

    Returns:
        The patches.
    """
    with_labels = role == "labelled"
    if groups:
        kinds = ("s1", "s2", "dfc") if with_labels else ("s1", "s2")
        fetch_parts("dfc2020", groups, kinds, path, **fetch)
    return list_patches(path, with_labels=with_labels, block_patches=block_patches)
