import json
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sentinel_fusion.train.cost import Stopwatch, forward_gflops, write_cost


@pytest.mark.parametrize(
    ("layer", "shape", "flops"),
    [
        (nn.Linear(10, 20, bias=False), (3, 10), 2 * 3 * 10 * 20),
        (nn.Linear(10, 20), (3, 10), 2 * 3 * 10 * 20),
        (nn.Conv2d(2, 4, 3, padding=1), (5, 2, 8, 8), 2 * 5 * 8 * 8 * 4 * 2 * 3 * 3),
        (nn.Conv2d(2, 4, 3, stride=2, padding=1), (1, 2, 8, 8), 2 * 4 * 4 * 4 * 2 * 9),
        (nn.ReLU(), (3, 10), 0),
    ],
)
def test_arithmetic_of_a_layer_by_hand(
    layer: nn.Module, shape: tuple[int, ...], flops: int
) -> None:
    images = torch.zeros(shape)
    assert forward_gflops(lambda: layer(images)) == pytest.approx(flops / 1e9)


def test_arithmetic_of_attention_by_hand() -> None:
    heads, tokens, width = 2, 6, 4
    query = torch.zeros(1, heads, tokens, width)
    gflops = forward_gflops(lambda: (query @ query.mT).softmax(dim=-1) @ query)
    # queries by keys, then weights by values
    assert gflops == pytest.approx(2 * 2 * heads * tokens * tokens * width / 1e9)


def test_arithmetic_is_counted_without_gradients() -> None:
    layer, outputs = nn.Linear(2, 2), list[Tensor]()
    forward_gflops(lambda: outputs.append(layer(torch.zeros(1, 2))))
    assert not outputs[0].requires_grad


def test_time_and_memory_are_measured() -> None:
    used = Stopwatch(torch.device("cpu")).read()
    assert used["seconds"] >= 0
    assert used["peak_memory_mib"] > 1


def test_a_cost_comes_back_as_json(tmp_path: Path) -> None:
    file = tmp_path / "late" / "cost.json"
    write_cost(file, {"seconds": 1.5, "resumed": False})
    assert json.loads(file.read_text()) == {"seconds": 1.5, "resumed": False}


def test_a_cached_file_linked_there_survives(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("old")
    os.link(cached, tmp_path / "cost.json")
    write_cost(tmp_path / "cost.json", {"seconds": 2})
    assert cached.read_text() == "old"
