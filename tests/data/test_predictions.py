from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sentinel_fusion.data.predictions import (
    FILE_NAME,
    PredictionWriter,
    read_predictions,
)

RUNS = [("finetuned", 0), ("finetuned", 2), ("frozen", 0), ("frozen", 2)]


def _table(use: str, seed: int) -> pd.DataFrame:
    """Three tiles whose numbers and bytes depend on use and seed."""
    values = [seed + 0.25, seed + 0.5, float(len(use))]
    return pd.DataFrame(
        {
            "tile_id": ["a", "b", "c"],
            "use": use,
            "seed": seed,
            "p0": values,
            "label": [f"{use}{value}".encode() for value in values],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with PredictionWriter(tmp_path) as writer:
        for run in RUNS:
            writer.append(_table(*run))
    return tmp_path


def test_uses_and_seeds_come_back_in_the_order_they_were_written(folder: Path) -> None:
    assert [(use, seed) for use, seed, _ in read_predictions(folder)] == RUNS


def test_tables_come_back_as_they_were(folder: Path) -> None:
    found = pd.concat([table for _, _, table in read_predictions(folder)])
    pd.testing.assert_frame_equal(found, pd.concat([_table(*run) for run in RUNS]))


def test_one_table_is_read_at_a_time(folder: Path) -> None:
    reading = read_predictions(folder)
    assert isinstance(reading, Iterator)
    assert len(next(reading)[2]) == 3


def test_all_tables_lie_in_one_file_that_pandas_reads(folder: Path) -> None:
    assert len(pd.read_parquet(folder / FILE_NAME)) == 3 * len(RUNS)


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    message = "cell holds no predictions; run `dvc repro`"
    with pytest.raises(FileNotFoundError, match=message):
        next(read_predictions(tmp_path / "cell"))
