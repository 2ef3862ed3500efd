"""Draw predicted maps of a few test tiles beside the images and the ground truth."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Integer, UInt8

from sentinel_fusion.classes import CLASS_NAMES, NUM_CLASSES
from sentinel_fusion.data.predictions import read_predictions
from sentinel_fusion.data.shards import ShardReader
from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.segmentation import from_predictions
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.figure_files import save_figure
from sentinel_fusion.report.maps import choose_shown, draw_maps
from stages.cells import GRID, cell_folder

_LOG = logging.getLogger(__name__)
_STORE = Path("data/tiles/labelled")
_OUT = Path("metrics/maps")
_TASK = "segmentation"


def main() -> None:
    """Write ``maps.svg`` and ``maps.png``, or nothing where no arms are to be shown."""
    params = load_params()
    if not params.maps.arms:
        make_empty(_OUT)
        _LOG.info("no maps: maps.arms is []")
        return
    split = pd.read_parquet("data/splits/tiles.parquet", columns=["split"])["split"]
    test = np.flatnonzero(split == "test")
    fractions = [f"fraction_{name}" for name in CLASS_NAMES]
    index = pd.read_parquet(
        _STORE / "index.parquet", columns=["tile_id", "place_id", *fractions]
    ).iloc[test]
    chosen = choose_shown(
        index[fractions].to_numpy(), index["place_id"].to_numpy(), params.maps.tiles
    )
    rows = test[chosen]
    layers = {name: ShardReader(_STORE, name).read(rows) for name in ("s1", "s2")}
    labels = ShardReader(_STORE, "label").read(rows)
    predictions = {
        _title(params, name): _predicted(params, name, rows).reshape(labels.shape)
        for name in params.maps.arms
    }
    caption = _caption(params)
    figure = draw_maps(layers["s2"], layers["s1"], labels, predictions, caption=caption)
    save_figure(figure, make_empty(_OUT), "maps")
    _LOG.info("drew %s", ", ".join(index["tile_id"].iloc[chosen]))


def _title(params: Params, name: str) -> str:
    if name in params.ensembles:
        return name
    return f"{name} ({params.decoder_of[params.arms[name].encoder]})"


def _predicted(
    params: Params, name: str, rows: Integer[np.ndarray, " tiles"]
) -> UInt8[np.ndarray, "tiles pixels"]:
    """Likeliest classes by an arm or an ensemble, of the first seed."""
    section, seed = params.maps, params.seeds[0]
    total = np.zeros((len(rows), 1, NUM_CLASSES))
    for arm in params.ensembles.get(name, (name,)):
        folder = cell_folder(GRID, (arm, _TASK, section.label_frac))
        tiles = [
            table[table["row"].isin(rows)]
            for *run, table in read_predictions(folder)
            if run == [section.use, seed]
        ]
        total = total + from_predictions(pd.concat(tiles).set_index("row").loc[rows])[0]
    return np.asarray(total.argmax(axis=-1).astype(np.uint8))


def _caption(params: Params) -> str:
    section = params.maps
    return (
        f"labelled data {params.sources.labelled.source}, "
        f"{params.split.describe()}; test tiles chosen by class diversity; "
        f"{USE_TITLES[section.use]}, {100 * section.label_frac:g} % of the labels, "
        f"seed {params.seeds[0]}"
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
