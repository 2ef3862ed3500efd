import numpy as np
import pandas as pd
import pytest
import torch

from sentinel_fusion.tasks.single_label import loss, probabilities, targets


def test_the_target_is_the_majority_class() -> None:
    index = pd.DataFrame({"majority": np.array([3, 0], np.int16)})
    assert targets(index).tolist() == [3, 0]


def test_equal_logits_cost_the_log_of_the_classes() -> None:
    value = loss(torch.zeros(2, 8), torch.tensor([0, 5]))
    assert float(value) == pytest.approx(np.log(8))


def test_probabilities_sum_to_one() -> None:
    total = probabilities(torch.randn(5, 8)).sum(dim=1)
    torch.testing.assert_close(total, torch.ones(5))
