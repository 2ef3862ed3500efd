"""Compare generated tiles with real ones."""

import json
import logging
from pathlib import Path

import numpy as np

from sentinel_fusion.data.place_tiles import tiles_of_store
from sentinel_fusion.data.published_stats import PUBLISHED
from sentinel_fusion.folders import make_empty
from sentinel_fusion.metrics.place_measures import (
    BANDS,
    TILE_PX,
    PlaceMeasures,
    measure_place,
)
from sentinel_fusion.metrics.realism import compare_places, summarise_realism
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.figure_files import save_figure
from sentinel_fusion.report.realism import (
    draw_correlations,
    draw_histograms,
    draw_measures,
    draw_spectra,
)

_LOG = logging.getLogger(__name__)
_OUT = Path("metrics")
_STORES = {role: Path("data/tiles") / role for role in ("pretrain", "labelled")}


def main() -> None:
    """Write ``realism.csv``, ``realism.json`` and the figures."""
    params = load_params()
    stores = [
        store
        for role, store in _STORES.items()
        if getattr(params.sources, role).source == "synthetic"
    ]
    if stores and params.tile.size_px < TILE_PX:
        _LOG.warning("nothing is compared: tile.size_px must be >= %d", TILE_PX)
        stores = []
    synthetic = [place for store in stores for place in _measure(store, params)]
    real, about = read_real(params)
    published = [{band: data.of(band) for band in BANDS} for data in PUBLISHED]
    table = compare_places(synthetic, real, published)
    numbers = summarise_realism(table, num_synthetic=len(synthetic), num_real=len(real))
    folder = make_empty(_OUT / "realism")
    if synthetic:
        caption = (
            f"{len(synthetic)} synthetic places of this run, seed {params.seed}; "
            f"{len(real)} real places: {about}"
        )
        figures = {
            "spectra": draw_spectra(synthetic, real, caption=caption),
            "histograms": draw_histograms(synthetic, real, caption=caption),
            "correlations": draw_correlations(synthetic, real, caption=caption),
            "measures": draw_measures(table, caption=caption),
        }
        for name, figure in figures.items():
            save_figure(figure, folder, name)
    table.to_csv(_OUT / "realism.csv", index=False, float_format="%.5g")
    (_OUT / "realism.json").write_text(json.dumps(numbers, indent=2) + "\n")
    _LOG.info("%d of %d measures inside", table["inside"].sum(), len(table))


def read_real(params: Params) -> tuple[list[PlaceMeasures], str]:
    """The real places that ``realism.real`` names.

    Args:
        params: All params.

    Returns:
        Measures, kept in a file or taken from a tile store, and where they come from.

    Raises:
        ValueError: If the file's tiles have another size.
    """
    real = params.realism.real
    if real.is_dir():
        return _measure(real, params), real.as_posix()
    content = json.loads(real.read_text())
    if content["tile_px"] != TILE_PX:
        raise ValueError(
            f"tile_px of {real} must be {TILE_PX}, got {content['tile_px']}; "
            "write it anew by python -m stages.measure_places"
        )
    return [PlaceMeasures(**place) for place in content["places"]], content["about"]


def _measure(store: Path, params: Params) -> list[PlaceMeasures]:
    places = tiles_of_store(
        store,
        size_px=TILE_PX,
        max_places=params.realism.max_places,
        max_tiles=params.realism.max_tiles,
        rng=np.random.default_rng(params.seed),
    )
    return [measure_place(place.place_id, place.s1, place.s2) for place in places]


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
