"""Measure real places, so that the stage realism compares generated ones with them.

Not a stage: ``python -m stages.measure_places --help`` says how to run it. The kept
``real_places.json`` was written with ``--each-patch`` from
``sen12ms:../shared/sample/sen12ms dfc2020:../shared/sample/dfc2020
folder:../shared/sample/scene``; a test writes it anew where that folder lies.
"""

import argparse
import importlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sentinel_fusion.data.patches import Patch
from sentinel_fusion.data.place_tiles import tiles_of_patches
from sentinel_fusion.metrics.place_measures import (
    TILE_PX,
    PlaceMeasures,
    measure_place,
    rounded,
)
from sentinel_fusion.params import Params, load_params

_LOG = logging.getLogger(__name__)
SOURCES = ("sen12ms", "dfc2020", "folder")


def main(file: Path, rasters: list[str], *, each_patch: bool, about: str) -> None:
    """Write measures of every place of some rasters.

    Args:
        file: JSON file to write.
        rasters: "SOURCE:FOLDER" each; the sources' settings are those of params.yaml.
        each_patch: Whether a patch is a place, whatever the source takes for one.
        about: Where the rasters come from, kept in the file.

    Raises:
        ValueError: If a source is unknown or no place has a whole tile.
    """
    params = load_params()
    places = [
        asdict(rounded(place))
        for text in rasters
        for place in _of(text, params, each_patch=each_patch)
    ]
    if not places:
        raise ValueError(
            f"{', '.join(rasters)} must hold a tile of {TILE_PX} px that both sensors "
            "measured everywhere, got none; add rasters"
        )
    content = {"about": about, "tile_px": TILE_PX, "places": places}
    file.write_text(json.dumps(content, indent=1) + "\n")
    _LOG.info("%s: %s", file, ", ".join(place["name"] for place in places))


def _of(text: str, params: Params, *, each_patch: bool) -> Iterator[PlaceMeasures]:
    source, _, folder = text.partition(":")
    if source not in SOURCES or not folder:
        raise ValueError(
            f"rasters must be SOURCE:FOLDER with a source of {', '.join(SOURCES)}, "
            f"got {text!r}"
        )
    with TemporaryDirectory() as raw:
        patches = _patches(source, Path(folder), Path(raw), params)
        if each_patch:
            patches = [replace(patch, place_id=patch.patch_id) for patch in patches]
        for tiles in tiles_of_patches(patches, size_px=TILE_PX):
            name = f"{source} {tiles.place_id}"
            yield measure_place(name, tiles.s1, tiles.s2)


def _patches(source: str, folder: Path, raw: Path, params: Params) -> list[Patch]:
    module = importlib.import_module(f"sentinel_fusion.data.sources.{source}")
    settings = getattr(params.download, source).model_dump()
    if "mirrors" in settings:  # what lies there is used, nothing is fetched
        fetched = {"seasons", "groups", "mirrors", "token_variable", "hold_out"}
        settings = {key: settings[key] for key in settings if key not in fetched}
        return list(module.list_patches(folder, with_labels=False, **settings))
    return list(module.prepare(folder, raw, role="pretrain", seed=0, **settings))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("file", type=Path, help="JSON file to write")
    parser.add_argument("rasters", nargs="+", help="SOURCE:FOLDER, several")
    parser.add_argument("--about", default="", help="where the rasters come from")
    parser.add_argument("--each-patch", action="store_true", help="a place a patch")
    given = parser.parse_args()
    main(given.file, given.rasters, each_patch=given.each_patch, about=given.about)
