from pathlib import Path

import pytest
from tests.results import write_results

from sentinel_fusion.report.results import COLUMNS, Results


@pytest.mark.parametrize("name", COLUMNS)
def test_the_builder_writes_every_table_that_the_page_reads(
    tmp_path: Path, name: str
) -> None:
    assert Results(write_results(tmp_path)).table(name) is not None


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_that_is_not_there_is_none(tmp_path: Path, name: str) -> None:
    assert Results(tmp_path).table(name) is None


def test_a_table_without_rows_is_none(tmp_path: Path) -> None:
    (tmp_path / "places.csv").write_text(",".join(COLUMNS["places.csv"]))
    assert Results(tmp_path).table("places.csv") is None


def test_a_table_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "diagnostics_curves.csv").write_text("arm,epoch,metric\nlate,1,rank\n")
    with pytest.raises(ValueError, match=r"must have a column value, got arm, epoch"):
        Results(tmp_path).table("diagnostics_curves.csv")


def test_a_record_that_is_empty_or_not_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "claims.json").write_text("{}")
    results = Results(tmp_path)
    assert [results.record(name) for name in ("claims.json", "other.json")] == [
        None
    ] * 2


def test_rows_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert Results(tmp_path).rows("cost.json") is None


def test_the_pictures_of_a_folder_are_sorted_pngs(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "a.svg"):
        file = tmp_path / "maps" / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    found = Results(tmp_path).pictures("maps")
    assert [file.name for file in found] == ["a.png", "b.png"]
