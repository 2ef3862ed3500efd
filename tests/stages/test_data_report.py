import json
import re
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from stages import data_report
from tests.builders import s1_pixels, s2_pixels

from sentinel_fusion.data.stats import BandHistograms

SOURCE = SimpleNamespace(source="folder")
PARAMS = SimpleNamespace(
    seed=0,
    sources=SimpleNamespace(pretrain=SOURCE, labelled=SOURCE),
    split=SimpleNamespace(describe=lambda: "protocol places"),
    data_report=SimpleNamespace(contact_tiles=3),
    block_px={"pretrain": 0, "labelled": 64}.get,
)


def _write_store(store: Path, *, crs: str) -> None:
    """Four tiles of one place, the last two of them water."""
    store.mkdir(parents=True)
    s2 = np.moveaxis(s2_pixels(16), 0, -1)
    s2[..., 10] -= 1990  # B10 is near 0 in all but the builder's formula
    layers = {
        "s1": np.rint(100 * np.moveaxis(s1_pixels(16), 0, -1)).astype(np.int16),
        "s2": s2.astype(np.uint16),
    }
    bands, binned = {}, {}
    for sensor, tile in layers.items():
        tiles = np.stack([tile] * 4)
        np.save(store / f"{sensor}-00000.npy", tiles)
        histograms = BandHistograms(sensor)
        histograms.add(tiles)
        bands[sensor] = histograms.summary()
        binned[sensor] = histograms.binned()
    stats = {
        "tiles": 4,
        "rejected": {"s1_invalid": 1},
        "bands": bands,
        "histograms": binned,
    }
    (store / "stats.json").write_text(json.dumps(stats))
    index = {
        "tile_id": [f"tile {number}" for number in range(4)],
        "place_id": "place",
        "season": "unknown",
        "crs": crs,
        "majority": [0, 0, 7, 7],
        "footprint": [shapely.box(8, 50, 9, 51) if crs else None] * 4,
    }
    table = gpd.GeoDataFrame(index, geometry="footprint", crs="EPSG:4326")
    table.to_parquet(store / "index.parquet")


def _write_data(folder: Path, *, crs: str = "") -> None:
    """Both stores, and splits of the labelled one: two tiles train, two test."""
    for role in ("pretrain", "labelled"):
        store = folder / "data" / "tiles" / role
        _write_store(store, crs=crs)
    splits = {
        "tile_id": [f"tile {number}" for number in range(4)],
        "split": ["train", "train", "test", "test"],
    }
    (folder / "data/splits").mkdir()
    pd.DataFrame(splits).to_parquet(folder / "data/splits/tiles.parquet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data_report, "load_params", lambda: PARAMS)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("crs", "expected"), [("EPSG:32632", 1), ("", 0)])
def test_numbers_and_figures_are_written(folder: Path, crs: str, expected: int) -> None:
    _write_data(folder, crs=crs)
    data_report.main()
    numbers = json.loads((folder / "metrics/data.json").read_text())
    svg = (folder / "metrics/data/places.svg").read_text()
    figures = {file.stem for file in (folder / "metrics/data").glob("*.svg")}
    roles = {"tiles_pretrain", "tiles_labelled"}
    assert numbers["labelled"]["georeferenced"] == expected
    assert [numbers[role]["block_px"] for role in ("pretrain", "labelled")] == [0, 64]
    text = " ".join(re.findall(r"<!-- (.*?) -->", svg))
    assert "labelled places are neighbouring blocks of 64 px" in text
    assert numbers["labelled"]["splits"]["train"]["tiles"] == 2
    assert figures == {"classes", "places", "bands", "footprints", "rejected"} | roles
