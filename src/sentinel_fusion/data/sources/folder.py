"""Scenes of the user: a folder each with radar, optical bands and, for labels, codes.

``s1.tif`` holds VV and VH; ``s2.tif`` all bands, or each lies in a file that its name
tells (``B02.tif``, ``T32TQM_20220101_B8A_20m.jp2``); ``label.tif`` holds land-cover
codes. Size, CRS and pixel size are free and may differ between them.
"""

import json
import logging
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentinel_fusion.data.patches import (
    UNKNOWN_SEASON,
    MissingRastersError,
    Patch,
    paired_raster,
)
from sentinel_fusion.data.scenes.align import Alignment, align_scene
from sentinel_fusion.data.scenes.bands import (
    S2Bands,
    band_files,
    find_s1_bands,
    find_s2_bands,
)
from sentinel_fusion.data.scenes.blocks import cut_into_blocks
from sentinel_fusion.data.scenes.units import (
    S1Scale,
    S2Offset,
    find_s1_scale,
    find_s2_offset,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SceneRules:
    """Units of scenes, and what counts as one.

    Args:
        s1_scale: "db", "linear", or "auto" to tell it from pixels.
        s2_offset: What to subtract from optical values: 0, 1000, or "auto" to tell it
            from metadata and pixels.
        min_s1_cover: Share of the optical raster's ground that the radar raster must
            cover, 0..1.
        block_px: Edge of the blocks that a scene is cut into, each a place; 0: a scene
            is one place.
    """

    s1_scale: S1Scale
    s2_offset: S2Offset
    min_s1_cover: float
    block_px: int


def list_patches(folder: Path, *, with_labels: bool, label_scheme: str) -> list[Patch]:
    """Scenes below a folder as the user left them; each is one place, of any size.

    Args:
        folder: A scene folder itself, or a folder with scene folders at any depth.
        with_labels: Whether every scene must have ``label.tif``.
        label_scheme: Code scheme of the label rasters, a key of ``LABEL_SCHEMES``.

    Returns:
        One patch a scene, in order of the folders' names; its ``s2`` is the scene's
        folder where each band has a file of its own.

    Raises:
        MissingRastersError: If there is none, or a partner raster is missing.
    """
    radar = sorted(folder.rglob("s1.tif"))
    if not radar:
        raise MissingRastersError(
            f"{folder} holds no s1.tif; put each scene in a folder of its own as "
            "s1.tif (VV, VH), s2.tif (10 to 13 bands) or one file a band, and "
            "label.tif, or mend sources.<role>.path in params.yaml"
        )
    return [
        Patch(
            patch_id=name,
            place_id=name,
            group="folder",
            season=UNKNOWN_SEASON,
            s1=s1,
            s2=_optical(s1),
            label=paired_raster(s1, s1.with_name("label.tif")) if with_labels else None,
            label_scheme=label_scheme,
        )
        for s1 in radar
        for name in [
            "-".join(s1.parent.relative_to(folder).parts) or folder.resolve().name
        ]
    ]


def _optical(s1: Path) -> Path:
    stack = s1.with_name("s2.tif")
    if not stack.is_file() and band_files(s1.parent):
        return s1.parent
    return paired_raster(s1, stack)


def prepare(
    path: Path,
    raw: Path,
    *,
    role: str,
    seed: int,
    label_scheme: str,
    **rules: object,
) -> list[Patch]:
    """Scenes of the user on disk, each on one grid and with its units told.

    Nothing is copied: ``raw`` gets a folder a scene with ``scene.json``, which says
    what was found, and with VRTs where rasters had to be put on one grid. A band that
    a scene lacks is stored as 0 and named in the log, ``scene.json`` and the manifest.

    Args:
        path: A scene folder, or a folder of scene folders.
        raw: Folder of the role's raw data.
        role: "pretrain" or "labelled"; only the latter reads labels.
        seed: Not drawn from.
        label_scheme: Code scheme of the label rasters.
        rules: Fields of ``SceneRules``.

    Returns:
        The scenes, one patch each, or their blocks.
    """
    scenes = list_patches(
        path, with_labels=role == "labelled", label_scheme=label_scheme
    )
    scene_rules = SceneRules(**rules)  # type: ignore[arg-type]
    prepared = [
        _prepare_scene(scene, raw / scene.patch_id, scene_rules) for scene in scenes
    ]
    lacking = Counter(
        name for blocks in prepared for name in blocks[0].s2_missing.split()
    )
    if lacking:
        counts = ", ".join(f"{name} in {n}" for name, n in sorted(lacking.items()))
        _LOG.warning("%s: stored as 0: %s of %d scenes", role, counts, len(scenes))
    return [block for blocks in prepared for block in blocks]


def _prepare_scene(scene: Patch, folder: Path, rules: SceneRules) -> list[Patch]:
    s1_bands, s2_bands = find_s1_bands(scene.s1), find_s2_bands(scene.s2)
    scale, scale_from = find_s1_scale(scene.s1, s1_bands, rules.s1_scale)
    offset, offset_from = find_s2_offset(s2_bands, rules.s2_offset)
    folder.mkdir(parents=True, exist_ok=True)
    alignment = align_scene(
        replace(scene, s1_scale=scale, s2_offset=offset),
        s1_bands,
        s2_bands,
        folder,
        min_s1_cover=rules.min_s1_cover,
    )
    report = _describe(scene, s2_bands, alignment)
    report["s1"] |= {"scale": scale, "scale_from": scale_from}
    report["s2"] |= {"offset": offset, "offset_from": offset_from}
    blocks = cut_into_blocks(alignment.patch, alignment.grid, rules.block_px, folder)
    report["blocks"] = {"block_px": rules.block_px, "places": len(blocks)}
    (folder / "scene.json").write_text(json.dumps(report, indent=2) + "\n")
    _LOG.info(
        "%s: s1 is %s (%s); s2 offset %d (%s); missing bands: %s; put on the grid: %s; "
        "places: %d",
        scene.patch_id,
        scale,
        scale_from,
        offset,
        offset_from,
        ", ".join(s2_bands.missing) or "none",
        ", ".join(alignment.warped) or "none",
        len(blocks),
    )
    return blocks


def _describe(
    scene: Patch, bands: S2Bands, alignment: Alignment
) -> dict[str, dict[str, Any]]:
    grid = alignment.grid
    label = scene.label and scene.label.as_posix()
    return {
        "s1": {"file": scene.s1.as_posix(), "cover": round(alignment.s1_cover, 4)},
        "s2": {
            "files": {name: s.file.as_posix() for name, s in bands.sources.items()},
            "missing": list(bands.missing),
            "left_out": list(bands.left_out),
        },
        "label": {"file": label, "scheme": scene.label_scheme},
        "grid": {
            "crs": grid.crs,
            "transform": list(grid.transform[:6]),
            "height_px": grid.height_px,
            "width_px": grid.width_px,
            "warped": list(alignment.warped),
        },
    }
