import numpy as np
import pandas as pd
import pytest

from sentinel_fusion.metrics.scores import (
    confusion_rows,
    headline_summary,
    score_predictions,
)

PROBABILITY = [f"p{code}" for code in range(8)]


def _cell() -> pd.DataFrame:
    """Forest and water; seed 0 finds both, seed 1 finds the forest alone."""
    tables = []
    for seed, predicted in ((0, [0, 7]), (1, [0, 0])):
        table = pd.DataFrame(np.eye(8)[predicted], columns=PROBABILITY)
        table = table.assign(use="finetuned", seed=seed, majority=[0, 7])
        tables += [table.assign(split="test"), table.assign(split="val")]
    return pd.concat(tables)


SCORES = score_predictions(_cell(), "single_label")


def test_every_seed_is_scored_by_itself() -> None:
    aa = SCORES[SCORES["metric"] == "aa"].set_index("seed")["value"]
    assert aa.to_dict() == {0: 1.0, 1: 0.5}


def test_the_headline_is_the_mean_over_seeds_with_its_spread() -> None:
    summary = headline_summary(SCORES, "single_label")["finetuned"]
    assert (summary["aa"], summary["aa_sd"]) == (0.75, 0.25)


def test_the_headline_holds_numbers_only() -> None:
    summary = headline_summary(SCORES, "single_label")["finetuned"]
    assert all(np.isfinite(value) for value in summary.values())


@pytest.mark.parametrize(("predicted", "count"), [("water", 1), ("forest", 1)])
def test_confusion_has_a_row_a_tile_and_seed(predicted: str, count: int) -> None:
    rows = confusion_rows(SCORES, "finetuned")
    water = rows[rows["actual"] == "water"]
    assert (water["predicted"] == predicted).sum() == count
