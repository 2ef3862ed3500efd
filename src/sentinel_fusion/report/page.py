"""The report of a run as one HTML file that works without a network."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinel_fusion.classes import LAND_COVERS
from sentinel_fusion.report.background_sections import (
    cost_section,
    data_section,
    diagnostics_section,
    fairness_section,
    provenance_section,
)
from sentinel_fusion.report.chart_style import arm_styles
from sentinel_fusion.report.curve_chart import curve_points, reference_scores
from sentinel_fusion.report.efficiency import USE_TITLES
from sentinel_fusion.report.page_data import page_data
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Run, percent, spell
from sentinel_fusion.report.sections import (
    comparisons_section,
    curves_section,
    maps_section,
    quality_section,
    verdict_section,
)


def render_page(
    run: Run,
    results: Results,
    *,
    origin: Mapping[str, Mapping[str, str]],
    params: str,
) -> str:
    """The page of a run.

    Args:
        run: Arms, tasks and data of the run.
        results: What its stages left; a note stands where something is missing.
        origin: Title -> name -> value: revision, versions, machine, data.
        params: ``params.yaml`` as it stands.

    Returns:
        HTML with all scripts, styles and images in it.
    """
    sections = [
        verdict_section(run, results),
        curves_section(run, results),
        comparisons_section(run, results),
        maps_section(run, results),
        quality_section(run, results),
        diagnostics_section(run, results),
        data_section(run, results),
        fairness_section(results),
        cost_section(run, results),
        provenance_section(results, origin, params),
    ]
    environment = Environment(
        loader=PackageLoader("sentinel_fusion.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"spell": spell, "percent": percent}
    return environment.get_template("page.html").render(
        run=run,
        sections=sections,
        styles=arm_styles(run.arms, run.pretrained),
        choices=arm_choices(run, results),
        use_titles=USE_TITLES,
        land_covers=LAND_COVERS,
        page_data=_as_json(page_data(sections)),
        vega=Markup(vega_bundle()),
    )


@dataclass(frozen=True)
class ArmChoice:
    """An arm that the page's switches offer.

    Args:
        name: Its name.
        tasks: Tasks that it ran.
        is_chosen: Whether it is shown at first.
    """

    name: str
    tasks: tuple[str, ...]
    is_chosen: bool


def arm_choices(run: Run, results: Results) -> list[ArmChoice]:
    """The arms that can be shown; at first the pre-trained ones and their references.

    Args:
        run: Arms, tasks and data of the run.
        results: Its results.

    Returns:
        Arms with scores, in the order of the run; all of them without any scores.
    """
    found = curve_points(run, results)
    ran = {arm: set(run.tasks) for arm in run.arms}
    if found is not None:
        points = found[0].groupby("arm")["task"]
        ran = {str(arm): set(tasks) for arm, tasks in points}
    references = set(reference_scores(run, results)["arm"])
    return [
        ArmChoice(
            name=arm,
            tasks=tuple(task for task in run.tasks if task in ran[arm]),
            is_chosen=arm in run.pretrained | references,
        )
        for arm in run.arms
        if arm in ran
    ]


def _as_json(found: Mapping[str, Any]) -> Markup:
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed of the version that altair writes for.

    Returns:
        A classic script that leaves ``vegaEmbed`` behind and nothing else.
    """
    version = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    code = vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;", version)
    return f"(function(){{{code}}})();"
