from pathlib import Path

import pandas as pd
from tests.results import RUN, write_results

from sentinel_fusion.report.difference_charts import (
    claim_rows,
    comparisons_chart,
    other_side,
)
from sentinel_fusion.report.results import Results

ROW = {
    "use": "frozen",
    "label_frac": 0.1,
    "versus": "late",
    "versus_use": "frozen",
    "versus_frac": 0.1,
}


def test_claims_become_a_row_a_task_arm_and_use() -> None:
    found = {"difference": 0.1, "low": 0.0, "high": 0.2, "verdict": "holds"}
    rows = claim_rows({"single_label": {"mma": {"frozen": found}}})
    assert rows.to_dict("records") == [
        {"task": "single_label", "arm": "mma", "use": "frozen", **found}
    ]


def test_the_other_side_is_named_alone_where_the_rest_is_the_same() -> None:
    assert other_side(ROW) == "late"


def test_the_other_side_says_in_what_else_it_differs() -> None:
    row = {**ROW, "versus_use": "finetuned", "versus_frac": 1.0}
    assert other_side(row) == "late (fine-tuned, 100 %)"


def test_the_chart_compares_headline_metrics_alone(tmp_path: Path) -> None:
    rows = Results(write_results(tmp_path)).table("comparisons.csv")
    assert rows is not None
    both = pd.concat([rows, rows.assign(metric="kappa")])
    data = comparisons_chart(RUN, both).charts[0].data["comparisons"]
    assert set(data["metric"]) == {"aa", "miou"}


def test_the_chart_is_drawn_in_points(tmp_path: Path) -> None:
    rows = Results(write_results(tmp_path)).table("comparisons.csv")
    assert rows is not None
    data = comparisons_chart(RUN, rows).charts[0].data["comparisons"]
    assert set(data["difference"].round(6)) == {2.0, 3.0}
