"""Report what the tile stores hold."""

import json
import logging
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.folders import make_empty
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.band_ranges import draw_band_ranges
from sentinel_fusion.report.contact_sheet import draw_contact_sheet, random_tiles
from sentinel_fusion.report.data_report import (
    describe_places,
    draw_classes,
    draw_places,
    draw_rejected,
    summarise_data,
)
from sentinel_fusion.report.figure_files import save_figure
from sentinel_fusion.report.footprint_map import draw_footprints, locate_places

_LOG = logging.getLogger(__name__)
_STORES = {role: Path("data/tiles") / role for role in ("pretrain", "labelled")}
_OUT = Path("metrics")
_COLUMNS = ["tile_id", "place_id", "season", "crs", "footprint"]


def main() -> None:
    """Write ``data.json`` and the figures."""
    params = load_params()
    stats = {
        role: json.loads((store / "stats.json").read_text())
        for role, store in _STORES.items()
    }
    indices = {
        "pretrain": _read_index("pretrain", _COLUMNS),
        "labelled": _read_index("labelled", [*_COLUMNS, "majority"]).merge(
            pd.read_parquet("data/splits/tiles.parquet", columns=["tile_id", "split"]),
            on="tile_id",
            validate="one_to_one",
        ),
    }
    numbers = {role: summarise_data(indices[role], stats[role]) for role in _STORES}
    for role, found in numbers.items():
        found["block_px"] = params.block_px(role)
    figures = _draw(params, stats, indices)
    folder = make_empty(_OUT / "data")
    for name, figure in figures.items():
        save_figure(figure, folder, name)
    (_OUT / "data.json").write_text(json.dumps(numbers, indent=2) + "\n")
    for role, found in numbers.items():
        _LOG.info("%s: %d tiles of %d places", role, found["tiles"], found["places"])


def _read_index(role: str, columns: list[str]) -> pd.DataFrame:
    return gpd.read_parquet(_STORES[role] / "index.parquet", columns=columns)


def _draw(
    params: Params, stats: dict[str, dict[str, Any]], indices: dict[str, pd.DataFrame]
) -> dict[str, Figure]:
    sources = {role: getattr(params.sources, role).source for role in _STORES}
    data = ", ".join(f"{role} tiles from {name}" for role, name in sources.items())
    protocol = f"split by {params.split.describe()}"
    labelled = f"labelled tiles from {sources['labelled']}, {protocol}"
    block_px = {role: params.block_px(role) for role in _STORES}
    located = {
        role: locate_places(index["place_id"].to_numpy(), index["footprint"].to_numpy())
        for role, index in indices.items()
    }
    places = f"{data}, {protocol}{describe_places(indices, block_px)}"
    figures = {
        "classes": draw_classes(indices["labelled"], caption=labelled),
        "places": draw_places(indices, caption=places),
        "bands": draw_band_ranges(stats, caption=data),
        "footprints": draw_footprints(located, caption=data),
        "rejected": draw_rejected(stats, caption=data),
    }
    for role, store in _STORES.items():
        rng = np.random.default_rng(params.seed)
        rows = random_tiles(len(indices[role]), params.data_report.contact_tiles, rng)
        figures[f"tiles_{role}"] = draw_contact_sheet(
            ShardReader(store, "s2").read(rows),
            ShardReader(store, "s1").read(rows),
            indices[role].iloc[rows],
            title=f"{len(rows)} random tiles: {role}",
            caption=f"{role} tiles from {sources[role]}, seed {params.seed}",
        )
    return figures


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
