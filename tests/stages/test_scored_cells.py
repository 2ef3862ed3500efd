from pathlib import Path

import pandas as pd
import pytest
from stages.scored_cells import read_members, scored_cells

from sentinel_fusion.data.predictions import PredictionWriter
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.sections.training import Grid

LIVE = Path(__file__).parents[2] / "params.yaml"


def _params() -> Params:
    arms = {"single_label": ("early", "late"), "multi_label": ("late",)}
    grid = Grid(label_fracs=(0.1,), arms=arms)
    live = load_params(LIVE)
    return live.model_copy(
        update={"grid": grid, "ensembles": {"both": ("early", "late")}}
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grid of three cells, each with two seeds that predict one tile."""
    monkeypatch.chdir(tmp_path)
    for cell in ("early/single_label", "late/single_label", "late/multi_label"):
        target = tmp_path / "runs" / "grid" / cell / "0.1"
        target.mkdir(parents=True)
        with PredictionWriter(target) as writer:
            for seed in (0, 1):
                row = {"tile_id": cell, "use": "frozen", "seed": seed, "split": "val"}
                writer.append(pd.DataFrame([row]))
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_an_ensemble_is_scored_in_the_tasks_that_all_members_ran() -> None:
    names = [cell for cell, _ in scored_cells(_params())]
    assert names == [
        ("early", "single_label", 0.1),
        ("late", "single_label", 0.1),
        ("late", "multi_label", 0.1),
        ("both", "single_label", 0.1),
    ]


@pytest.mark.usefixtures("folder")
def test_members_are_read_side_by_side() -> None:
    *_, (_, folders) = scored_cells(_params())
    parts = list(read_members(folders))
    assert [(use, seed) for use, seed, _ in parts] == [("frozen", 0), ("frozen", 1)]
    tiles = [[table["tile_id"].iat[0] for table in tables] for _, _, tables in parts]
    assert tiles == [["early/single_label", "late/single_label"]] * 2
