import pandas as pd
import pytest
from tests.results import RUN

from sentinel_fusion.report.background_charts import (
    cost_chart,
    diagnostics_chart,
    realism_chart,
)
from sentinel_fusion.report.blocks import Switch


def _realism(real_low: float, real_high: float) -> pd.DataFrame:
    row = {
        "measure": "B02",
        "group": "means",
        "synthetic_median": 15.0,
        "synthetic_low": 5.0,
        "synthetic_high": 30.0,
        "real_low": real_low,
        "real_high": real_high,
        "published": 12.0,
        "inside": True,
    }
    return pd.DataFrame([row])


def test_measures_are_scaled_so_that_real_places_span_0_to_1() -> None:
    chart = realism_chart(RUN, _realism(10.0, 20.0)).charts[0]
    row = chart.data["realism"].iloc[0]
    assert (row["low"], row["median"], row["high"]) == (-0.5, 0.5, 2.0)
    assert row["where"] == "inside"


def test_a_measure_without_spread_has_no_place_on_the_scale() -> None:
    rows = pd.concat([_realism(10.0, 20.0), _realism(10.0, 10.0)])
    chart = realism_chart(RUN, rows).charts[0]
    assert len(chart.data["realism"]) == 1


def test_a_group_of_measures_is_chosen() -> None:
    other = _realism(10.0, 20.0).assign(group="spreads")
    switch = realism_chart(RUN, pd.concat([_realism(10.0, 20.0), other])).switch
    assert switch == Switch("group", "Measures", {"means": (), "spreads": ()}, "means")


def test_seconds_are_summed_by_arm_and_stage() -> None:
    cell = {"stage": "grid", "arm": "late", "task": "segmentation"}
    costs = [
        {"stage": "pretrain", "arm": "late", "seconds": 1.0},
        {**cell, "label_frac": 0.1, "seconds": 2.0},
        {**cell, "label_frac": 1.0, "seconds": 3.0},
    ]
    data = cost_chart(RUN, costs).charts[0].data["cost"]
    assert dict(zip(data["work"], data["seconds"], strict=True)) == {
        "pretrain": 1.0,
        "segmentation": 5.0,
    }


@pytest.mark.parametrize(
    ("epochs", "ticks"),
    [(3, [0, 1, 2]), (10, [0, 2, 4, 6, 8]), (16, [0, 2, 4, 6, 8, 10, 12, 14])],
)
def test_epochs_are_whole_and_have_room(epochs: int, ticks: list[int]) -> None:
    rows = pd.DataFrame({"epoch": range(epochs)}).assign(
        arm="late", metric="rank", value=1
    )
    spec = diagnostics_chart(RUN, rows).charts[0].spec
    assert spec["layer"][0]["encoding"]["x"]["axis"]["values"][: len(ticks)] == ticks
