import ctypes
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sentinel_fusion.train import device
from sentinel_fusion.train.device import autocast, make_deterministic, pick_device


def test_auto_is_the_cpu_without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu")


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")


def test_cuda_without_a_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="got none; set device to auto"):
        pick_device("cuda")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_autocast_sets_the_type_of_products(precision: str, dtype: torch.dtype) -> None:
    with autocast(torch.device("cpu"), precision):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == dtype


def test_repeatable_work_fills_no_tensor_before_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deterministic: Any = torch.utils.deterministic
    monkeypatch.setattr(deterministic, "fill_uninitialized_memory", True)
    make_deterministic(torch.get_num_threads(), torch.device("cpu"))
    torch.use_deterministic_algorithms(mode=False)
    assert not deterministic.fill_uninitialized_memory


def test_keeping_memory_asks_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    library = SimpleNamespace(mallopt=lambda *option: asked.append(option))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    device.keep_freed_memory()
    assert asked == [(-3, 2**25), (-1, 2**31 - 1)]


def test_a_c_library_without_mallopt_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    device.keep_freed_memory()


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({"s1": nn.Linear(2, 2), "s2": nn.Linear(2, 2)})


@pytest.mark.parametrize(("kind", "compiled"), [("cpu", 0), ("cuda", 2)])
def test_networks_are_compiled_on_cuda_only(
    kind: str, compiled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(nn.Linear, "compile", lambda self, mode: calls.append(mode))
    method = nn.Module()
    method.encoder = _Encoder()
    device.compile_networks(method, torch.device(kind))
    assert calls == ["default"] * compiled
