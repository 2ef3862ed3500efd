import json
from pathlib import Path

import pytest
from stages import cost
from stages.cells import COSTS, cells

from sentinel_fusion.params import load_params

LIVE = Path(__file__).parents[2] / "params.yaml"
PRETRAIN = Path("runs/cost/pretrain")


def _spend(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "cost.json").write_text(json.dumps({"seconds": 1.0}))


def test_costs_are_of_the_arms_and_cells_there_are_and_others_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = load_params(LIVE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cost, "load_params", lambda: params)
    gone = PRETRAIN / "gone", COSTS / "gone" / "single_label" / "1.0"
    for folder in (*gone, *(PRETRAIN / arm for arm in params.arms)):
        _spend(folder)
    for cell in cells(params):
        _spend(COSTS.joinpath(*map(str, cell)))
    cost.main()
    rows = json.loads(Path("metrics/cost.json").read_text())
    assert len(rows) == len(params.arms) + len(list(cells(params)))
    assert not any(folder.exists() for folder in gone)
