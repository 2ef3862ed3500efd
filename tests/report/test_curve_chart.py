import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.results import RUN, write_results

from sentinel_fusion.report.curve_chart import (
    curve_charts,
    curve_points,
    floor_scores,
    reference_scores,
)
from sentinel_fusion.report.results import Results

KEYS = ["task", "arm", "use", "label_frac"]


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(write_results(tmp_path))


def _points(results: Results) -> pd.DataFrame:
    found = curve_points(RUN, results)
    assert found is not None
    return found[0]


def test_points_are_the_headline_metric_with_its_interval(results: Results) -> None:
    file = results.folder / "intervals.csv"
    rows = pd.read_csv(file)
    other = rows.assign(metric="kappa", mean=0.0)
    pd.concat([other, rows]).to_csv(file, index=False)
    found = curve_points(RUN, results)
    assert found is not None
    points, spread = found
    assert spread == "95 % intervals over places and seeds"
    assert not points.duplicated(KEYS).any()
    assert points["mean"].min() > 0


def test_without_intervals_the_spread_over_seeds_is_said(results: Results) -> None:
    (results.folder / "intervals.csv").unlink()
    found = curve_points(RUN, results)
    assert found is not None
    points, spread = found
    assert "standard deviation" in spread
    assert sorted(points["label_frac"].unique()) == [0.1, 1.0]


def test_without_any_scores_there_are_no_points(tmp_path: Path) -> None:
    assert curve_points(RUN, Results(tmp_path)) is None


def test_the_floor_is_the_best_frozen_arm_from_scratch() -> None:
    points = pd.DataFrame(
        [
            ("single_label", "late", "frozen", 1.0, 0.5),
            ("single_label", "swin_late", "frozen", 1.0, 0.6),
            ("single_label", "dual_simclr", "frozen", 1.0, 0.8),
            ("single_label", "late", "finetuned", 1.0, 0.9),
        ],
        columns=[*KEYS, "mean"],
    )
    floor = floor_scores(RUN, points).to_dict("records")
    assert [(row["arm"], row["mean"]) for row in floor] == [("swin_late", 0.6)]


def test_the_reference_is_that_of_the_ablation(results: Results) -> None:
    found = reference_scores(RUN, results).set_index("task")
    assert found.loc["single_label", "arm"] == "late"
    assert found.loc["single_label", "mean"] == 0.6


def test_without_an_ablation_no_reference_is_drawn(tmp_path: Path) -> None:
    assert reference_scores(RUN, Results(tmp_path)).empty


def test_arms_stand_evenly_around_their_share_of_labels(results: Results) -> None:
    points = _points(results)
    rows = curve_charts(RUN, points, "", reference_scores(RUN, results)).charts[0]
    data = rows.data["curves"]
    one = data[(data["task"] == "segmentation") & (data["use"] == "frozen")]
    one = one.assign(shift=np.log(one["x"] / one["label_pct"]))
    shifts = one.groupby("label_pct")["shift"]
    assert [shift.mean() for _, shift in shifts] == pytest.approx([0, 0], abs=1e-4)
    assert all(shift.is_monotonic_increasing for _, shift in shifts)


def test_both_uses_share_one_scale_that_holds_every_interval(results: Results) -> None:
    points = _points(results)
    charts = curve_charts(RUN, points, "", reference_scores(RUN, results)).charts
    scales = [chart.spec["layer"][0]["encoding"]["y"]["scale"] for chart in charts]
    assert scales[0] == scales[1]
    rows = points[points["task"] == "single_label"]
    low, high = rows["low"].min(), rows["high"].max()
    margin = 0.04 * (high - low)
    expected = f'"single_label": [{low - margin:.4f}, {high + margin:.4f}]'
    assert expected in scales[0]["domainMin"]["expr"]


def test_uses_without_scores_have_no_chart(results: Results) -> None:
    points = _points(results)
    frozen = points[points["use"] == "frozen"]
    charts = curve_charts(RUN, frozen, "", reference_scores(RUN, results)).charts
    assert [chart.key for chart in charts] == ["curve-frozen"]


def test_the_reference_is_drawn_with_its_share_of_labels(results: Results) -> None:
    claim = dataclasses.replace(RUN.claim, reference_frac=0.5)
    run = dataclasses.replace(RUN, claim=claim)
    charts = curve_charts(run, _points(results), "", reference_scores(run, results))
    assert "supervised arm with 50 % of the labels." in charts.caption
    spec = json.dumps(charts.charts[0].spec)
    assert "best supervised, 50 % of the labels: " in spec
    assert "all labels" not in spec + charts.caption
