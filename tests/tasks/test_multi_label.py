import numpy as np
import pandas as pd
import pytest
import torch

from sentinel_fusion.tasks.multi_label import (
    TARGET_COLUMNS,
    loss,
    probabilities,
    targets,
)


def test_targets_mark_the_classes_a_tile_has() -> None:
    index = pd.DataFrame(np.eye(8, dtype=bool)[[7, 0]], columns=TARGET_COLUMNS)
    assert targets(index).tolist() == np.eye(8, dtype=int)[[7, 0]].tolist()


def test_undecided_logits_cost_the_log_of_two() -> None:
    value = loss(torch.zeros(3, 8), torch.eye(8, dtype=torch.int64)[:3])
    assert float(value) == pytest.approx(np.log(2))


def test_loss_equals_the_formula_tile_by_tile() -> None:
    logits = torch.tensor([[1.0, -2.0]])
    p = 1 / (1 + np.exp([-1.0, 2.0]))
    expected = -(np.log(p[0]) + np.log(1 - p[1])) / 2
    assert float(loss(logits, torch.tensor([[1, 0]]))) == pytest.approx(expected)


def test_probabilities_are_independent() -> None:
    torch.testing.assert_close(
        probabilities(torch.zeros(1, 8)), torch.full((1, 8), 0.5)
    )
