"""Bring a role's rasters within reach and list them in a manifest."""

import importlib
import logging
import sys
from pathlib import Path

from sentinel_fusion.data.download.extract import ExtractError
from sentinel_fusion.data.download.room import NoRoomError
from sentinel_fusion.data.patches import MissingRastersError, write_manifest
from sentinel_fusion.data.sources.raster_source import RasterSource
from sentinel_fusion.folders import make_empty
from sentinel_fusion.params import load_params

_LOG = logging.getLogger(__name__)
_FEWEST = 3
"""Places that a split by place cannot do without."""


def main(role: str) -> None:
    """Prepare a role's source.

    Args:
        role: "pretrain" or "labelled".
    """
    params = load_params(paths_must_exist=True)
    source = getattr(params.sources, role)
    settings = getattr(params.download, source.source).model_dump()
    if source.source == "stac":
        settings = {"search": settings, "folder": params.download.folder.model_dump()}
    if "mirrors" in settings:  # a public data set that can be fetched
        settings["fetch"] = params.download.fetch.model_dump() | {
            key: settings.pop(key) for key in ("mirrors", "token_variable")
        }
    raw = make_empty(Path("data/raw") / role)
    module: RasterSource = importlib.import_module(
        f"sentinel_fusion.data.sources.{source.source}"
    )
    try:
        patches = module.prepare(
            source.path, raw, role=role, seed=params.seed, **settings
        )
    except (MissingRastersError, ExtractError, NoRoomError) as error:
        sys.exit(str(error))  # what it says is what to do
    places = len({patch.place_id for patch in patches})
    _LOG.info(
        "%s: %d patches in %d places from %s",
        role,
        len(patches),
        places,
        source.source,
    )
    if role == "labelled" and params.split.protocol == "places" and places < _FEWEST:
        blocks = ", or cut scenes into blocks: download.folder.block_px, say 1024"
        sys.exit(
            f"{source.path}: split.protocol places needs at least {_FEWEST} labelled "
            f"places (to train on, to select on, to test on), got {places}; add places"
            f"{blocks if source.source == 'folder' else ''}"
        )
    write_manifest(patches, raw / "patches.csv")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main(sys.argv[1])
