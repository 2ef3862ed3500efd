"""Write the report of a run as one page that works without a network."""

import json
import logging
from pathlib import Path

from sentinel_fusion.metrics.task_metrics import metrics_of
from sentinel_fusion.params import Params, load_params
from sentinel_fusion.report.page import render_page
from sentinel_fusion.report.provenance import (
    data_hashes,
    machine,
    revision,
    versions,
)
from sentinel_fusion.report.results import Results
from sentinel_fusion.report.run import Claim, Run
from stages.arm_roles import with_pretraining

_LOG = logging.getLogger(__name__)
_OUT = Path("report/index.html")
_STORES = {role: Path("data/tiles") / role for role in ("pretrain", "labelled")}
_LIMIT_MB = 10
"""Above it the page is slow to open and too large for most mail."""
_GENERATED = (
    "synthetic: measured on generated tiles. It shows that the pipeline works, not how "
    "large a gain is on the Earth."
)
_PERMUTED = "training labels permuted at random: a control, no arm may beat chance."


def main() -> None:
    """Write ``report/index.html``."""
    params = load_params()
    page = render_page(
        _describe(params),
        Results(Path("metrics")),
        origin=_origin(),
        params=Path("params.yaml").read_text(),
    )
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.unlink(missing_ok=True)  # may be a hard link into DVC's cache
    _OUT.write_text(page)
    size_mb = _OUT.stat().st_size / 1e6
    _LOG.info("%s: %.1f MB, opens without a network", _OUT, size_mb)
    if size_mb > _LIMIT_MB:
        _LOG.warning(
            "%s should be below %d MB; see which figures of metrics/ are large",
            _OUT,
            _LIMIT_MB,
        )


def _describe(params: Params) -> Run:
    sources = {role: source.source for role, source in params.sources}
    cautions = {
        _GENERATED: "synthetic" in sources.values(),
        _PERMUTED: params.split.train_labels == "permuted",
    }
    return Run(
        arms=(*params.arms, *params.ensembles),
        pretrained=frozenset(with_pretraining(params)),
        headlines={
            task: (metrics_of(task).HEADLINE_METRIC, metrics_of(task).HEADLINE_TITLE)
            for task in params.grid.arms
        },
        sources=sources,
        split=params.split.describe(),
        label_fracs=tuple(sorted(params.grid.label_fracs)),
        num_seeds=len(params.seeds),
        claim=Claim(
            **params.intervals.claims.model_dump(),
            confidence=params.intervals.confidence,
        ),
        cautions=tuple(text for text, applies in cautions.items() if applies),
    )


def _origin() -> dict[str, dict[str, str]]:
    stats = {
        role: json.loads((store / "stats.json").read_text())
        for role, store in _STORES.items()
    }
    outs = [*map(str, _STORES.values()), "data/splits"]
    return {
        "Revision": revision(Path()),
        "Data": data_hashes(Path("dvc.lock"), outs, stats),
        "Versions": versions(),
        "Machine": machine(),
    }


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
