"""Say how sure the scores are: intervals, paired comparisons, labels saved, claims."""

import json
import logging
from pathlib import Path

import pandas as pd

from sentinel_fusion.metrics import comparisons, label_saving
from sentinel_fusion.metrics.claims import Claims, judge
from sentinel_fusion.metrics.comparisons import Best, Point, Row
from sentinel_fusion.metrics.place_counts import PlaceCounts, count_places
from sentinel_fusion.metrics.study import Study
from sentinel_fusion.params import Params, load_params
from stages.arm_roles import from_scratch, pretrained, twins
from stages.scored_cells import read_members, scored_cells

_LOG = logging.getLogger(__name__)
_METRICS = Path("metrics")


def main() -> None:
    """Write the three tables and ``claims.json``."""
    params = load_params()
    counts: dict[str, dict[Point, PlaceCounts]] = {t: {} for t in params.grid.arms}
    for (arm, task, label_frac), folders in scored_cells(params):
        for use, found in count_places(read_members(folders), task).items():
            counts[task][arm, use, label_frac] = found
    tables: dict[str, list[pd.DataFrame]] = {}
    claims: dict[str, Claims] = {}
    section = params.intervals
    for task, cells in counts.items():
        study = Study(cells, task, draws=section.draws, seed=params.seed)
        best = study.best(
            from_scratch(params), section.claims.reference_frac, section.confidence
        )
        for name, table in (
            ("intervals", study.intervals(section.confidence)),
            ("comparisons", _comparisons(study, best, params)),
            ("label_saving", _savings(study, best, params)),
        ):
            table.insert(0, "task", task)
            tables.setdefault(name, []).append(table)
        if task_claims := _claims(study, best, params):
            claims[task] = task_claims
    for name, parts in tables.items():
        table = pd.concat(parts, ignore_index=True)
        table.to_csv(_METRICS / f"{name}.csv", index=False, float_format="%.6f")
    written = json.dumps(claims, indent=2) + "\n"
    (_METRICS / "claims.json").write_text(written)
    _LOG.info("%s", written)


def _comparisons(study: Study, best: Best | None, params: Params) -> pd.DataFrame:
    section = params.intervals
    rows: list[Row] = []
    if "twin" in section.comparisons:
        rows += comparisons.twin_rows(study.samples, twins(params), section.confidence)
    if "best_supervised" in section.comparisons and best:
        rows += comparisons.best_rows(study.samples, pretrained(params), best)
    table = comparisons.comparison_table(rows)
    table.insert(0, "metric", study.metric)
    return table


def _savings(study: Study, best: Best | None, params: Params) -> pd.DataFrame:
    rows = []
    if best:
        rows = label_saving.saving_rows(study.samples, pretrained(params), best)
    return pd.DataFrame(rows, columns=list(label_saving.COLUMNS))


def _claims(study: Study, best: Best | None, params: Params) -> Claims:
    if not best:
        return {}
    chance = study.chance(params.intervals.claims.label_frac)
    return judge(study.samples, chance, pretrained(params), best)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
