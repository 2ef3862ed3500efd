"""Comparing revisions in a clone that has no cache of DVC."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert
from tests.integration.conftest import Clone

pytestmark = pytest.mark.slow
INTERVALS = Path("metrics/intervals.csv")
CURVES = Path("metrics/label_efficiency.json")
_AUTHOR = ("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid")
TASKS = ("multi_label", "segmentation", "single_label")


class Checkout(Clone):
    """A plain Git clone of a reproduced project."""

    def __init__(self, folder: Path, source: Clone) -> None:
        self.folder = folder
        self.env = source.env
        source.run("git", "clone", "-q", str(source.folder), str(folder))
        assert not (folder / ".dvc" / "cache").exists()

    def edit_curves(self, add: float) -> None:
        file = self.folder / CURVES
        rows = json.loads(file.read_text())
        shifted = [{**row, "score": row["score"] + add} for row in rows]
        file.write_text(json.dumps(shifted))

    def compare(self, base: str, *, check: bool = True) -> str:
        env = ("env", "PYTHONPATH=src")
        command = (*env, sys.executable, "-m", "stages.compare", base)
        return self.run(*command, check=check)


@pytest.fixture
def checkout(clone: Clone, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout", clone)


def _intervals(mean: float) -> pd.DataFrame:
    row = {
        **{"task": "single_label", "arm": "late", "use": "frozen", "label_frac": 0.5},
        **{"metric": "aa", "mean": mean, "low": mean - 0.02, "high": mean + 0.02},
        **{"num_seeds": 2, "num_places": 6},
    }
    return pd.DataFrame([row])


def test_params_and_scores_of_a_branch_are_compared(checkout: Checkout) -> None:
    checkout.run("git", "checkout", "-q", "-b", "base")
    _intervals(0.7).to_csv(checkout.folder / INTERVALS, index=False)
    checkout.run("git", "add", "-A")
    checkout.run(*_AUTHOR, "commit", "-qm", "base")
    _intervals(0.6).to_csv(checkout.folder / INTERVALS, index=False)
    checkout.edit_params(lambda params: params["finetune"].update(steps=5))
    file = checkout.folder / "metrics/headline.json"
    headline = json.loads(file.read_text())
    file.write_text(json.dumps({**headline, "labels": headline["labels"] + 1}))
    text = checkout.compare("base")
    scores = "70.0 (68.0 to 72.0) | 60.0 (58.0 to 62.0) | -10.0 | **yes** |"
    assert "| params.yaml | `finetune.steps` | 4 | 5 |" in text
    assert f"| single_label | frozen encoder | late | 50 % | aa | {scores}" in text
    assert "| metrics/headline.json | `labels` |" in text


def test_a_base_without_intervals_is_said_to_have_none(checkout: Checkout) -> None:
    checkout.run("git", "checkout", "-q", "-b", "base")
    (checkout.folder / INTERVALS).unlink(missing_ok=True)
    checkout.run(*_AUTHOR, "commit", "-qam", "none", "--allow-empty")
    assert re.search(
        r"base \(\w+\) has no metrics/intervals.csv", checkout.compare("base")
    )


def test_an_unknown_base_is_refused_in_one_line(checkout: Checkout) -> None:
    text = checkout.compare("nowhere", check=False)
    assert text.strip() == (
        "BASE must be a branch, tag or commit, got 'nowhere'; see `git branch`"
    )


def _drawn(checkout: Checkout, *command: str) -> tuple[dict[str, Any], str]:
    """The chart that DVC makes, and as it is drawn."""
    chart = json.loads(checkout.run("dvc", "plots", *command, "--show-vega"))
    svg: str = vl_convert.vegalite_to_svg(chart)
    return chart, svg


def test_the_curves_of_both_revisions_are_drawn(checkout: Checkout) -> None:
    checkout.edit_curves(add=0.1)
    chart, svg = _drawn(checkout, "diff", "main", "--targets", "label_efficiency")
    rows = pd.DataFrame(chart["data"]["values"])
    keys = ["task", "use", "arm", "label_pct"]
    scores = rows.pivot_table(index=keys, columns="rev", values="score")
    assert (scores["workspace"] - scores["main"]).to_numpy() == pytest.approx(0.1)
    panels = {f"{t} ({rev})" for t in TASKS for rev in ("main", "workspace")}
    assert all(panel in svg for panel in panels)
    lines = re.findall(r'aria-roledescription="line mark"[^>]*', svg)
    assert len(lines) == rows.groupby(["rev", *keys[:-1]]).ngroups


def test_arms_from_scratch_are_dashed(checkout: Checkout) -> None:
    chart, svg = _drawn(checkout, "show", "label_efficiency")
    rows = pd.DataFrame(chart["data"]["values"])
    scratch = rows[rows["start"] == "random weights"]
    assert set(scratch["arm"]) == {"late"}
    dashed = re.findall(
        r'aria-roledescription="line mark"[^>]*stroke-dasharray="5,3"', svg
    )
    assert len(dashed) == scratch.groupby(["task", "use"]).ngroups


def test_one_revision_has_a_panel_a_task_and_use(checkout: Checkout) -> None:
    _, svg = _drawn(checkout, "show", "label_efficiency")
    assert all(f"{task} (workspace)" in svg for task in TASKS)
