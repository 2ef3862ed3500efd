"""The index of a store: a row a tile with its place, labels and footprint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import geopandas as gpd
import numpy as np
import rasterio.warp
import shapely
from jaxtyping import Shaped

from sentinel_fusion.data.grids import WGS84, Grid
from sentinel_fusion.data.patches import Patch


@dataclass(frozen=True)
class PatchRows:
    """Rows of the tiles of one patch.

    Args:
        patch: The patch.
        grid: Its pixel grid.
        columns: Column -> a value a tile, "row_px", "col_px" and "size_px" among them.
    """

    patch: Patch
    grid: Grid
    columns: dict[str, Shaped[np.ndarray, " tiles"]]

    def __len__(self) -> int:
        """Number of tiles."""
        return len(self.columns["row_px"])


def index_rows(parts: Sequence[PatchRows]) -> gpd.GeoDataFrame:
    """The rows of several patches as one table.

    Args:
        parts: At least one tile in all; all with the same columns.

    Returns:
        Ids and origin of each tile, its columns, and its footprint in longitude and
        latitude, None where the raster has no CRS.
    """
    named = {
        "tile_id": [name for part in parts for name in _tile_ids(part)],
        "place_id": _repeat(parts, lambda part: part.patch.place_id),
        "group": _repeat(parts, lambda part: part.patch.group),
        "season": _repeat(parts, lambda part: part.patch.season),
        "source_file": _repeat(parts, lambda part: part.patch.s1.as_posix()),
        "crs": _repeat(parts, lambda part: part.grid.crs or ""),
    }
    columns = {
        name: np.concatenate([part.columns[name] for part in parts])
        for name in parts[0].columns
    }
    near = groupby(parts, lambda part: (part.patch.place_id, part.grid.crs))
    footprints = [_footprints(list(some), crs) for (_, crs), some in near]
    table = gpd.GeoDataFrame({**named, **columns})
    table["footprint"] = gpd.GeoSeries(np.concatenate(footprints), crs=WGS84)
    return table.set_geometry("footprint")


def _repeat(parts: Sequence[PatchRows], value: Callable[[PatchRows], str]) -> list[str]:
    return [text for part in parts for text in [value(part)] * len(part)]


def _tile_ids(part: PatchRows) -> list[str]:
    corners = zip(
        part.columns["row_px"].tolist(), part.columns["col_px"].tolist(), strict=True
    )
    return [f"{part.patch.patch_id}-{row}-{col}" for row, col in corners]


def _footprints(
    parts: Sequence[PatchRows], crs: str | None
) -> Shaped[np.ndarray, " tiles"]:
    """Outlines of patches near each other, which share a map projection."""
    if crs is None:
        return np.full(sum(map(len, parts)), None)
    corners = np.concatenate([_corners(part) for part in parts], axis=1)
    longitude, latitude = rasterio.warp.transform(crs, WGS84, *corners)
    outlines = np.stack([longitude, latitude], axis=-1).reshape(-1, 4, 2)
    return np.asarray(shapely.polygons(outlines))


def _corners(part: PatchRows) -> Shaped[np.ndarray, "2 corners"]:
    size = part.columns["size_px"][:, None]
    across = part.columns["col_px"][:, None] + size * np.array([0, 1, 1, 0])
    down = part.columns["row_px"][:, None] + size * np.array([0, 0, 1, 1])
    return np.asarray(part.grid.transform @ np.stack([across.ravel(), down.ravel()]))
