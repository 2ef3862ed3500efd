from collections.abc import Callable

import pytest
from tests.results import RUN, write_results

from sentinel_fusion.report.background_charts import (
    cost_chart,
    diagnostics_chart,
    realism_chart,
)
from sentinel_fusion.report.blocks import Charts
from sentinel_fusion.report.charts import by_task, row_label
from sentinel_fusion.report.curve_chart import (
    curve_charts,
    curve_points,
    reference_scores,
)
from sentinel_fusion.report.difference_charts import (
    claim_rows,
    claims_chart,
    comparisons_chart,
)
from sentinel_fusion.report.quality_charts import (
    confusion_charts,
    places_chart,
    reliability_charts,
)
from sentinel_fusion.report.results import Results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(write_results(tmp_path_factory.mktemp("metrics")))


def _curves(results: Results) -> Charts:
    found = curve_points(RUN, results)
    assert found is not None
    return curve_charts(RUN, *found, reference_scores(RUN, results))


def _of_table(name: str, draw: Callable[..., Charts]) -> Callable[[Results], Charts]:
    return lambda results: draw(RUN, results.table(name))


DRAWN: dict[str, Callable[[Results], Charts]] = {
    "curves": _curves,
    "claims": lambda r: claims_chart(RUN, claim_rows(r.record("claims.json") or {})),
    "comparisons": _of_table("comparisons.csv", comparisons_chart),
    "reliability": _of_table("reliability.csv", reliability_charts),
    "confusion": _of_table("confusion.csv", confusion_charts),
    "places": _of_table("places.csv", places_chart),
    "diagnostics": _of_table("diagnostics_curves.csv", diagnostics_chart),
    "realism": _of_table("realism.csv", realism_chart),
    "cost": lambda r: cost_chart(RUN, r.rows("cost.json") or []),
}


@pytest.fixture(scope="module", params=DRAWN)
def drawn(request: pytest.FixtureRequest, results: Results) -> Charts:
    return DRAWN[request.param](results)


def test_every_chart_says_data_and_protocol(drawn: Charts) -> None:
    lines = [chart.spec["title"]["subtitle"] for chart in drawn.charts]
    assert all("synthetic data, protocol B" in found for found in lines)


def test_every_chart_is_described_for_those_who_do_not_see_it(drawn: Charts) -> None:
    assert all(len(chart.spec["description"]) > 40 for chart in drawn.charts)


def test_every_chart_has_the_signals_of_the_switches(drawn: Charts) -> None:
    for chart in drawn.charts:
        names = {param["name"] for param in chart.spec["params"]}
        assert names >= {"task", "uses", "arms", "frac", "dark"}


def test_every_chart_draws_the_data_that_it_brings(drawn: Charts) -> None:
    for chart in drawn.charts:
        parts = [chart.spec, *chart.spec["layer"]]
        named = {part["data"]["name"] for part in parts if "data" in part}
        assert set(chart.data) <= named
        assert all(len(rows) for rows in chart.data.values())


def test_a_chart_a_use_is_drawn_of_what_depends_on_it(results: Results) -> None:
    for name in ("curves", "reliability", "confusion"):
        charts = DRAWN[name](results).charts
        assert [chart.use for chart in charts] == ["finetuned", "frozen"]


def test_values_are_looked_up_by_the_chosen_task() -> None:
    assert by_task({"a": [0, 1]}) == '({"a": [0, 1]})[task]'


def test_a_frozen_arm_says_so_in_its_row() -> None:
    assert [row_label("late", use) for use in ("finetuned", "frozen")] == [
        "late",
        "late, frozen",
    ]
