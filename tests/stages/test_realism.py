import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from stages import realism

from sentinel_fusion.metrics.place_measures import TILE_PX, measure_place
from sentinel_fusion.metrics.realism import COLUMNS

Run = Callable[..., dict[str, Any]]


def _write_store(store: Path, *, places: int = 3, size_px: int = TILE_PX) -> None:
    store.mkdir(parents=True)
    rng = np.random.default_rng(0)
    shape = (places, size_px, size_px)
    s1 = rng.normal(-1500, 300, (*shape, 2)).astype(np.int16)
    s2 = rng.integers(500, 1500, (*shape, 13)).astype(np.uint16)
    np.save(store / "s1-00000.npy", s1)
    np.save(store / "s2-00000.npy", s2)
    names = [f"place {number}" for number in range(places)]
    pd.DataFrame({"place_id": names}).to_parquet(store / "index.parquet")


def _write_measures(file: Path, *, tile_px: int = TILE_PX) -> None:
    rng = np.random.default_rng(1)
    shape = (2, TILE_PX, TILE_PX)
    place = measure_place(
        "real place",
        rng.normal(-14, 3, (*shape, 2)),
        rng.integers(500, 1500, (*shape, 13)).astype(np.uint16),
    )
    content = {"about": "two tiles", "tile_px": tile_px, "places": [asdict(place)]}
    file.write_text(json.dumps(content))


def _touch(figure: Figure, folder: Path, name: str) -> None:
    (folder / f"{name}.png").touch()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the stage on two small stores; returns its numbers."""
    monkeypatch.chdir(tmp_path)
    for role in ("pretrain", "labelled"):
        _write_store(tmp_path / "data" / "tiles" / role)
    _write_measures(tmp_path / "places.json")
    Path("metrics").mkdir()

    def with_params(
        *,
        real: str = "places.json",
        source: str = "synthetic",
        size_px: int = TILE_PX,
        with_figures: bool = False,
    ) -> dict[str, Any]:
        params = SimpleNamespace(
            seed=0,
            tile=SimpleNamespace(size_px=size_px),
            sources=SimpleNamespace(
                pretrain=SimpleNamespace(source=source),
                labelled=SimpleNamespace(source=source),
            ),
            realism=SimpleNamespace(real=Path(real), max_places=2, max_tiles=4),
        )
        monkeypatch.setattr(realism, "load_params", lambda: params)
        if not with_figures:
            monkeypatch.setattr(realism, "save_figure", _touch)
        realism.main()
        return dict(json.loads(Path("metrics/realism.json").read_text()))

    return with_params


def test_both_roles_are_compared_with_the_kept_places(run: Run) -> None:
    numbers = run()
    assert (numbers["synthetic_places"], numbers["real_places"]) == (4, 1)
    table = pd.read_csv("metrics/realism.csv")
    assert list(table.columns) == COLUMNS
    assert len(table) == numbers["measures"]


@pytest.mark.slow
def test_every_figure_is_written_as_png_and_svg(run: Run) -> None:
    run(with_figures=True)
    names = ("spectra", "histograms", "correlations", "measures")
    written = {file.name for file in Path("metrics/realism").iterdir()}
    assert written == {f"{n}.{kind}" for n in names for kind in ("png", "svg")}


def test_a_tile_store_may_stand_for_the_real_places(run: Run) -> None:
    numbers = run(real="data/tiles/labelled")
    assert numbers["real_places"] == 2
    assert numbers["groups"]["means"]["inside"] > 0.5


def test_real_tiles_are_not_taken_for_generated_ones(run: Run) -> None:
    assert run(source="dfc2020") == {"synthetic_places": 0, "real_places": 1}
    assert pd.read_csv("metrics/realism.csv").empty
    assert list(Path("metrics/realism").iterdir()) == []


def test_tiles_too_small_to_compare_do_not_stop_the_pipeline(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(size_px=16)["synthetic_places"] == 0
    assert "tile.size_px must be >= 32" in caplog.text


def test_measures_of_other_tiles_are_refused(run: Run, tmp_path: Path) -> None:
    _write_measures(tmp_path / "places.json", tile_px=64)
    with pytest.raises(ValueError, match=r"tile_px of places.json must be 32, got 64"):
        run()
