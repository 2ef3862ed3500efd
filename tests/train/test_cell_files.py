import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.data.predictions import read_predictions
from sentinel_fusion.train.cell import CellPart
from sentinel_fusion.train.cell_files import (
    SPLIT_FILES,
    features_key,
    read_splits,
    write_results,
)

INDEX = pd.DataFrame({"tile_id": ["a", "b", "c"], "place_id": ["x", "y", "z"]})


def _part(use: str, seed: int, rows: list[int], num_curves: int = 1) -> CellPart:
    predictions = pd.DataFrame(
        {"use": use, "seed": seed, "split": "test", "row": np.array(rows)}
    )
    return CellPart(predictions, [pd.DataFrame({"seed": [seed]})] * num_curves)


PARTS = [
    _part("finetuned", 0, [2]),
    _part("finetuned", 0, [0], num_curves=0),
    _part("frozen", 1, [1, 2]),
]


def test_splits_come_back_by_name_and_seed(tmp_path: Path) -> None:
    split = pd.DataFrame({"split": ["test", "train", "", "val", "train"]})
    orders = pd.DataFrame(
        {
            "seed": [0, 0, 1, 1],
            "rank": [0, 1, 0, 1],
            "row": [4, 1, 1, 4],
            "label_row": [4, 1, 4, 1],
        }
    )
    for table, name in zip((split, orders), SPLIT_FILES, strict=True):
        table.to_parquet(tmp_path / name)
    rows, by_seed, label_rows = read_splits(tmp_path, (1,))
    assert {n: r.tolist() for n, r in rows.items()} == {
        "train": [1, 4],
        "val": [3],
        "test": [0],
    }
    assert {seed: order.tolist() for seed, order in by_seed.items()} == {1: [1, 4]}
    assert {seed: order.tolist() for seed, order in label_rows.items()} == {1: [4, 1]}


def test_predictions_are_joined_to_their_tiles_by_row(tmp_path: Path) -> None:
    write_results(PARTS, INDEX, tmp_path)
    table = pd.read_parquet(tmp_path / "predictions.parquet")
    assert table["tile_id"].tolist() == ["c", "a", "b", "c"]
    assert table["place_id"].tolist() == ["z", "x", "y", "z"]


def test_parts_of_a_use_and_seed_are_read_back_as_one(tmp_path: Path) -> None:
    write_results(iter(PARTS), INDEX, tmp_path)
    found = [(use, seed) for use, seed, _ in read_predictions(tmp_path)]
    assert found == [("finetuned", 0), ("frozen", 1)]


def test_curves_of_all_seeds_lie_in_one_file(tmp_path: Path) -> None:
    write_results(PARTS, INDEX, tmp_path)
    assert pd.read_csv(tmp_path / "curves.csv")["seed"].tolist() == [0, 1]


def test_what_an_earlier_run_left_is_gone(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    write_results(PARTS, INDEX, tmp_path)
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"predictions.parquet", "curves.csv"}


def _key(stage: str = "run it", settings: object = 0, content: bytes = b"") -> str:
    Path("stage.py").write_text(stage)
    return features_key(settings, Path("stage.py"), [content])


def _load(monkeypatch: pytest.MonkeyPatch, name: str, code: str = "new") -> None:
    module = ModuleType(name)
    module.__file__ = f"{name}.py"
    Path(module.__file__).write_text(code)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize(
    "name",
    [
        "sentinel_fusion.tasks.another",
        "sentinel_fusion.metrics.selection.another",
        "stages.another",
        "__main__",
    ],
)
def test_cells_of_another_task_or_script_share_features(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _key()
    _load(monkeypatch, name)
    assert _key() == before


@pytest.mark.parametrize("part", ["data", "models", "train"])
def test_other_code_that_makes_features_is_not_shared_with(
    part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = [_key()]
    for code in ("new", "newer"):
        _load(monkeypatch, f"sentinel_fusion.{part}.another", code)
        keys.append(_key())
    assert len(set(keys)) == 3


def test_other_settings_contents_or_stage_are_not_shared_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = [_key(), _key(settings=1), _key(content=b"x"), _key(stage="run it else")]
    assert len(set(keys)) == 4
