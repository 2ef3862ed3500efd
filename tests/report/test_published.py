from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from sentinel_fusion.classes import CLASS_NAMES
from sentinel_fusion.report import published as published_module
from sentinel_fusion.report.published import published, reference_marks

FIGURES = pd.read_csv(Path(published_module.__file__).with_name("published.csv"))
KEYS = ["paper", "system", "task", "use", "protocol", "label_frac", "metric"]
KNOWN = {
    "task": {"single_label", "multi_label", "segmentation"},
    "use": {"finetuned", "frozen"},
    "protocol": {"A", "B", "C"},
    "trust": {"T", "D", "3rd"},
    "label_frac": {0, 0.01, 0.1, 0.5, 1},
}
METRICS = {
    "single_label": {"aa", "oa", *(f"accuracy_{name}" for name in CLASS_NAMES)},
    "multi_label": {"macro_f1", "overall_f1"},
    "segmentation": {"miou", "aa", "oa"},
}


@pytest.mark.parametrize("column", ["value", "sd"])
def test_every_figure_is_a_share(column: str) -> None:
    assert FIGURES[column].dropna().between(0, 1).all()
    assert FIGURES["value"].notna().all()


@pytest.mark.parametrize("column", list(KNOWN))
def test_only_known_names_occur(column: str) -> None:
    assert set(FIGURES[column]) == KNOWN[column]


@pytest.mark.parametrize("task", list(METRICS))
def test_every_task_has_its_own_metrics(task: str) -> None:
    assert set(FIGURES.loc[FIGURES["task"] == task, "metric"]) == METRICS[task]


@pytest.mark.parametrize("column", ["paper", "source", "system"])
def test_every_figure_names_where_it_comes_from(column: str) -> None:
    assert FIGURES[column].str.strip().ne("").all()
    assert FIGURES[column].notna().all()


def test_no_figure_stands_twice() -> None:
    assert not FIGURES.duplicated(KEYS).any()


def test_a_paper_keeps_to_one_protocol() -> None:
    assert (FIGURES.groupby("paper")["protocol"].nunique() == 1).all()


def test_only_figures_of_tables_have_a_spread() -> None:
    assert set(FIGURES.loc[FIGURES["sd"].notna(), "trust"]) == {"T"}


@pytest.mark.parametrize(
    ("task", "metric", "protocol", "system", "use", "label_frac", "value", "sd"),
    [
        ("single_label", "aa", "B", "D-SimCLR", "finetuned", 1, 0.70, 0.02),
        ("single_label", "oa", "B", "LateFusion", "finetuned", 1, 0.65, 0.03),
        ("single_label", "accuracy_wetland", "B", "MMA", "finetuned", 1, 0.08, 0.09),
        ("single_label", "aa", "B", "D-SimCLR", "finetuned", 0.1, 0.654, None),
        ("single_label", "aa", "B", "MMA", "frozen", 1, 0.57, None),
        ("multi_label", "overall_f1", "B", "D-SimCLR", "finetuned", 1, 0.69, 0.01),
        ("single_label", "aa", "A", "RN50 scratch", "finetuned", 0.01, 0.235, None),
        ("segmentation", "aa", "A", "SwinUNet", "frozen", 0.5, 0.46, None),
        ("segmentation", "miou", "A", "U-Net late", "finetuned", 1, 0.381, None),
        ("segmentation", "miou", "C", "CROMA S2", "frozen", 1, 0.665, None),
    ],
)
def test_figures_are_those_of_the_papers(
    task: str,
    metric: str,
    protocol: str,
    system: str,
    use: str,
    label_frac: float,
    value: float,
    sd: float | None,
) -> None:
    rows = published(task, metric, protocol)
    is_it = (rows["system"] == system) & (rows["use"] == use)
    row = rows[is_it & (rows["label_frac"] == label_frac)].iloc[0]
    assert row["value"] == value
    assert pd.isna(row["sd"]) if sd is None else row["sd"] == sd


def test_ten_percent_of_the_labels_beat_every_supervised_baseline() -> None:
    rows = published("single_label", "aa", "B").set_index(
        ["system", "use", "label_frac"]
    )
    few = rows.loc[("D-SimCLR", "finetuned", 0.1), "value"]
    baselines = ["OnlySen-1", "OnlySen-2", "EarlyFusion", "LateFusion"]
    assert (rows.loc[(baselines, "finetuned", 1.0), "value"] < few).all()


def test_real_labels_get_the_marks_of_their_protocol() -> None:
    marks = reference_marks("single_label", "aa", "A", "dfc2020")
    assert set(marks["paper"]) == {"P2", "SupCon_SSL"}
    assert marks.equals(published("single_label", "aa", "A"))


def test_a_system_that_saw_no_labels_is_no_mark() -> None:
    assert "track 1 winner" in set(published("segmentation", "aa", "A")["system"])
    marks = reference_marks("segmentation", "aa", "A", "dfc2020")
    assert "track 1 winner" not in set(marks["system"])


@pytest.mark.parametrize("source", ["synthetic", "folder", "sen12ms", ""])
def test_other_data_never_gets_a_mark(source: str) -> None:
    for task, protocol in product(METRICS, "ABC"):
        for metric in METRICS[task]:
            assert reference_marks(task, metric, protocol, source).empty


def test_an_empty_answer_keeps_its_columns() -> None:
    marks = reference_marks("single_label", "aa", "B", "synthetic")
    assert list(marks.columns) == list(FIGURES.columns)
