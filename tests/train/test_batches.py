import threading

import numpy as np
import pytest
import torch

from sentinel_fusion.data.loader import Batch
from sentinel_fusion.train.batches import Rows, in_turn

CPU = torch.device("cpu")
BATCHES = np.arange(12).reshape(4, 3)


@pytest.mark.parametrize("ahead", [False, True])
def test_batches_come_in_order_with_the_draws_of_a_loop(ahead: bool) -> None:
    generator = torch.Generator().manual_seed(0)

    def load(rows: Rows) -> Batch:
        return {"s1": torch.from_numpy(rows) + torch.rand(3, generator=generator)}

    found = list(in_turn(load, list(BATCHES), CPU, ahead=ahead))
    again = torch.Generator().manual_seed(0)
    for (rows, images), wanted in zip(found, BATCHES, strict=True):
        assert rows.tolist() == wanted.tolist()
        expected = torch.from_numpy(wanted) + torch.rand(3, generator=again)
        assert torch.equal(images["s1"], expected)


def test_ahead_the_next_batch_is_loaded_while_one_is_used() -> None:
    begun = [threading.Event() for _ in BATCHES]

    def load(rows: Rows) -> Batch:
        begun[rows[0] // 3].set()
        return {}

    batches = in_turn(load, list(BATCHES), CPU, ahead=True)
    next(batches)
    assert begun[1].wait(10)
    assert not begun[2].is_set()
    batches.close()  # type: ignore[attr-defined]


def test_else_a_batch_is_loaded_when_it_is_wanted() -> None:
    loaded = []

    def load(rows: Rows) -> Batch:
        loaded.append(int(rows[0]))
        return {}

    batches = in_turn(load, list(BATCHES), CPU, ahead=False)
    next(batches)
    assert loaded == [0]


@pytest.mark.parametrize("ahead", [False, True])
def test_an_error_of_a_batch_comes_in_its_place(ahead: bool) -> None:
    def load(rows: Rows) -> Batch:
        if rows[0] == 3:
            raise OSError("disk gone")
        return {}

    batches = in_turn(load, list(BATCHES), CPU, ahead=ahead)
    next(batches)
    with pytest.raises(OSError, match="disk gone"):
        next(batches)
