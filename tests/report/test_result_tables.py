from pathlib import Path

import pandas as pd
import pytest
from tests.results import RUN, intervals, write_results

from sentinel_fusion.report.difference_charts import claim_rows
from sentinel_fusion.report.page_tables import NOTHING
from sentinel_fusion.report.result_tables import (
    claim_tables,
    comparison_tables,
    metric_tables,
    saving_tables,
    score_tables,
)
from sentinel_fusion.report.results import Results

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(write_results(tmp_path))


def _rows(results: Results, name: str) -> pd.DataFrame:
    rows = results.table(name)
    assert rows is not None
    return rows


def test_a_task_has_a_table_of_its_scores_with_intervals() -> None:
    points = intervals(RUN).assign(mean=0.6849, low=0.6612, high=0.7071)
    table = score_tables(RUN, points, "95 %")[0]
    assert table.task == "single_label"
    assert table.head == ("arm", "use", "10 %", "100 %")
    assert len(table.rows) == len(RUN.arms) * 2
    assert table.rows[0] == ("late", "fine-tuned", *["68.5 [66.1, 70.7]"] * 2)


def test_a_cell_that_did_not_run_is_a_dash() -> None:
    points = intervals(RUN)
    points = points[(points["arm"] != "late") | (points["label_frac"] == 1)]
    rows = score_tables(RUN, points, "95 %")[0].rows
    assert rows[0][:3] == ("late", "fine-tuned", NOTHING)


def test_every_metric_of_a_cell_is_averaged_over_seeds() -> None:
    cell = {"task": "single_label", "arm": "late", "use": "frozen", "label_frac": 0.1}
    scores = pd.DataFrame(
        [
            {**cell, "seed": 0, "metric": "macro_f1", "value": 0.2},
            {**cell, "seed": 1, "metric": "macro_f1", "value": 0.4},
        ]
    )
    table = metric_tables(RUN, scores)[0]
    assert table.head[-1] == "macro f1"
    assert table.rows == [("late", "frozen encoder", "10 %", "0.300")]


def test_a_claim_has_a_row_with_its_verdict(results: Results) -> None:
    rows = claim_rows(results.record("claims.json") or {})
    first = claim_tables(RUN, rows)[0].rows[0]
    assert first[2:] == ("holds", "late", "+2.0 [+1.0, +3.0]")


def test_labels_needed_say_what_is_not_reached(results: Results) -> None:
    rows = saving_tables(RUN, _rows(results, "label_saving.csv"))[0].rows
    assert rows[0][2:] == ("late 60.0", "36 [20, not reached]", "2.8 [1, 5]")
    assert rows[1][3:] == ("not reached [20, not reached]", NOTHING)


def test_a_comparison_has_a_row_with_both_p_values(results: Results) -> None:
    row = comparison_tables(RUN, _rows(results, "comparisons.csv"))[0].rows[0]
    expected = f"+3.0 [{MINUS}1.0, +7.0]"
    assert row[3:] == ("late", "aa", expected, "0.040", "0.160")
