"""Scenes of a public catalogue over a box: found, fetched, then read as the user's own.

Needs the extra ``stac``.
"""

import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sentinel_fusion.data.download.fetch import only_one
from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.sources import folder as folder_source
from sentinel_fusion.data.stac.pairs import Pair, Query, find_pairs
from sentinel_fusion.data.stac.signing import Sign, signer
from sentinel_fusion.data.stac.windows import fetch_scene
from sentinel_fusion.folders import make_empty

_LOG = logging.getLogger(__name__)
_RECORD = "search.json"
_FACTS = "item.json"


def prepare(
    path: Path,
    raw: Path,
    *,
    role: str,
    seed: int,
    search: dict[str, Any],
    folder: dict[str, Any],
) -> list[Patch]:
    """Scenes that a search finds, fetched where they are not there yet.

    Each lies in ``path/<id of the optical item>``. A search that was answered in full
    is not asked again: catalogues grow, and a repeated run must see the same scenes.

    All scenes show one box, so they are one place, which splits keep together; where
    they are cut into blocks, so are the blocks over the same ground.

    Args:
        path: Folder of the scenes, made if need be.
        raw: Folder of the role's raw data.
        role: Must be "pretrain".
        seed: Not drawn from.
        search: Fields of ``Query``.
        folder: Further arguments of the folder source's ``prepare``.

    Returns:
        The scenes in order of time, one patch each, or their blocks.

    Raises:
        ValueError: If the role needs labels, or blocks of two scenes would not show
            the same ground.
    """
    if role != "pretrain":
        raise ValueError(
            f"sources.{role}.source must not be stac, which has no labels; fetch its "
            "scenes as sources.pretrain, put a label.tif into each scene's folder, "
            f"then name that path with source folder in sources.{role}"
        )
    query = Query(**search)
    path.mkdir(parents=True, exist_ok=True)
    with only_one(path / _RECORD):
        scenes = _known(path, query) or _fetch(path, query)
    place = "box" + "_".join(f"{degrees:g}" for degrees in query.bbox)
    patches = [
        replace(patch, place_id=place + patch.place_id.removeprefix(scene.name))
        for scene in scenes
        for patch in folder_source.prepare(scene, raw, role=role, seed=seed, **folder)
    ]
    if len(patches) > len(scenes):
        _check_same_pixels([raw / scene.name for scene in scenes])
    return patches


def _check_same_pixels(scenes: list[Path]) -> None:
    """Blocks are named by row and column: on one grid the same name is one ground."""
    first, *others = (
        json.loads((scene / "scene.json").read_text())["grid"] | {"warped": []}
        for scene in scenes
    )
    for scene, grid in zip(scenes[1:], others, strict=True):
        if grid != first:
            raise ValueError(
                f"download.folder.block_px must be 0 here: {scenes[0].name} and "
                f"{scene.name} lie on other pixels ({first} and {grid}), so their "
                "blocks do not show the same ground; or take a download.stac.bbox "
                "inside one Sentinel-2 tile"
            )


def _as_json(query: Query) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(query)))
    return plain


def _known(path: Path, query: Query) -> list[Path]:
    """Scenes of the same search by an earlier run; none if it did not end."""
    record = path / _RECORD
    if not record.is_file():
        return []
    earlier = json.loads(record.read_text())
    scenes = [path / name for name in earlier["scenes"]]
    if earlier["query"] != _as_json(query) or not all(s.is_dir() for s in scenes):
        return []
    _LOG.info("%s: %d scenes are there from an earlier run", path, len(scenes))
    return scenes


def _fetch(path: Path, query: Query) -> list[Path]:
    pairs, sign = find_pairs(query), signer(query.signing)
    scenes = []
    for number, pair in enumerate(pairs, start=1):
        scenes.append(_fetch_pair(path, pair, query, sign))
        _LOG.info("scene %d of %d: %s", number, len(pairs), scenes[-1].name)
    done = {"query": _as_json(query), "scenes": [scene.name for scene in scenes]}
    part = path / f".{_RECORD}.part"
    part.write_text(json.dumps(done, indent=2) + "\n")
    part.replace(path / _RECORD)
    return scenes


def _fetch_pair(path: Path, pair: Pair, query: Query, sign: Sign) -> Path:
    # ids come from a server: no other folder than one in here
    name = pair.s2.item_id.replace("/", "_").lstrip(".") or "item"
    scene = path / name
    wanted = {
        "catalogue": query.catalogue,
        "bbox": list(query.bbox),
        "s2": pair.s2.item_id,
        "s2_time": pair.s2.taken.isoformat(),
        "s1": pair.s1.item_id,
        "s1_time": pair.s1.taken.isoformat(),
    }
    if scene.is_dir():
        facts = scene / _FACTS
        there = json.loads(facts.read_text()) if facts.is_file() else {}
        if there != wanted:
            raise ValueError(
                f"{scene} holds another part or pair ({there or 'unknown'}) than the "
                f"search asks for ({wanted}); remove that folder or give another "
                "sources.pretrain.path"
            )
        return scene
    part = make_empty(path / f".{name}.part")
    fetch_scene(pair, query.bbox, part, sign)
    (part / _FACTS).write_text(json.dumps(wanted, indent=2) + "\n")
    part.rename(scene)
    return scene
