"""The control: with permuted training labels there is nothing to learn."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats
from tests.integration.conftest import ARMS, Clone, Params, shrink

from sentinel_fusion.classes import NUM_CLASSES

pytestmark = pytest.mark.slow
SEEDS = 6
TASKS = ("single_label", "multi_label", "segmentation")
CHANCE = 1 / NUM_CLASSES
CURVES = [(arm, use) for arm in ARMS for use in ("finetuned", "frozen")]
CONFIDENCE = 1 - 0.01 / len(CURVES)  # Bonferroni's over the curves


def _control(params: Params) -> None:
    """Enough tiles to learn from; one rate and one validation.

    With a choice among several, true labels of validation tiles would choose.
    """
    shrink(params)
    params["seeds"] = list(range(SEEDS))
    places = {"validation_places": 48, "test_places": 40}
    params["download"]["synthetic"] |= places
    one_look = {"steps": 40, "eval_every": 40, "learning_rates": [0.01]}
    params["finetune"] |= {"batch_size": 16, **one_look}
    few = {"steps": 12, "eval_every": 12, "batch_size": 4}
    params["task_budgets"]["segmentation"] = few
    arms = {task: ARMS.copy() for task in TASKS}
    params["grid"] = {"label_fracs": [1.0], "arms": arms}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Metrics of a run with given labels and of one with permuted ones."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    clone.edit_params(_control)
    clone.commit("control")
    kept = {}
    for labels in ("given", "permuted"):
        kept[labels] = tmp_path_factory.mktemp("kept") / "metrics"
        clone.run("dvc", "exp", "run", "-S", f"split.train_labels={labels}")
        shutil.copytree(clone.folder / "metrics", kept[labels])
    return kept


def _accuracy(metrics: Path, arm: str, use: str) -> tuple[float, float]:
    """Interval of the average accuracy over seeds, each with labels of its own."""
    scores = pd.read_csv(metrics / "scores.csv")
    chosen = scores.query(
        "task == 'single_label' and metric == 'aa' and arm == @arm and use == @use"
    )
    assert len(chosen) == SEEDS
    mean, error = chosen["value"].mean(), stats.sem(chosen["value"])
    low, high = stats.t.interval(CONFIDENCE, SEEDS - 1, loc=mean, scale=error)
    return float(low), float(high)


@pytest.mark.parametrize(("arm", "use"), CURVES)
def test_given_labels_are_learnt(metrics: dict[str, Path], arm: str, use: str) -> None:
    low, _ = _accuracy(metrics["given"], arm, use)
    assert low > 1.5 * CHANCE


@pytest.mark.parametrize(("arm", "use"), CURVES)
def test_permuted_labels_bring_every_arm_to_chance(
    metrics: dict[str, Path], arm: str, use: str
) -> None:
    low, high = _accuracy(metrics["permuted"], arm, use)
    assert low < CHANCE < high
    assert high < _accuracy(metrics["given"], arm, use)[0]


@pytest.mark.parametrize("task", TASKS)
def test_the_headline_does_not_hold_with_permuted_labels(
    metrics: dict[str, Path], task: str
) -> None:
    text = (metrics["permuted"] / "claims.json").read_text()
    claims: dict[str, dict[str, Any]] = json.loads(text)[task]
    verdicts = [claim["verdict"] for uses in claims.values() for claim in uses.values()]
    assert verdicts == ["does not hold"] * 2


def test_the_splits_are_the_same_in_both(metrics: dict[str, Path]) -> None:
    first, second = (
        json.loads((metrics[labels] / "data.json").read_text())
        for labels in ("given", "permuted")
    )
    assert first == second
